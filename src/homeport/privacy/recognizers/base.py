"""What a recognizer offers. One conformance suite covers every recognizer."""

from collections.abc import Iterator
from typing import Protocol

import msgspec


class Span(msgspec.Struct, frozen=True):
    """Where something was found: `text[start:end]`.

    Attributes:
        score: how sure it is, above 0, at most 1. 1 means that a checksum agrees or the form is unmistakable;
            below 0.5 that only words beside it could tell, and there are none.
    """

    start: int
    end: int
    score: float


NUMBERS = "numbers"
"""As `NEEDS`: what is found has four digits with at most three other characters between any two of them, and nothing
further than `REACH` characters from such a place is looked at."""

REACH = 64


class RecognizerModule(Protocol):
    """A module of this folder, or of the entry-point group `homeport.privacy.recognizers`.

    Its name is the kind of what it finds: it names a category, and a placeholder where text is redacted.

    It may have `NEEDS`, to be asked less often: NUMBERS, or a tuple of strings; a text without any of them, in lower
    or upper case as they are, holds nothing of this kind. One whose `find` raises makes the request private.
    """

    def find(self, text: str) -> Iterator[Span]:
        """Every occurrence, in order, none overlapping another. Total, and linear in the length of the text.

        Args:
            text: with ASCII's digits, hyphen and space in the place of all others.
        """
