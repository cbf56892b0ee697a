"""The Netherlands' BSN: nine digits, weights 9 to 2 and -1, mod 11.

Source: Rijksdienst voor Identiteitsgegevens, Logisch ontwerp BSN.
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.checksums import same_digits, weighed
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS


def _agrees(digits: str) -> bool:
    return not same_digits(digits) and weighed(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


_KIND = Identifier(
    form=number(r"\d{9}|\d{4}[ .]\d{2}[ .]\d{3}|\d{3}[ .]\d{3}[ .]\d{3}"),
    check=_agrees,
    words=words("bsn", "burgerservicenummer", "sofi-?(?:nummer)?"),
    grouped=0.4,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
