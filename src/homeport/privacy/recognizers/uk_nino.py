"""National insurance numbers of the United Kingdom: two letters, six digits, a letter A to D. There is no checksum.

Source: HMRC, National Insurance Manual NIM39110, which names the letters that are not given.
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS

_NOT_GIVEN = frozenset({"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"})

_KIND = Identifier(
    form=number(r"[A-CEGHJ-PR-TW-Za-ceghj-pr-tw-z][A-CEGHJ-NPR-TW-Za-ceghj-npr-tw-z] ?\d{2} ?\d{2} ?\d{2} ?[A-Da-d]"),
    check=lambda plain: plain[:2] not in _NOT_GIVEN,
    words=words("nino", "ni", "national insurance"),
    grouped=0.85,
    alone=0.8,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
