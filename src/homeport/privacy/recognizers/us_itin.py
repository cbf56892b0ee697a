"""Taxpayer identification numbers of the United States for people without a social security number.

Source: IRS, Internal Revenue Manual 3.21.263: 9xx, then a group of 50-65, 70-88, 90-92 or 94-99. There is no checksum.
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.identifiers import Identifier, always, found, number, words

NEEDS = NUMBERS

_KIND = Identifier(
    form=number(r"9\d{2}([ -]?)(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])\1\d{4}"),
    check=always,
    words=words("itin", "tin", r"tax(?:payer)? (?:id|identification)(?: (?:number|no\.?))?"),
    beside=0.9,
    grouped=0.6,
    alone=0.0,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
