"""Titles before names. Form alone: they say that a name comes, not whose."""

import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import Span

_TITLE = re.compile(
    r"(?<![^\W_])(?:(?:Mrs?|Ms|Miss|Mx|mrs?|ms|Sr|Sir)\b\.?|Dr\.|Prof\.|Herr\b|Frau\b|Rev\.)(?= [^\W\d_a-z])"
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return (Span(match.start(), match.end(), 0.4) for match in _TITLE.finditer(text))
