"""What is known of the quality of each route, day by day: the judge's scores, and how often automatic metrics failed.

Days are of UTC. Scores of two judges are never put together: what is read is of one epoch.
"""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, func, select

from homeport.storage.opinion_tables import judge_epochs, judgements
from homeport.storage.rollups import DAY
from homeport.storage.score_tables import sample_hours, score_hours, scored_outputs, scores

_STEPS = 10_000
"""Probabilities are told apart to a ten-thousandth, so that a day is few groups of outputs."""

_UNDECIDED = 0.5


class Span(msgspec.Struct, frozen=True):
    """From `since` until before `until`; nanoseconds since the epoch, both at the start of a day."""

    since: int
    until: int

    @property
    def days(self) -> range:
        return range(self.since, self.until, DAY)


class RouteName(msgspec.Struct, frozen=True, order=True):
    """A tier and the public name of a model."""

    tier: str
    target: str

    def __str__(self) -> str:
        return f"{self.tier}/{self.target}"


class Group(msgspec.Struct, frozen=True):
    """Outputs with the same score, from 0 to 1, that were drawn with the same probability."""

    score: float
    probability: float
    count: int


class DayOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """One day.

    Attributes:
        outputs: all that could have been looked at. Where a judge did not come to all that it was to look at, it is
            as many less.
    """

    outputs: float
    groups: tuple[Group, ...]


def newest_epoch(engine: Engine) -> tuple[str, int] | None:
    """The judge's epoch, and when it began; None where nothing was ever judged."""
    query = select(judge_epochs.c.epoch, judge_epochs.c.began_at).order_by(judge_epochs.c.began_at.desc())
    with engine.connect() as connection:
        row = connection.execute(query.limit(1)).first()
    return None if row is None else (row.epoch, row.began_at)


def routes_between(engine: Engine, span: Span) -> Mapping[RouteName, int]:
    """The routes with outputs that were kept, each with the first hour that has one."""
    query = select(sample_hours.c.tier, sample_hours.c.target, func.min(sample_hours.c.start).label("first")).where(
        sample_hours.c.start >= span.since, sample_hours.c.start < span.until, sample_hours.c.kept > 0
    )
    with engine.connect() as connection:
        rows = connection.execute(query.group_by(sample_hours.c.tier, sample_hours.c.target)).all()
    return {RouteName(row.tier, row.target): row.first for row in sorted(rows)}


def judged_days(
    engine: Engine, route: RouteName, epoch: str, span: Span, *, sound: bool = False
) -> Mapping[int, DayOutputs]:
    """The judge's scores by the start of the day; without a verdict, the middle. Days without any are left out.

    Args:
        sound: only of outputs in which no metric finds a fault that makes them low.
    """
    table = scored_outputs.c
    day, steps = _day(table.started_at), func.round(table.judge_probability * _STEPS)
    query = (
        select(day.label("day"), steps.label("steps"), judgements.c.score.label("score"), func.count().label("outputs"))
        .join(judgements, and_(judgements.c.request_id == table.request_id, judgements.c.epoch == epoch))
        .where(
            _of(scored_outputs, route), table.started_at >= span.since, table.started_at < span.until, table.for_judge
        )
        .group_by(day, steps, judgements.c.score)
    )
    if sound:
        query = query.where(~table.low)
    groups: dict[int, list[Group]] = {}
    with engine.connect() as connection:
        drawn = _drawn_sound(connection, route, span) if sound else _drawn(connection, route, span)
        for row in connection.execute(query):
            score = _UNDECIDED if row.score is None else row.score
            probability = max(1.0, float(row.steps)) / _STEPS
            groups.setdefault(int(row.day), []).append(Group(score, probability, row.outputs))
    return {
        day: DayOutputs(outputs=_reached(drawn.get(day, (0, 0)), found), groups=tuple(found))
        for day, found in sorted(groups.items())
    }


def metric_days(engine: Engine, route: RouteName, span: Span) -> Mapping[str, Mapping[int, DayOutputs]]:
    """By metric and start of the day, how many outputs passed (1) and failed (0), by its newest version."""
    table = score_hours.c
    day = _day(table.start)
    query = (
        select(
            table.metric,
            table.version,
            day.label("day"),
            func.sum(table.judged).label("judged"),
            func.sum(table.failed).label("failed"),
        )
        .where(_of(score_hours, route), table.start >= span.since, table.start < span.until, table.judged > 0)
        .group_by(table.metric, table.version, day)
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    newest: dict[str, int] = {}
    for row in rows:
        newest[row.metric] = max(row.version, newest.get(row.metric, 0))
    found: dict[str, dict[int, DayOutputs]] = {name: {} for name in sorted(newest)}
    for row in rows:
        if row.version == newest[row.metric]:
            found[row.metric][int(row.day)] = _passed(int(row.judged), int(row.failed))
    return found


def sound_days(engine: Engine, route: RouteName, span: Span) -> Mapping[int, DayOutputs]:
    """By the start of the day, how many outputs that were read are low (0), and how many are not (1)."""
    table = sample_hours.c
    day = _day(table.start)
    query = select(day.label("day"), func.sum(table.kept).label("kept"), func.sum(table.low).label("low"))
    here = query.where(_of(sample_hours, route), table.start >= span.since, table.start < span.until).group_by(day)
    with engine.connect() as connection:
        return {int(row.day): _passed(int(row.kept), int(row.low)) for row in connection.execute(here)}


def worst_outputs(engine: Engine, route: RouteName, epoch: str, since: int, most: int) -> Sequence[str]:
    """Ids of the outputs since a time that the judge gave the least, the newest of them first."""
    query = (
        select(scored_outputs.c.request_id)
        .join(judgements, and_(judgements.c.request_id == scored_outputs.c.request_id, judgements.c.epoch == epoch))
        .where(_of(scored_outputs, route), scored_outputs.c.started_at >= since, judgements.c.score.is_not(None))
        .order_by(judgements.c.score, scored_outputs.c.started_at.desc())
    )
    with engine.connect() as connection:
        return connection.execute(query.limit(most)).scalars().all()


def low_outputs(engine: Engine, route: RouteName, since: int, most: int) -> Sequence[str]:
    """Ids of the newest outputs since a time in which a metric found a fault that makes them low."""
    table = scored_outputs.c
    query = select(table.request_id).where(_of(scored_outputs, route), table.started_at >= since, table.low)
    with engine.connect() as connection:
        return connection.execute(query.order_by(table.started_at.desc()).limit(most)).scalars().all()


def failed_outputs(engine: Engine, route: RouteName, metric: str, since: int, most: int) -> Sequence[str]:
    """Ids of the newest outputs since a time that a metric failed."""
    query = (
        select(scored_outputs.c.request_id)
        .join(scores, scores.c.request_id == scored_outputs.c.request_id)
        .where(
            _of(scored_outputs, route),
            scored_outputs.c.started_at >= since,
            scores.c.metric == metric,
            scores.c.passed.is_(False),
        )
        .order_by(scored_outputs.c.started_at.desc())
    )
    with engine.connect() as connection:
        return connection.execute(query.limit(most)).scalars().all()


def _drawn_sound(connection: Connection, route: RouteName, span: Span) -> Mapping[int, tuple[int, int]]:
    """As `_drawn`, of sound outputs."""
    hours, outputs = sample_hours.c, scored_outputs.c
    day, of = _day(hours.start), _day(outputs.started_at)
    there = select(day.label("day"), func.sum(hours.kept - hours.low).label("kept")).where(
        _of(sample_hours, route), hours.start >= span.since, hours.start < span.until
    )
    wanted = select(of.label("day"), func.count().label("drawn")).where(
        _of(scored_outputs, route), outputs.started_at >= span.since, outputs.started_at < span.until
    )
    drawn = {
        int(row.day): row.drawn
        for row in connection.execute(wanted.where(outputs.for_judge, ~outputs.low).group_by(of))
    }
    return {
        int(row.day): (int(row.kept), drawn.get(int(row.day), 0)) for row in connection.execute(there.group_by(day))
    }


def _drawn(connection: Connection, route: RouteName, span: Span) -> Mapping[int, tuple[int, int]]:
    """By day, the outputs that could have been drawn for the judge, and those that were."""
    table = sample_hours.c
    day = _day(table.start)
    query = select(day.label("day"), func.sum(table.kept).label("kept"), func.sum(table.for_judge).label("drawn"))
    here = query.where(_of(sample_hours, route), table.start >= span.since, table.start < span.until).group_by(day)
    return {int(row.day): (int(row.kept), int(row.drawn)) for row in connection.execute(here)}


def _reached(drawn: tuple[int, int], groups: Sequence[Group]) -> float:
    kept, wanted = drawn
    judged = sum(group.count for group in groups)
    return kept * min(1.0, judged / wanted) if wanted else 0.0


def _passed(judged: int, failed: int) -> DayOutputs:
    return DayOutputs(outputs=judged, groups=(Group(0.0, 1.0, failed), Group(1.0, 1.0, judged - failed)))


def _day(at: ColumnElement[int]) -> ColumnElement[int]:
    return at - at % DAY


def _of(table: Table, route: RouteName) -> ColumnElement[bool]:
    return and_(table.c.tier == route.tier, table.c.target == route.target)
