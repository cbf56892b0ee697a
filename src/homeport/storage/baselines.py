"""What each route is compared with: its newest baseline, and the inputs of it that are asked again."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import ColumnElement, Engine, RowMapping, and_, case, delete, exists, func, select, update

from homeport.storage.baseline_tables import baseline_cases, quality_baselines
from homeport.storage.db import insert_new, writing
from homeport.storage.opinion_tables import judgements
from homeport.storage.quality_days import RouteName, Span
from homeport.storage.score_tables import scored_outputs

_FIELDS = ("tier", "target", "since", "until", "epoch")
_IDS_AT_ONCE = 500
_LONGEST_WHY = 64


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """The days that a route is compared with; see `quality_baselines`."""

    tier: str
    target: str
    since: int
    until: int
    epoch: str

    @property
    def route(self) -> RouteName:
        return RouteName(self.tier, self.target)

    @property
    def span(self) -> Span:
        return Span(self.since, self.until)


class Case(msgspec.Struct, frozen=True):
    """An input of the baseline, by the id of its request, and the judge's score of its answer then."""

    request_id: str
    before: float


class JudgedOutput(msgspec.Struct, frozen=True):
    """An output by the id of its request, when it was made, and the judge's score of it."""

    request_id: str
    started_at: int
    score: float


class CaseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a case that was asked again; see `baseline_cases`."""

    request_id: str
    check_at: int
    now: float | None
    why: str = ""
    asked_as: str = ""
    cost: int = 0


class Check(msgspec.Struct, frozen=True):
    """Inputs that were asked again at one time: how many have a new score, and of these worse and better ones.

    Attributes:
        cost: nano-dollars, of answers and grades.
    """

    at: int
    asked: int
    graded: int
    worse: int
    better: int
    cost: int


def newest_baselines(engine: Engine) -> Mapping[RouteName, Baseline]:
    """The newest of each route."""
    with engine.connect() as connection:
        rows = connection.execute(select(quality_baselines).order_by(quality_baselines.c.since)).mappings()
        return {found.route: found for found in map(_baseline, rows)}


def begin_baseline(engine: Engine, baseline: Baseline) -> None:
    """Keep it; the one that is there with the same beginning stays, with another judge it is replaced."""
    row = {name: getattr(baseline, name) for name in _FIELDS}
    table = quality_baselines.c
    with writing(engine) as connection:
        here = (table.tier == baseline.tier) & (table.target == baseline.target) & (table.since == baseline.since)
        other = here & (table.epoch != baseline.epoch)
        if connection.execute(delete(quality_baselines).where(other)).rowcount:
            connection.execute(delete(baseline_cases).where(_cases_of(baseline)))
        connection.execute(insert_new(connection, quality_baselines).values(row))


def outputs_to_ask_again(engine: Engine, baseline: Baseline, since: int, most: int) -> list[JudgedOutput]:
    """Outputs of the route that the baseline's judge gave a verdict, and that are no cases yet: the oldest of them."""
    table = scored_outputs.c
    said = and_(judgements.c.request_id == table.request_id, judgements.c.epoch == baseline.epoch)
    known = and_(_cases_of(baseline), baseline_cases.c.request_id == table.request_id)
    query = (
        select(table.request_id, table.started_at, judgements.c.score)
        .join(judgements, said)
        .where(table.tier == baseline.tier, table.target == baseline.target)
        .where(table.started_at >= max(since, baseline.since), table.kept)
        .where(judgements.c.score.is_not(None), ~exists().where(known))
        .order_by(table.started_at, table.request_id)
    )
    with engine.connect() as connection:
        return [JudgedOutput(*row) for row in connection.execute(query.limit(most))]


def add_cases(engine: Engine, baseline: Baseline, chosen: Sequence[JudgedOutput]) -> None:
    """Inputs that are to be asked again, after those that are there. Done twice, it is done once."""
    with writing(engine) as connection:
        last = select(func.coalesce(func.max(baseline_cases.c.place), -1)).where(_cases_of(baseline))
        first = int(connection.execute(last).scalar_one()) + 1
        rows = [
            {
                "request_id": one.request_id,
                "since": baseline.since,
                "tier": baseline.tier,
                "target": baseline.target,
                "place": place,
                "before": one.score,
                "check_at": None,
                "now": None,
                "why": "",
                "asked_as": "",
                "cost": 0,
            }
            for place, one in enumerate(chosen, first)
        ]
        if rows:
            connection.execute(insert_new(connection, baseline_cases), rows)


def next_cases(engine: Engine, baseline: Baseline, most: int) -> list[Case]:
    """The next inputs that were not asked again yet."""
    table = baseline_cases.c
    query = select(table.request_id, table.before).where(_cases_of(baseline), table.check_at.is_(None))
    with engine.connect() as connection:
        return [Case(*row) for row in connection.execute(query.order_by(table.place).limit(most))]


def keep_answer(engine: Engine, baseline: Baseline, answer: CaseAnswer) -> None:
    """What became of a case that was asked again."""
    values = {name: getattr(answer, name) for name in CaseAnswer.__struct_fields__ if name != "request_id"}
    values["why"] = answer.why[:_LONGEST_WHY]
    here = _cases_of(baseline) & (baseline_cases.c.request_id == answer.request_id)
    with writing(engine) as connection:
        connection.execute(update(baseline_cases).where(here).values(values))


def checks_of(engine: Engine, baseline: Baseline, until: int) -> list[Check]:
    """The checks of before a time, the oldest first."""
    table = baseline_cases.c

    def counted(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.sum(case((condition, 1), else_=0))

    query = (
        select(
            table.check_at,
            func.count().label("asked"),
            func.count(table.now).label("graded"),
            counted(table.now < table.before).label("worse"),
            counted(table.now > table.before).label("better"),
            func.sum(table.cost).label("cost"),
        )
        .where(_cases_of(baseline), table.check_at < until)
        .group_by(table.check_at)
        .order_by(table.check_at)
    )
    with engine.connect() as connection:
        return [Check(*map(int, row)) for row in connection.execute(query)]


def forget_cases(engine: Engine, request_ids: Sequence[str]) -> None:
    """Nobody asks these again, and nobody knows what became of them."""
    for first in range(0, len(request_ids), _IDS_AT_ONCE):
        ids = request_ids[first : first + _IDS_AT_ONCE]
        with writing(engine) as connection:
            connection.execute(delete(baseline_cases).where(baseline_cases.c.request_id.in_(ids)))


def prune_baselines(engine: Engine, before: int) -> int:
    """Forget baselines that ended before a time and have a newer one, with their cases; how many."""
    newer = quality_baselines.alias()
    table = quality_baselines.c
    outdone = exists().where(newer.c.tier == table.tier, newer.c.target == table.target, newer.c.since > table.since)
    old = select(quality_baselines).where(table.until < before, outdone)
    with engine.connect() as connection:
        found = [_baseline(row) for row in connection.execute(old).mappings()]
    for baseline in found:
        with writing(engine) as connection:
            connection.execute(delete(baseline_cases).where(_cases_of(baseline)))
            connection.execute(
                delete(quality_baselines).where(
                    table.tier == baseline.tier, table.target == baseline.target, table.since == baseline.since
                )
            )
    return len(found)


def _cases_of(baseline: Baseline) -> ColumnElement[bool]:
    table = baseline_cases.c
    return and_(table.tier == baseline.tier, table.target == baseline.target, table.since == baseline.since)


def _baseline(row: RowMapping) -> Baseline:
    return Baseline(**{name: row[name] for name in _FIELDS})
