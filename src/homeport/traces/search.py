"""Requests by what was said in them: the words of what was kept, and the filters of the list."""

import re
from collections.abc import Sequence

import msgspec
from sqlalchemy import Engine

from homeport.core.errors import StorageError
from homeport.storage.bodies import BodyStore
from homeport.storage.request_filter import RequestFilter
from homeport.storage.request_list import find_requests
from homeport.storage.request_rows import RequestRow
from homeport.storage.words import Term, WordIndex, read_terms
from homeport.traces.said import text_of

MOST = 200
"""Requests of a page, at most."""
_HITS = 500
_LOOKS = 4
"""So often that many hits are looked at for one page, where a filter leaves most of them out."""
_AROUND = 80
_LOOKED_AT = 100_000
_LONGEST_PHRASE = 8
"""Characters of a text, and words of a phrase, that a line is looked for by: more take seconds."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A request, and a line of what was said around the first word that was looked for; "" where it is not here."""

    row: RequestRow
    snippet: str


class SearchPage(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, newest first.

    Attributes:
        next: `before` of the next page; 0 at the end. There may be one however short this page is.
    """

    found: tuple[Found, ...]
    next: int


class Search:
    """Looks for words.

    Args:
        bodies: where what was said is read for the snippets.
    """

    def __init__(self, engine: Engine, index: WordIndex, bodies: BodyStore) -> None:
        self._engine = engine
        self._index = index
        self._bodies = bodies

    def page(self, query: str, wanted: RequestFilter | None = None, *, before: int = 0, limit: int = 20) -> SearchPage:
        """Requests that have all words of a query and that a filter admits.

        Raises:
            InvalidRequest: search_empty.
        """
        terms, limit = read_terms(query), min(limit, MOST)
        rows, following = self._rows(terms, wanted, before, limit)
        return SearchPage(
            found=tuple(Found(row=row, snippet=self._snippet(row.request_id, terms)) for row in rows), next=following
        )

    def _rows(
        self, terms: Sequence[Term], wanted: RequestFilter | None, before: int, limit: int
    ) -> tuple[list[RequestRow], int]:
        since = wanted.since if wanted else 0
        if wanted and wanted.until:
            before = min(before or wanted.until, wanted.until)
        most = limit if wanted in (None, RequestFilter()) else _HITS
        rows: list[RequestRow] = []
        for _ in range(_LOOKS):
            told = self._index.find(terms, before=before, since=since, most=most)
            hits = told.found
            admitted = {
                row.request_id: row for row in find_requests(self._engine, [hit.request_id for hit in hits], wanted)
            }
            for hit in hits:
                before = hit.place
                if hit.request_id in admitted:
                    rows.append(admitted[hit.request_id])
                if len(rows) == limit:
                    return rows, before
            before = told.next
            if not before or told.spent:
                return rows, before
        return rows, before

    def _snippet(self, request_id: str, terms: Sequence[Term]) -> str:
        try:
            kept = self._bodies.get(request_id)
        except StorageError:  # it is told where the request is shown whole
            return ""
        return "" if kept is None else snippet(text_of(kept), terms)


def snippet(text: str, terms: Sequence[Term]) -> str:
    """What stands around the first term that is found as it was typed; else the beginning."""
    looked_at = text[:_LOOKED_AT]
    patterns = (r"\W+".join(map(re.escape, term.words[:_LONGEST_PHRASE])) for term in terms)
    spans = (re.search(pattern, looked_at, re.IGNORECASE) for pattern in patterns)
    span = next((found.span() for found in spans if found), (0, 0))
    start, end = max(0, span[0] - _AROUND), min(len(text), span[1] + _AROUND)
    return ("\u2026" if start else "") + text[start:end] + ("\u2026" if end < len(text) else "")
