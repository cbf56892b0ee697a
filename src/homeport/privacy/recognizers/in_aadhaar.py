"""India's Aadhaar: twelve digits, the first from 2 on, Verhoeff's checksum.

Source: UIDAI, "A UID numbering scheme" (2010).
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.checksums import same_digits, verhoeff
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS

_KIND = Identifier(
    form=number(r"[2-9]\d{3}([ -]?)\d{4}\1\d{4}"),
    check=lambda digits: not same_digits(digits) and verhoeff(digits),
    words=words("aadha+r", "uidai", "uid", "आधार"),
    grouped=0.7,
    alone=0.35,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
