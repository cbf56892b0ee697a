"""Finland's personal identity code: a date of birth, a sign for the century, a number, a check character.

Source: Digital and Population Data Services Agency, "The personal identity code".
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS

_CHECKS = "0123456789ABCDEFHJKLMNPRSTUVWXY"


def _agrees(plain: str) -> bool:
    digits = "".join(filter(str.isdigit, plain[:-1]))
    return int(digits[:2]) <= 31 and 1 <= int(digits[2:4]) <= 12 and _CHECKS[int(digits) % 31] == plain[-1]


_KIND = Identifier(
    form=number(r"\d{6}[-+A-FU-Ya-fu-y]\d{3}[0-9A-FHJ-NPR-Ya-fhj-npr-y]"),
    check=_agrees,
    words=words("hetu", "henkil(?:ö|o)tunnus", "personal identity code"),
    grouped=0.9,
    alone=0.9,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
