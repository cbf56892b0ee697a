"""The words of kept requests in SQLite's FTS5: a database beside the bodies, so that both are forgotten together."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from homeport.storage.db import open_database, sqlite_url, writing
from homeport.storage.words import Hit, Hits, Term, Text, plain

NAME = "words.db"

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS kept (place INTEGER PRIMARY KEY, request_id TEXT NOT NULL UNIQUE)",
    "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(text, tokenize = 'unicode61 remove_diacritics 0')",
)
_FIND = """
SELECT kept.request_id, words.rowid FROM words JOIN kept ON kept.place = words.rowid
WHERE words MATCH ? AND words.rowid < ? AND words.rowid >= ? ORDER BY words.rowid DESC LIMIT ?
"""
_FIRST_NS = 60_000_000_000
_WIDER = 8
_QUICK_NS = 4_000_000
_PATIENCE_NS = 60_000_000
"""Words that all have, but never as neighbours, are looked for among all texts: so it goes back in time by steps, which
get longer while they are quick, and tells how far it came when this much time is over."""
_PAGES_MERGED = 2_000
_LOG_PAGES = 1_000
_LAST = (1 << 63) - 1


class SqliteWords:
    """`WordIndex` in one file of a folder. A place is when the request began, made unique.

    Args:
        folder: made when something is added, open to its owner alone.
        monotonic_ns: what its patience is measured by.
    """

    def __init__(self, folder: Path, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = monotonic_ns
        self._path = folder / NAME
        self._engine: Engine | None = None
        self._file = (0, 0)

    def add(self, texts: Sequence[Text]) -> None:
        with writing(self._open()) as connection:
            for text in texts:
                _forget(connection, text.request_id)
                place = _free_place(connection, text.at)
                _run(connection, "INSERT INTO kept VALUES (?, ?)", place, text.request_id)
                _run(connection, "INSERT INTO words (rowid, text) VALUES (?, ?)", place, plain(text.text))

    def remove(self, request_ids: Sequence[str]) -> None:
        if self._path.exists():
            with writing(self._open()) as connection:
                for request_id in request_ids:
                    _forget(connection, request_id)
                # FTS5 notes that a text is gone, and drops its words when it merges: so it does, some pages each time.
                _run(connection, "INSERT INTO words (words, rank) VALUES ('merge', ?)", -_PAGES_MERGED)

    def find(self, terms: Sequence[Term], *, before: int = 0, since: int = 0, most: int = 50) -> Hits:
        if not self._path.exists():
            return Hits(())
        with self._open().connect() as connection:
            first, last = _run(connection, "SELECT min(place), max(place) FROM kept").one()
            if first is None:
                return Hits(())
            begin = max(first, since)
            return self._back(connection, _match(terms), min(before or _LAST, last + 1), begin, most)

    def _back(self, connection: Connection, match: str, before: int, begin: int, most: int) -> Hits:
        """From one place back to another, step by step."""
        found: list[Hit] = []
        span, until = _FIRST_NS, self._clock() + _PATIENCE_NS
        while before > begin:
            reached, started = max(begin, before - span), self._clock()
            found += _hits(_run(connection, _FIND, match, before, reached, most - len(found)))
            if len(found) >= most:
                break
            before, now = reached, self._clock()
            if now >= until and before > begin:
                return Hits(found, before, spent=True)
            span *= _WIDER if now - started < _QUICK_NS else 1
        return Hits.of(found, most)

    def oldest(self, after: int, most: int) -> list[Hit]:
        if not self._path.exists():
            return []
        query = "SELECT request_id, place FROM kept WHERE place > ? ORDER BY place LIMIT ?"
        with self._open().connect() as connection:
            return _hits(_run(connection, query, after, most))

    def close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _open(self) -> Engine:
        if self._engine is not None and _identity(self._path) != self._file:
            self.close()  # somebody removed the folder, and maybe made another
        if self._engine is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))  # what lies beside it gets the same mode
            self._engine = open_database(sqlite_url(self._path))
            event.listen(self._engine, "connect", _overwriting)
            self._file = _identity(self._path)
            with writing(self._engine) as connection:
                for statement in _SCHEMA:
                    connection.exec_driver_sql(statement)
        return self._engine


def _identity(path: Path) -> tuple[int, int]:
    try:
        there = path.stat()
    except FileNotFoundError:
        return 0, 0
    return there.st_dev, there.st_ino


def _overwriting(connection: Any, _: object) -> None:
    """What is removed is not left in free pages, nor for long in the log of changes."""
    for pragma in ("secure_delete = ON", "cache_size = -2000", f"wal_autocheckpoint = {_LOG_PAGES}"):
        connection.execute(f"PRAGMA {pragma}").close()


def _match(terms: Sequence[Term]) -> str:
    """In FTS5's words: each term is a string, and what is in one is never syntax. There is no quote in a word."""
    return " ".join(f'"{" ".join(term.words)}"{"*" if term.begins else ""}' for term in terms)


def _forget(connection: Connection, request_id: str) -> None:
    place = _run(connection, "SELECT place FROM kept WHERE request_id = ?", request_id).scalar()
    if place is not None:
        _run(connection, "DELETE FROM words WHERE rowid = ?", place)
        _run(connection, "DELETE FROM kept WHERE place = ?", place)


def _free_place(connection: Connection, at: int) -> int:
    place = max(at, 1)
    while _run(connection, "SELECT 1 FROM kept WHERE place = ?", place).scalar() is not None:
        place += 1
    return place


def _run(connection: Connection, statement: str, *values: object) -> Any:
    return connection.exec_driver_sql(statement, values)


def _hits(rows: Any) -> list[Hit]:
    return [Hit(request_id, place) for request_id, place in rows]
