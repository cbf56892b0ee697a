"""Poland's PESEL: a date of birth whose month tells the century, a number, a check digit.

Source: Ustawa o ewidencji ludności, PESEL; weights 1, 3, 7 and 9, mod 10.
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.checksums import weighed
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS


def _agrees(digits: str) -> bool:
    month, day = int(digits[2:4]) % 20, int(digits[4:6])
    return 1 <= month <= 12 and 1 <= day <= 31 and weighed(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


_KIND = Identifier(form=number(r"\d{11}"), check=_agrees, words=words("pesel"), alone=0.55)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
