"""Australia's tax file number: nine digits, weighed, mod 11.

Source: Australian Taxation Office, TFN algorithm.
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.checksums import same_digits, weighed
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS


def _agrees(digits: str) -> bool:
    return not same_digits(digits) and weighed(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


_KIND = Identifier(
    form=number(r"\d{3}([ -]?)\d{3}\1\d{3}"), check=_agrees, words=words("tfn", "tax file"), grouped=0.45
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
