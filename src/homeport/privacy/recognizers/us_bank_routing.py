"""Routing numbers of banks in the United States: nine digits, weights 3, 7 and 1, mod 10.

Source: American Bankers Association, "Routing number policy and procedures". One number in ten agrees by chance.
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.checksums import weighed
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS


def _agrees(digits: str) -> bool:
    district = int(digits[:2])
    is_given = 1 <= district <= 12 or 21 <= district <= 32 or 61 <= district <= 72 or district == 80
    return is_given and weighed(digits, (3, 7, 1) * 3) % 10 == 0


_KIND = Identifier(
    form=number(r"\d{9}|\d{4}-\d{4}-\d"),
    check=_agrees,
    words=words("routing", "aba", "rtn", "ach", "wire", "transit", "abarouting"),
    grouped=0.45,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
