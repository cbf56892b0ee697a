"""Postal codes that are called so, or come after a state of the United States. Form alone."""

import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import Span
from homeport.privacy.recognizers.identifiers import said_before, words

_CODE = re.compile(
    r"[A-Z0-9](?<![\w-]\w)(?:(?<=\d)\d{2,4}(?:[ -]?\d{2,4})?(?: [A-Z]{2})?"
    r"|(?<=[A-Z])[A-Z]?\d[A-Z0-9]? ?\d[A-Z]{2})(?![\w-])",
    re.ASCII,
)
_SAID = words(r"(?:zip|postal|post|pin)[ -]?(?:codes?)?", "postcode", "plz", "code postal", "c[oó]digo postal", "cap")
_STATE = re.compile(r"\b(?:[A-Z]{2}|[A-Z][a-z]+,? [A-Z]{2})[, ]{1,2}\Z", re.ASCII)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    for match in _CODE.finditer(text):
        if said_before(text, match.start(), _SAID, 16):
            yield Span(match.start(), match.end(), 0.5)
        elif _STATE.search(text[max(0, match.start() - 12) : match.start()]) and len(match.group()) in (5, 10):
            yield Span(match.start(), match.end(), 0.4)
