"""Addresses of e-mail, in the form that people write: RFC 5321 without quotes and address literals."""

import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import Span

_ADDRESS = re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-])")


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return (Span(match.start(), match.end(), 1.0) for match in _ADDRESS.finditer(text))
