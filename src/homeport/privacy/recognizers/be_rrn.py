"""Belgium's national register number: a date of birth, a number, and 97 less their remainder by 97.

Source: Arrêté royal du 3 avril 1984. Whoever was born from 2000 on has a 2 before the number that is divided.
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS


def _agrees(digits: str) -> bool:
    month, check = int(digits[2:4]) % 20, int(digits[9:])
    return month <= 12 and check in (97 - int(digits[:9]) % 97, 97 - int("2" + digits[:9]) % 97)


_KIND = Identifier(
    form=number(r"\d{2}\.\d{2}\.\d{2}-\d{3}[.-]\d{2}|\d{6}-?\d{3}-?\d{2}"),
    check=_agrees,
    words=words("rijksregister(?:nummer)?", r"registre national", "national number", "nn", "insz", "niss"),
    grouped=0.95,
    alone=0.5,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
