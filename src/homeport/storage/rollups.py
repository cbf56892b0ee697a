"""Sums of requests by hour and by day, kept in the transaction that adds the rows: they never differ.

A cell is one combination of project, key, model and so on in one hour or one day, in UTC. A day's cell
is the sum of its hours'; it is kept too, so that a month is read from thirty cells instead of 720.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from operator import add as add_numbers
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, select

from homeport.core.caching import Kind
from homeport.core.histogram import bucket, merge, packed, read_packed
from homeport.storage.db import upsert
from homeport.storage.tables import day_rollups, rollups

HOUR = 3_600 * 1_000_000_000
DAY = 24 * HOUR

DIMENSIONS = ("project", "key_id", "target", "tier", "upstream", "surface", "route", "outcome")
SUMMED = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost",
    "latency_ns",
    "ttft_ns",
)
COUNTED = (
    "requests",
    *SUMMED,
    "local_cost",
    "ttft_requests",
    "baseline_cost",
    "compared_cost",
    "cache_asked",
    "cache_hits",
    "saved_cost",
)
TABLES: Mapping[int, Table] = {HOUR: rollups, DAY: day_rollups}


"""Span -> where its cells are."""
_IDS_AT_ONCE = 500
_named = itemgetter(*DIMENSIONS[:-2])
_summed = itemgetter(*SUMMED)

Key = tuple[Any, ...]
"""Span, start, then `DIMENSIONS`."""


class Cell:
    """What one cell sums, in the order of `COUNTED`, and how often each bucket of cost was met."""

    __slots__ = ("costs", "sums")

    def __init__(self) -> None:
        self.sums = [0] * len(COUNTED)
        self.costs: dict[int, int] = {}

    def add(self, sums: Iterable[int], costs: Iterable[int]) -> None:
        """Add sums of the same order, and pairs of bucket and count."""
        self.sums = list(map(add_numbers, self.sums, sums))
        merge(self.costs, costs)


def route_of(reason: str) -> str:
    """The kind of a decision: its reason up to the first blank, such as `static:local`."""
    return reason.partition(" ")[0]


def tally(rows: Iterable[Mapping[str, Any]]) -> dict[Key, Cell]:
    """The cells of some rows of `requests`, of the hours and of the days."""
    hours: dict[Key, Cell] = {}
    for row in rows:
        key = (HOUR, row["started_at"] // HOUR * HOUR, *_named(row), route_of(row["reason"]), row["outcome"])
        cell = hours.get(key)
        if cell is None:
            cell = hours[key] = Cell()
        cell.add(_sums(row), (bucket(row["cost"]), 1))
    return hours | _days(hours)


def add(connection: Connection, rows: Sequence[Mapping[str, Any]], tables: Mapping[int, Table] = TABLES) -> None:
    """Add rows to their cells. The chains of their projects are locked, so nobody else changes these cells.

    Args:
        tables: a migration's own, which may have fewer columns.
    """
    tallied = tally(rows)
    for span, table in tables.items():
        _add(connection, {_id(key): (key, cell) for key, cell in tallied.items() if key[0] == span}, table)


def _add(connection: Connection, cells: Mapping[str, tuple[Key, Cell]], table: Table) -> None:
    ids = sorted(cells)
    for first in range(0, len(ids), _IDS_AT_ONCE):
        query = select(table).where(table.c.cell.in_(ids[first : first + _IDS_AT_ONCE]))
        for stored in connection.execute(query).mappings():
            sums = (stored.get(name, 0) for name in COUNTED)
            cells[stored["cell"]][1].add(sums, read_packed(stored["costs"]))
    if ids:
        stored_rows = [_stored(name, *cells[name]) for name in ids]
        known = [{name: value for name, value in row.items() if name in table.c} for row in stored_rows]
        connection.execute(upsert(connection, table), known)


def _sums(row: Mapping[str, Any]) -> tuple[int, ...]:
    local_cost = row["cost"] if row["local"] else 0
    # A migration's rows may be older than that.
    baseline, cache, saved = row.get("baseline_cost", 0), row.get("cache", ""), row.get("saved_cost", 0)
    compared = row["cost"] if baseline else 0
    asked, hit = int(cache != ""), int(cache not in ("", Kind.MISS.value))
    return (1, *_summed(row), local_cost, int(row["ttft_ns"] > 0), baseline, compared, asked, hit, saved)


def _days(hours: Mapping[Key, Cell]) -> dict[Key, Cell]:
    days: dict[Key, Cell] = {}
    for key, cell in hours.items():
        day = days.setdefault((DAY, key[1] // DAY * DAY, *key[2:]), Cell())
        day.add(cell.sums, (number for pair in cell.costs.items() for number in pair))
    return days


def _id(key: Key) -> str:
    """One short name for a cell, so that it is found by one column."""
    return blake2b(msgspec.json.encode(key), digest_size=16).hexdigest()


def _stored(name: str, key: Key, cell: Cell) -> dict[str, Any]:
    span, start, *dimensions = key
    return {
        "cell": name,
        "span": span,
        "start": start,
        **dict(zip(DIMENSIONS, dimensions, strict=True)),
        **dict(zip(COUNTED, cell.sums, strict=True)),
        "costs": packed(cell.costs),
    }
