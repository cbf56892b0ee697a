"""What outputs scored, from the sums of hours and of days; and how the jobs worker leaves it for the gateways."""

import math
from typing import Any

import msgspec
from sqlalchemy import Engine, Float, RowMapping, Select, Subquery, Table, cast, func, select, union_all

from homeport.storage.rollups import DAY, HOUR
from homeport.storage.score_tables import sample_hours, score_days, score_hours

_PLACE = ("tier", "target", "metric", "version")


class MetricFigure(msgspec.Struct, frozen=True, kw_only=True):
    """One metric on one route: a tier and the public name of a model.

    Attributes:
        outputs: that have a score; `judged` of them passed or failed.
        mean, deviation: of the values, in the metric's unit; the deviation is that of a sample, 0 for fewer than two.
    """

    tier: str
    target: str
    metric: str
    version: int
    outputs: int
    judged: int
    failed: int
    mean: float
    deviation: float

    @property
    def failed_share(self) -> float | None:
        """Of the judged; None where none was."""
        return self.failed / self.judged if self.judged else None


class SampleFigure(msgspec.Struct, frozen=True, kw_only=True):
    """How many outputs of a route there were, and what was done with them; see `sample_hours`."""

    tier: str
    target: str
    outputs: int
    kept: int
    low: int
    broken: int
    for_judge: int
    for_human: int


class QualityFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Past `stale_at`, in nanoseconds since the epoch, nothing of it is to be believed.

    Attributes:
        waiting: rows of the ledger that were not looked at yet.
    """

    stale_at: int
    waiting: int = 0
    metrics: tuple[MetricFigure, ...] = ()
    samples: tuple[SampleFigure, ...] = ()


def metric_figures(engine: Engine, since: int, until: int, most: int = 1_000) -> tuple[MetricFigure, ...]:
    """Every metric of every route in the hours that began in a span of time; those with most outputs first.

    Args:
        since, until: nanoseconds since the epoch.
        most: rows at most.
    """
    found = _sums(since, until)
    place = [found.c[name] for name in _PLACE]
    sums = [func.sum(found.c[name]).label(name) for name in ("outputs", "judged", "failed", "total", "squares")]
    query = select(*place, *sums).group_by(*place).order_by(func.sum(found.c.outputs).desc(), *place).limit(most)
    with engine.connect() as connection:
        return tuple(_figure(row) for row in connection.execute(query).mappings())


class MetricTime(msgspec.Struct, frozen=True, kw_only=True):
    """One metric on one route in one hour or day, over its versions; `start` is in nanoseconds since the epoch."""

    start: int
    tier: str
    target: str
    outputs: int
    judged: int
    failed: int
    mean: float


def metric_times(
    engine: Engine, metric: str, since: int, until: int, width: int, most: int = 10_000
) -> tuple[MetricTime, ...]:
    """How one metric went, in order of time; the hours that began in a span of it, in pieces of `width` nanoseconds.

    Args:
        since, until: nanoseconds since the epoch.
        most: rows at most, the newest.
    """
    found = _hours(score_hours, since, until).subquery() if width < DAY else _sums(since, until)
    start = (found.c.start - found.c.start % width).label("start")
    place = [start, found.c.tier, found.c.target]
    sums = [func.sum(found.c[name]).label(name) for name in ("outputs", "judged", "failed", "total")]
    query = (
        select(*place, *sums)
        .where(found.c.metric == metric)
        .group_by(*place)
        .order_by(start.desc(), *place[1:])
        .limit(most)
    )
    with engine.connect() as connection:
        return tuple(_time(row) for row in reversed(connection.execute(query).mappings().all()))


def sample_figures(engine: Engine, since: int, until: int, most: int = 128) -> tuple[SampleFigure, ...]:
    """Every route in the hours that began in a span of time; as `metric_figures`."""
    place = [sample_hours.c[name] for name in ("tier", "target")]
    names = ("outputs", "kept", "low", "broken", "for_judge", "for_human")
    query = (
        select(*place, *(func.sum(sample_hours.c[name]).label(name) for name in names))
        .where(sample_hours.c.start >= since // HOUR * HOUR, sample_hours.c.start < until)
        .group_by(*place)
        .order_by(func.sum(sample_hours.c.outputs).desc(), *place)
        .limit(most)
    )
    with engine.connect() as connection:
        return tuple(
            SampleFigure(tier=row["tier"], target=row["target"], **{name: int(row[name]) for name in names})
            for row in connection.execute(query).mappings()
        )


def low_share(engine: Engine, since: int, until: int, least: int) -> float | None:
    """How many of the outputs that were read are low, in the hours that began in a span of time.

    None where fewer than `least` were read.
    """
    sums = (cast(func.coalesce(func.sum(sample_hours.c[name]), 0), Float) for name in ("kept", "low"))
    query = select(*sums).where(sample_hours.c.start >= since // HOUR * HOUR, sample_hours.c.start < until)
    with engine.connect() as connection:
        kept, low = connection.execute(query).one()
    return low / kept if kept >= least else None


def _sums(since: int, until: int) -> Subquery:
    """The cells of whole days, and of the hours before and after them."""
    first = since // HOUR * HOUR
    begin, end = -(-first // DAY) * DAY, until // DAY * DAY
    if end <= begin:
        return _hours(score_hours, first, until).subquery()
    parts = ((score_hours, first, begin), (score_days, begin, end), (score_hours, end, until))
    return union_all(*(_hours(table, *span) for table, *span in parts)).subquery()


def _hours(table: Table, since: int, until: int) -> Select[Any]:
    return select(table).where(table.c.start >= since // HOUR * HOUR, table.c.start < until)


def _time(row: RowMapping) -> MetricTime:
    names = ("start", "outputs", "judged", "failed")
    return MetricTime(
        tier=row["tier"],
        target=row["target"],
        mean=float(row["total"]) / int(row["outputs"]),
        **{name: int(row[name]) for name in names},
    )


def _figure(row: RowMapping) -> MetricFigure:
    count, total = int(row["outputs"]), float(row["total"])
    mean = total / count
    variance = max(0.0, row["squares"] - total * mean) / (count - 1) if count > 1 else 0.0
    return MetricFigure(
        **{name: row[name] for name in _PLACE},
        outputs=count,
        judged=int(row["judged"]),
        failed=int(row["failed"]),
        mean=mean,
        deviation=math.sqrt(variance),
    )
