"""Full-text search over what was kept whole: one Protocol, and how texts and queries become words.

Both are made plain in the same way before a database sees them: in the compatibility form of Unicode, without accents,
in lower case, and nothing but letters and digits between blanks, so that nothing in a text or a query is syntax. Han,
Hiragana and Katakana are written without blanks: each character is a word, and words are found as neighbours.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Protocol

import msgspec

from homeport.core.errors import InvalidRequest

MOST_CHARS = 100_000
"""Of one text; of a longer one the beginning and the end are indexed."""
MOST_TERMS = 32
MOST_QUERY_CHARS = 1_000

_PARTS = re.compile(r'"([^"]*)"?|([^\s"]+)')
_NO_WORD = re.compile(r"[\W_]+")
_ALONE = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])")


class Term(msgspec.Struct, frozen=True):
    """Words that must stand beside each other in this order; `begins`: the last one may go on."""

    words: tuple[str, ...]
    begins: bool = False


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """What one request said and was answered.

    Attributes:
        at: nanoseconds since the epoch when it began.
        private: its content may not leave home.
    """

    request_id: str
    at: int
    text: str
    private: bool = False


class Hit(msgspec.Struct, frozen=True):
    """A request in which all terms were found. `place` is where it stands among all: a later one is greater."""

    request_id: str
    place: int


class Hits(msgspec.Struct, frozen=True):
    """Some requests, the newest first. `next`: the place before which to look on, 0 at the end.

    There may be one however few were found: an index looks for a bounded time. `spent`: that time is over.
    """

    found: Sequence[Hit]
    next: int = 0
    spent: bool = False

    @classmethod
    def of(cls, found: Sequence[Hit], most: int) -> "Hits":
        """All there are, or as many as were wanted."""
        return cls(found, found[-1].place if len(found) >= most else 0)


class WordIndex(Protocol):
    """Which requests have which words. Any process may use it; it is not on the request path."""

    def add(self, texts: Sequence[Text]) -> None:
        """Index texts; one of a request that is there takes its place."""

    def remove(self, request_ids: Sequence[str]) -> None:
        """Forget them, and every word of theirs."""

    def find(self, terms: Sequence[Term], *, before: int = 0, since: int = 0, most: int = 50) -> Hits:
        """Requests that have all terms.

        Args:
            before: only places before this one; 0 for all.
            since: only requests that began then or later, in nanoseconds since the epoch.
        """

    def oldest(self, after: int, most: int) -> list[Hit]:
        """What this state folder has put there, the oldest first, beyond a place."""


def read_terms(query: str) -> tuple[Term, ...]:
    """What a person typed: words that must all be there, "phrases", and beginnings such as contr*.

    Raises:
        InvalidRequest: search_empty; there is no word in it, or too much.
    """
    terms = []
    for phrase, word in _PARTS.findall(query[:MOST_QUERY_CHARS]):
        if words := plain(phrase or word).split():
            terms.append(Term(tuple(words), begins=word.endswith("*")))
    if not terms or len(terms) > MOST_TERMS or len(query) > MOST_QUERY_CHARS:
        raise InvalidRequest(
            "there is nothing to look for in this" if not terms else "this is too much to look for",
            code="search_empty",
            param="text",
            hint=f"give a word or a phrase, at most {MOST_TERMS} of them",
        )
    return tuple(terms)


def plain(text: str) -> str:
    """A text as words between single blanks. Total: whatever is no letter or digit is a blank."""
    if len(text) > MOST_CHARS:
        half = MOST_CHARS // 2
        text = f"{text[:half]} {text[-half:]}"
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
        text = _ALONE.sub(r" \1 ", unicodedata.normalize("NFKC", bare))
    return _NO_WORD.sub(" ", text.casefold()).strip()
