"""Addresses of e-mail, in the form that people write: RFC 5321 without quotes and address literals."""

import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import Span

NEEDS = ("@",)

_LONGEST = 64
_LOCAL = re.compile(r"(?<![\w.%+'-])[\w%+](?:[\w.%+'-]*[\w%+-])?\Z")
_DOMAIN = re.compile(
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,24})(?![^\W_]|-\w)", re.IGNORECASE
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    before, at = 0, text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1)
        local = _LOCAL.search(text[max(before, at - _LONGEST) : at]) if domain else None
        after = at + 1
        if domain and local:
            yield Span(at - len(local.group()), domain.end(), 1.0)
            before = after = domain.end()
        at = text.find("@", after)
