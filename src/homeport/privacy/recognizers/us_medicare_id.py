"""Medicare beneficiary identifiers of the United States: eleven characters in a form of their own.

Source: CMS, "Understanding the Medicare Beneficiary Identifier format". There is no checksum.
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.identifiers import Identifier, always, found, number, words

NEEDS = NUMBERS

_LETTER = "[AC-HJKMNP-RT-Yac-hjkmnp-rt-y]"
_EITHER = "[0-9AC-HJKMNP-RT-Yac-hjkmnp-rt-y]"
_KIND = Identifier(
    form=number(rf"[1-9]{_LETTER}{_EITHER}\d-?{_LETTER}{_EITHER}\d-?{_LETTER}{{2}}\d{{2}}"),
    check=always,
    words=words("mbi", "medicare", "hicn"),
    grouped=0.9,
    alone=0.8,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
