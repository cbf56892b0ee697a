"""Counting requests against an objective, in SQL that SQLite and PostgreSQL both speak.

| how it ended | availability | latency (whole answers), ttft (streams) |
|---|---|---|
| completed | good | good if it was in time |
| failed, also in the middle of a stream | bad | bad; a stream's first token counts as it came |
| rejected: the caller's fault | - | - |
| cancelled while what was promised was late | bad | bad |
| cancelled before that | - | a stream's first token counts if it came |
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Engine,
    RowMapping,
    Select,
    and_,
    case,
    cast,
    false,
    func,
    or_,
    select,
    true,
)

from homeport.config.slo import PER_WHOLE
from homeport.core.types import Outcome
from homeport.ledger.objectives import Indicator, Objective, Route
from homeport.ledger.slo import Tally
from homeport.storage.tables import keys, requests

Tallies = Mapping[Indicator, Tally]


class KeyTallies(msgspec.Struct, frozen=True, kw_only=True):
    """What one key got: counts of its requests on a route, and what all of them cost in nano-dollars."""

    key_id: str
    requests: int
    cost: int
    tallies: Tallies


def tallies_since(engine: Engine, objective: Objective, starts: Sequence[int], until: int) -> list[Tallies]:
    """Counts of the windows from each of `starts` to just before `until`, in one pass over the longest.

    Args:
        starts: nanoseconds since the epoch, the longest window first.
    """
    band = case(*[(requests.c.started_at >= start, place) for place, start in reversed([*enumerate(starts)])])
    judged = _judged(objective, starts[0], until).add_columns(band.label("band")).subquery()
    query = select(judged.c.band, *_sums(objective, judged.c)).group_by(judged.c.band)
    found = [_none_of(objective)] * len(starts)
    with engine.connect() as connection:
        for row in connection.execute(query).mappings():
            found[row["band"]] = _tallies(objective, row)
    # A window holds its own band and those of all shorter windows.
    return [*accumulate(reversed(found), _plus)][::-1]


def tallies_by_key(engine: Engine, objective: Objective, start: int, until: int) -> list[KeyTallies]:
    """Counts and cost of each key from `start` to just before `until`, sorted by key id."""
    judged = _judged(objective, start, until).add_columns(requests.c.key_id, requests.c.cost).subquery()
    query = (
        select(
            judged.c.key_id,
            func.count().label("requests"),
            cast(func.sum(judged.c.cost), BigInteger).label("cost"),
            *_sums(objective, judged.c),
        )
        .group_by(judged.c.key_id)
        .order_by(judged.c.key_id)
    )
    with engine.connect() as connection:
        return [
            KeyTallies(
                key_id=row["key_id"], requests=row["requests"], cost=row["cost"], tallies=_tallies(objective, row)
            )
            for row in connection.execute(query).mappings()
        ]


def cost_by_key(engine: Engine, route: Route, start: int, until: int) -> dict[str, int]:
    """What each key spent on a route, in nano-dollars."""
    total = cast(func.sum(requests.c.cost), BigInteger)
    query = select(requests.c.key_id, total).where(_between(start, until), _on(route)).group_by(requests.c.key_id)
    with engine.connect() as connection:
        return {key_id: int(cost) for key_id, cost in connection.execute(query)}


def quantile_ns(engine: Engine, objective: Objective, indicator: Indicator, start: int, until: int) -> int | None:
    """The time that the promised share of the requests stayed within: the nearest-rank quantile, exact.

    It is over the times there are: of whole answers that were completed, or of streams that began.
    None where there is none, and for availability.
    """
    if indicator is Indicator.AVAILABILITY:
        return None
    taken, known = _TIMES[indicator]
    among = and_(known, _between(start, until), _on(objective.route))
    with engine.connect() as connection:
        count = connection.execute(select(func.count()).select_from(requests).where(among)).scalar_one()
        if not count:
            return None
        rank = -(-count * objective.promises[indicator].share // PER_WHOLE)
        nth = select(taken.label("taken")).where(among).order_by("taken").offset(rank - 1).limit(1)
        return int(connection.execute(nth).scalar_one())


_completed = requests.c.outcome == Outcome.COMPLETED.value
_cancelled = requests.c.outcome == Outcome.CANCELLED.value
_counts = requests.c.outcome.not_in((Outcome.REJECTED.value, Outcome.CANCELLED.value))
_began = requests.c.ttft_ns > 0
_whole = ~requests.c.stream
_first_ns = case((_began, requests.c.ttft_ns), else_=requests.c.latency_ns)
"""A stream that was completed without a first byte had nothing to say but its end."""

_TIMES: Mapping[Indicator, tuple[ColumnElement[int], ColumnElement[bool]]] = {
    Indicator.LATENCY: (requests.c.latency_ns, and_(_whole, _completed)),
    Indicator.TTFT: (_first_ns, and_(requests.c.stream, or_(_completed, and_(_began, _counts | _cancelled)))),
}
"""The time that counts, and the requests that have one."""


def _late(objective: Objective, indicator: Indicator) -> ColumnElement[bool]:
    """The caller left after waiting longer than was promised for what it waited for."""
    within = objective.within_ns(indicator)
    if within is None:
        return false()
    if indicator is Indicator.LATENCY:
        return and_(_cancelled, _whole, requests.c.latency_ns > within)
    return and_(_cancelled, requests.c.stream, _first_ns > within)


def _good_and_valid(objective: Objective, indicator: Indicator) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    if indicator is Indicator.AVAILABILITY:
        return _completed, or_(_counts, _late(objective, Indicator.LATENCY), _late(objective, Indicator.TTFT))
    taken, known = _TIMES[indicator]
    kind = _whole if indicator is Indicator.LATENCY else requests.c.stream
    in_time = and_(known, taken <= objective.promises[indicator].within_ns)
    return in_time, or_(and_(kind, _counts), known, _late(objective, indicator))


def _judged(objective: Objective, start: int, until: int) -> Select[tuple[int]]:
    """One row for each request on the route, with a 1 or a 0 for each indicator.

    Made a subquery, so that GROUP BY names a column: PostgreSQL does not take two equal expressions
    with parameters for the same.
    """
    columns = []
    for indicator in objective.promises:
        good, valid = _good_and_valid(objective, indicator)
        columns += [case((good, 1), else_=0).label(f"{indicator}_good")]
        columns += [case((valid, 1), else_=0).label(f"{indicator}_valid")]
    return select(*columns).where(_between(start, until), _on(objective.route))


def _between(start: int, until: int) -> ColumnElement[bool]:
    return and_(requests.c.started_at >= start, requests.c.started_at < until)


def _on(route: Route) -> ColumnElement[bool]:
    limits: list[ColumnElement[bool]] = []
    if route.key:
        named = select(keys.c.id).where(keys.c.name == route.key)
        limits.append(or_(requests.c.key_id == route.key, requests.c.key_id.in_(named)))
    if route.only:
        limits.append(requests.c.key_id.in_(route.only))
    if route.surface is not None:
        limits.append(requests.c.surface == route.surface.value)
    if route.asked:
        limits.append(requests.c.requested_model == route.asked)
    if route.tier:
        limits.append(or_(requests.c.tier == route.tier, _unanswered(route)))
    if route.model:
        limits.append(or_(requests.c.target == route.model, _unanswered(route)))
    return and_(true(), *limits)


def _unanswered(route: Route) -> ColumnElement[bool]:
    """Nothing answered, and the route was asked for or tried. The attempts are JSON as msgspec writes it."""
    tried = [requests.c.attempts.contains(f'"target":"{name}"', autoescape=True) for name in route.targets]
    return and_(requests.c.target == "", or_(requests.c.requested_model.in_(route.names), *tried))


def _sums(objective: Objective, columns: object) -> list[ColumnElement[int]]:
    names = [f"{indicator}_{what}" for indicator in objective.promises for what in ("good", "valid")]
    return [cast(func.sum(getattr(columns, name)), BigInteger).label(name) for name in names]


def _tallies(objective: Objective, row: RowMapping) -> Tallies:
    return {
        indicator: Tally(good=row[f"{indicator}_good"], valid=row[f"{indicator}_valid"])
        for indicator in objective.promises
    }


def _none_of(objective: Objective) -> Tallies:
    return dict.fromkeys(objective.promises, Tally())


def _plus(one: Tallies, other: Tallies) -> Tallies:
    return {indicator: tally.plus(other[indicator]) for indicator, tally in one.items()}
