"""Social security numbers of the United States: three groups, or nine digits that are called so.

Source: the Social Security Administration's rules: no group is all zeros, and the first is neither 666 nor 900 to 999.
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS

_SAID = words("ssn", "ss#", "ss number", r"social(?: security)?(?: (?:number|no\.?|#))?", "soc sec")


def _could_be(digits: str) -> bool:
    return digits[:3] not in ("000", "666") and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"


_KIND = Identifier(
    form=number(r"\d{3}(?:( ?[ .-] ?)\d{2}\1|\n\d{2}\n|\d{2})\d{4}"),
    check=_could_be,
    words=_SAID,
    grouped=0.85,
    alone=0.0,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`. There is no checksum."""
    return found(text, _KIND)
