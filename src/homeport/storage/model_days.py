"""What answers of a model were like, day by day: how soon and how fast they came, how long they were, how many refused.

Times and lengths are those of some requests of each eighth of a day, found by an index: so a day costs the same to
read, however many requests the ledger has. Refusals are sums that are kept. What we ask ourselves, what was answered
from a cache and lines of batches are left out.
"""

import statistics
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from sqlalchemy import Connection, Engine, Row, func, select

from homeport.core.caching import Kind
from homeport.core.purposes import OURS
from homeport.core.types import CONVERSATIONS, Outcome, Surface
from homeport.storage.inputs import day_of
from homeport.storage.rollups import DAY
from homeport.storage.score_tables import score_days
from homeport.storage.tables import requests

LEAST = 20
"""Of a day, so many are needed for a figure."""

_PARTS = 8
_OF_A_PART = 100
_NS_PER_MS = 1_000_000
_REFUSAL = "refusal"
_GENERATED = tuple(surface.value for surface in (*CONVERSATIONS, Surface.COMPLETION))
_UPSTREAM = ("", Kind.MISS.value)


class ModelDay(msgspec.Struct, frozen=True, kw_only=True):
    """A model's figures of a day, each None where there are fewer than `LEAST` to count.

    Attributes:
        day: ISO date, of UTC.
        requests: that were looked at.
        ttft_ms, tpot_ms: medians of streams: to the first token, and of each after it.
        length: mean output tokens.
        refusals: share of the answers that refuse, of those that metrics read.
    """

    day: str
    requests: int
    ttft_ms: float | None = None
    tpot_ms: float | None = None
    length: float | None = None
    refusals: float | None = None


def model_days(engine: Engine, target: str, since: int, until: int) -> tuple[ModelDay, ...]:
    """The days on which a model was asked, the earliest first.

    Args:
        target: the model's public name, over all tiers.
        since, until: starts of days, in nanoseconds since the epoch.
    """
    with engine.connect() as connection:
        refusals = _refusals(connection, target, since, until)
        days = [(start, list(_looked_at(connection, target, start))) for start in range(since, until, DAY)]
    return tuple(_day(start, rows, refusals.get(start)) for start, rows in days if rows or start in refusals)


def _looked_at(connection: Connection, target: str, start: int) -> Iterator[Row[bool, int, int, int]]:
    table, length = requests.c, DAY // _PARTS
    query = (
        select(table.stream, table.output_tokens, table.latency_ns, table.ttft_ns)
        .where(table.target == target, table.outcome == Outcome.COMPLETED.value, table.batch.is_(False))
        .where(table.surface.in_(_GENERATED), table.cache.in_(_UPSTREAM), table.reason.not_in(sorted(OURS)))
        .order_by(table.started_at)
        .limit(_OF_A_PART)
    )
    for begin in range(start, start + DAY, length):
        yield from connection.execute(query.where(table.started_at >= begin, table.started_at < begin + length))


def _refusals(connection: Connection, target: str, since: int, until: int) -> dict[int, float]:
    """Shares by the start of the day, by the metric's newest version."""
    table = score_days.c
    query = (
        select(
            table.start, table.version, func.sum(table.judged).label("judged"), func.sum(table.failed).label("failed")
        )
        .where(table.start >= since, table.start < until, table.target == target, table.metric == _REFUSAL)
        .group_by(table.start, table.version)
    )
    rows = connection.execute(query).all()
    newest = max((row.version for row in rows), default=0)
    told = [row for row in rows if row.version == newest and row.judged >= LEAST]
    return {row.start: int(row.failed) / int(row.judged) for row in told}


def _day(start: int, rows: Sequence[Row[bool, int, int, int]], refusals: float | None) -> ModelDay:
    streams = [row for row in rows if row.stream and row.ttft_ns]
    lengths = [row.output_tokens for row in rows if row.output_tokens]
    pace = ((row.latency_ns - row.ttft_ns) / (row.output_tokens - 1) for row in streams if row.output_tokens > 1)
    return ModelDay(
        day=day_of(start),
        requests=len(rows),
        ttft_ms=_median_ms(row.ttft_ns for row in streams),
        tpot_ms=_median_ms(pace),
        length=statistics.fmean(lengths) if len(lengths) >= LEAST else None,
        refusals=refusals,
    )


def _median_ms(nanoseconds: Iterable[float]) -> float | None:
    values = list(nanoseconds)
    return statistics.median(values) / _NS_PER_MS if len(values) >= LEAST else None
