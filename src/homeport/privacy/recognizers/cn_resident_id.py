"""China's resident identity number: 17 digits, with a date of birth in them, and a check character.

Source: GB 11643-1999; ISO 7064 mod 11-2.
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.checksums import weighed
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)

_KIND = Identifier(
    form=number(r"[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[0-9Xx]"),
    check=lambda plain: "10X98765432"[weighed(plain[:17], _WEIGHTS) % 11] == plain[17],
    words=words("身份证", "resident id", "identity card"),
    alone=0.95,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
