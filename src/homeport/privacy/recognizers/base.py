"""What a recognizer offers. One conformance suite covers every recognizer."""

from collections.abc import Iterator
from typing import Protocol

import msgspec


class Span(msgspec.Struct, frozen=True):
    """Where something was found: `text[start:end]`.

    Attributes:
        score: how sure it is, above 0, at most 1. 1 means that a checksum agrees or the form is unmistakable.
    """

    start: int
    end: int
    score: float


class RecognizerModule(Protocol):
    """A module of this folder, or of the entry-point group `homeport.privacy.recognizers`.

    Its name is the kind of what it finds: it names a category, and a placeholder where text is redacted.
    """

    def find(self, text: str) -> Iterator[Span]:
        """Every occurrence, in order, none overlapping another. Total, and linear in the length of the text."""
