"""What automatic metrics, the judge and people say of the outputs of a period, as estimates of quality want it.

Outputs of which nothing was kept were never to be drawn, so nobody can say how good they are: they are not in here.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Connection, Engine, RowMapping, and_, case, cast, func, or_, select

from homeport.storage.opinion_tables import judge_epochs, judgements, labels
from homeport.storage.rollups import HOUR
from homeport.storage.score_tables import score_hours, scored_outputs, scores

_DRAW_STEPS = 1 << 53
_THINNED = 1 << 20
_MOST_METRICS = 30
_ROWS_AT_ONCE = 1_000


class Rating(msgspec.Struct, frozen=True):
    """One reviewer's, from 1 to 5."""

    reviewer: str
    rating: int


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """One output, and what is thought of it.

    Attributes:
        judge_share, human_share: the probability with which it was to be judged and to be in here, and to be labelled.
        judged: the judge of the epoch was asked; `judge`: its score from 0 to 1, None where it gave no verdict.
        ratings: of people, by the reviewer's name.
        metrics: values in the order that was asked for; None where one does not apply.
    """

    request_id: str
    tier: str
    target: str
    judge_share: float
    human_share: float
    judged: bool
    judge: float | None
    ratings: tuple[Rating, ...]
    metrics: tuple[float | None, ...]


class RouteOutputs(msgspec.Struct, frozen=True, kw_only=True):
    """How many outputs a route had in a period; of them, how many were kept, and were drawn for the judge."""

    tier: str
    target: str
    outputs: int
    kept: int
    drawn: int


class Epoch(msgspec.Struct, frozen=True, kw_only=True):
    """A judge that scored outputs of a period: `judged` of them, `labelled` of which people labelled too."""

    epoch: str
    began_at: int
    judged: int
    labelled: int


def route_outputs(engine: Engine, since: int, until: int) -> list[RouteOutputs]:
    """Every route of a period, that with most outputs first. Times are nanoseconds since the epoch."""
    place = (scored_outputs.c.tier, scored_outputs.c.target)
    names = {"kept": scored_outputs.c.kept, "drawn": scored_outputs.c.for_judge}
    sums = [func.sum(case((column, 1), else_=0)).label(name) for name, column in names.items()]
    query = select(*place, func.count().label("outputs"), *sums).where(_span(since, until)).group_by(*place)
    with engine.connect() as connection:
        rows = connection.execute(query.order_by(func.count().desc(), *place)).mappings()
        return [RouteOutputs(**{**row, **{name: int(row[name]) for name in names}}) for row in rows]


def epochs(engine: Engine, since: int, until: int) -> list[Epoch]:
    """Every judge that scored outputs of a period, the newest first."""
    labelled = func.sum(case((_is_labelled(judgements.c.request_id), 1), else_=0)).label("labelled")
    query = (
        select(judgements.c.epoch, judge_epochs.c.began_at, func.count().label("judged"), labelled)
        .join(judge_epochs, judge_epochs.c.epoch == judgements.c.epoch)
        .join(scored_outputs, scored_outputs.c.request_id == judgements.c.request_id)
        .where(_span(since, until), scored_outputs.c.for_judge.is_(True))
        .group_by(judgements.c.epoch, judge_epochs.c.began_at)
        .order_by(judge_epochs.c.began_at.desc(), judgements.c.epoch)
    )
    with engine.connect() as connection:
        rows = connection.execute(query).mappings()
        return [Epoch(**{**row, "labelled": int(row["labelled"])}) for row in rows]


def metric_names(engine: Engine, since: int, until: int) -> tuple[str, ...]:
    """The metrics of a period, in the order of their names, at most thirty."""
    query = (
        select(score_hours.c.metric)
        .where(score_hours.c.start >= since // HOUR * HOUR, score_hours.c.start < until)
        .distinct()
        .order_by(score_hours.c.metric)
        .limit(_MOST_METRICS)
    )
    with engine.connect() as connection:
        return tuple(connection.execute(query).scalars())


def opinions(engine: Engine, since: int, until: int, epoch: str, metrics: Sequence[str] = ()) -> list[Opinion]:
    """Every output of a period that was kept.

    Args:
        epoch: of the judge whose scores are wanted; "" for none.
        metrics: whose values are wanted; of a metric's versions the last that was measured.
    """
    return _opinions(engine, _known(since, until), epoch, metrics, kept_share=1.0)


def thinned_opinions(engine: Engine, since: int, until: int, epoch: str, share: float) -> list[Opinion]:
    """Of a period with very many outputs those that were drawn for people, and a share of the others for the judge.

    Which others follows from the last bits of their draw, and `judge_share` has the probability of either.
    """
    steps = cast(scored_outputs.c.draw * float(_DRAW_STEPS), BigInteger) % _THINNED
    part = round(share * _THINNED)
    wanted = and_(
        _known(since, until),
        scored_outputs.c.for_judge.is_(True),
        or_(scored_outputs.c.for_human.is_(True), steps < part),
    )
    return _opinions(engine, wanted, epoch, (), kept_share=part / _THINNED)


def _opinions(
    engine: Engine, wanted: ColumnElement[bool], epoch: str, metrics: Sequence[str], kept_share: float
) -> list[Opinion]:
    with engine.connect() as connection:
        ratings = _ratings(connection, wanted)
        values = _values(connection, wanted, metrics)
        names = ("request_id", "tier", "target", "judge_probability", "human_probability")
        judged = and_(
            judgements.c.request_id == scored_outputs.c.request_id,
            judgements.c.epoch == epoch,
            scored_outputs.c.for_judge.is_(True),
        )
        query = (
            select(*(scored_outputs.c[name] for name in names), judgements.c.epoch, judgements.c.score)
            .select_from(scored_outputs.outerjoin(judgements, judged))
            .where(wanted)
            .order_by(scored_outputs.c.started_at, scored_outputs.c.request_id)
        )
        rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query).mappings()
        empty = (None,) * len(metrics)
        return [_opinion(row, ratings, values.get(row["request_id"], empty), kept_share) for row in rows]


def _opinion(
    row: RowMapping, ratings: Mapping[str, Sequence[Rating]], metrics: Sequence[float | None], kept_share: float
) -> Opinion:
    human, judge = row["human_probability"], row["judge_probability"]
    return Opinion(
        request_id=row["request_id"],
        tier=row["tier"],
        target=row["target"],
        judge_share=human + (judge - human) * kept_share,
        human_share=human,
        judged=row["epoch"] is not None,
        judge=row["score"],
        ratings=tuple(ratings.get(row["request_id"], ())),
        metrics=tuple(metrics),
    )


def _ratings(connection: Connection, wanted: ColumnElement[bool]) -> dict[str, list[Rating]]:
    found: dict[str, list[Rating]] = {}
    query = (
        select(labels.c.request_id, labels.c.reviewer, labels.c.rating)
        .join(scored_outputs, scored_outputs.c.request_id == labels.c.request_id)
        .where(wanted, scored_outputs.c.for_human.is_(True))
        .order_by(labels.c.request_id, labels.c.reviewer)
    )
    for row in connection.execute(query):
        found.setdefault(row.request_id, []).append(Rating(row.reviewer, row.rating))
    return found


def _values(
    connection: Connection, wanted: ColumnElement[bool], metrics: Sequence[str]
) -> dict[str, list[float | None]]:
    if not metrics:
        return {}
    places = {name: place for place, name in enumerate(metrics)}
    query = (
        select(scores.c.request_id, scores.c.metric, scores.c.value)
        .join(scored_outputs, scored_outputs.c.request_id == scores.c.request_id)
        .where(wanted, scores.c.metric.in_(metrics))
        .order_by(scores.c.request_id, scores.c.metric, scores.c.version)
    )
    found: dict[str, list[float | None]] = {}
    for row in _rows(connection, query):
        found.setdefault(row.request_id, [None] * len(metrics))[places[row.metric]] = row.value
    return found


def _rows(connection: Connection, query: Any) -> Iterator[Any]:
    yield from connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query)


def _known(since: int, until: int) -> ColumnElement[bool]:
    """Those that could be drawn."""
    possible = (scored_outputs.c.human_probability > 0) & (scored_outputs.c.judge_probability > 0)
    return and_(_span(since, until), scored_outputs.c.kept.is_(True), possible)


def _span(since: int, until: int) -> ColumnElement[bool]:
    return (scored_outputs.c.started_at >= since) & (scored_outputs.c.started_at < until)


def _is_labelled(request_id: ColumnElement[str]) -> ColumnElement[bool]:
    return select(labels.c.request_id).where(labels.c.request_id == request_id).exists()
