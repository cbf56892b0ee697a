"""Addresses of network cards: six bytes (IEEE 802, EUI-48) with colons or hyphens, or three groups with dots."""

import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import Span

NEEDS = (":", "-", ".")

_ADDRESS = re.compile(
    r"[0-9A-Fa-f]{2}(?:([:-])(?<![\w:.-]...)(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}"
    r"|[0-9A-Fa-f]{2}\.(?<![\w:.-].....)[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})"
    r"(?![\w:-]|\.\w)",
    re.ASCII,
)
_NOBODY = frozenset({"000000000000", "ffffffffffff"})


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`. Zeros alone, and the address of all, are nobody's."""
    for match in _ADDRESS.finditer(text):
        if "".join(filter(str.isalnum, match.group())).lower() not in _NOBODY:
            yield Span(match.start(), match.end(), 0.9)
