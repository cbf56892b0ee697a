"""The NHS number of the United Kingdom: ten digits, weights 10 to 2, mod 11.

Source: NHS Data Dictionary, "NHS number".
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.checksums import same_digits, weighed
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS


def _agrees(digits: str) -> bool:
    return not same_digits(digits) and (weighed(digits, range(10, 1, -1)) + int(digits[9])) % 11 == 0


_KIND = Identifier(
    form=number(r"\d{3}([ -]?)\d{3}\1\d{4}"),
    check=_agrees,
    words=words(r"nhs(?: (?:number|no\.?))?", "patient"),
    grouped=0.45,
    alone=0.3,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
