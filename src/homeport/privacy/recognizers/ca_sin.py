"""Canada's social insurance number: nine digits, Luhn's checksum, the first neither 0 nor 8.

Source: Service Canada, "The Social Insurance Number Code of Practice".
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.checksums import luhn, same_digits
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS

_KIND = Identifier(
    form=number(r"[1-79]\d{2}([ -]?)\d{3}\1\d{3}"),
    check=lambda digits: not same_digits(digits) and luhn(digits),
    words=words("sin", "nas", "social insurance", "assurance sociale"),
    grouped=0.45,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
