"""Switzerland's AHV number: 756, nine digits and the check digit of an EAN-13.

Source: Zentrale Ausgleichsstelle, "AHV-Nummer".
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.checksums import weighed
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS

_KIND = Identifier(
    form=number(r"756([. ]?)\d{4}\1\d{4}\1\d{2}"),
    check=lambda digits: weighed(digits, (1, 3) * 6 + (1,)) % 10 == 0,
    words=words("ahv", "avs", "ahv-nr", "sozialversicherungsnummer"),
    grouped=1.0,
    alone=0.9,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
