"""Addresses of the web, which say whose page it is. Form alone: most of them are nobody's secret."""

import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import Span

NEEDS = ("://", "www.", "WWW.")

_URL = re.compile(
    r"(?<![\w.-])(?:[a-z][a-z0-9+.-]{1,15}://|www\.)[^\s<>\"'`{}|\\^\[\]]{3,2048}", re.IGNORECASE | re.ASCII
)
_TAIL = ".,;:!?)*_"


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    for match in _URL.finditer(text):
        address = match.group().rstrip(_TAIL)
        if "." in address or "://" in address:
            yield Span(match.start(), match.start() + len(address), 0.6)
