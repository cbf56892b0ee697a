"""What came into the ledger since one last looked: each row once, however late it came.

Rows are told by their place in the chain of their project, for their times do not tell: a request that took an hour
comes an hour after its time.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, select

from homeport.core.types import Attempt
from homeport.storage.chain import read_heads
from homeport.storage.tables import requests

_PAGE = 5_000
_attempts = msgspec.json.Decoder(tuple[Attempt, ...])
_COLUMNS = (
    "project",
    "sequence",
    "started_at",
    "latency_ns",
    "ttft_ns",
    "key_id",
    "target",
    "stream",
    "outcome",
    "cache",
    "input_tokens",
    "output_tokens",
    "cost",
    "attempts",
)
_query = select(*(requests.c[name] for name in _COLUMNS))


class Arrival(msgspec.Struct, frozen=True):
    """A row of the ledger, as far as it is looked at here; `ended_at` is in nanoseconds since the epoch."""

    ended_at: int
    latency_ns: int
    ttft_ns: int
    key_id: str
    target: str
    stream: bool
    outcome: str
    cache: str
    input_tokens: int
    output_tokens: int
    cost: int
    attempts: tuple[Attempt, ...]


class Arrivals:
    """Reads on from where it read last. Raises SQLAlchemyError (every method); then it reads the same again."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read: dict[str, int] = {}

    def begin(self, since: int, most: int) -> Sequence[Arrival]:
        """The newest rows that began after a time, oldest first, at most so many; `new` goes on from here."""
        newest = _query.where(requests.c.started_at >= since).order_by(requests.c.started_at.desc()).limit(most)
        with self._engine.connect() as connection:
            heads = _ends(connection)
            rows = connection.execute(newest).all()
        self._read = heads
        known = (row for row in rows if row.sequence <= heads.get(row.project, 0))
        return sorted((_arrival(row) for row in known), key=lambda one: one.ended_at)

    def new(self) -> Iterator[Sequence[Arrival]]:
        """What came since, a few thousand rows at a time."""
        with self._engine.connect() as connection:
            ends = _ends(connection)
        for project, end in ends.items():
            while (start := self._read.get(project, 0)) < end:
                place = requests.c.sequence
                page = _query.where(requests.c.project == project, place > start, place <= end).order_by(place)
                with self._engine.connect() as connection:
                    rows = connection.execute(page.limit(_PAGE)).all()
                self._read[project] = rows[-1].sequence if rows else end
                yield [_arrival(row) for row in rows]


def _ends(connection: Connection) -> dict[str, int]:
    return {project: head.sequence for project, head in read_heads(connection).items()}


def _arrival(row: Row[Any]) -> Arrival:
    return Arrival(
        row.started_at + row.latency_ns,
        row.latency_ns,
        row.ttft_ns,
        row.key_id,
        row.target,
        row.stream,
        row.outcome,
        row.cache,
        row.input_tokens,
        row.output_tokens,
        row.cost,
        _attempts.decode(row.attempts),
    )
