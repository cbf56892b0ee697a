"""Telephone numbers: international ones with `+` (E.164), and North America's in three groups.

National numbers of other countries look like any other number, so they are not found.
"""

import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import Span

_NUMBER = re.compile(
    r"(?<![\w+])\+[1-9](?:[ ().-]{0,2}\d){7,14}(?!\d)"
    r"|(?<![\w+.-])(?:1[ .-])?(?:\([2-9]\d{2}\)[ .-]{0,2}|[2-9]\d{2}[ .-]{1,2})[2-9]\d{2}[ .-]\d{4}(?![\w-])",
    re.ASCII,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`. The plan of North America has no checksum: other numbers may look the same."""
    for match in _NUMBER.finditer(text):
        yield Span(match.start(), match.end(), 0.9 if match.group().startswith("+") else 0.7)
