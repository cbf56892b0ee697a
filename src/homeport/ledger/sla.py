"""The service level report of a month: what each key got on each route, and what it is owed."""

from collections.abc import Collection, Mapping, Sequence
from functools import reduce

import msgspec
from sqlalchemy import Engine

from homeport.core.money import Nano
from homeport.ledger.indicators import KeyTallies, Tallies, cost_by_key, quantile_ns, tallies_by_key
from homeport.ledger.months import Month
from homeport.ledger.objectives import CreditStep, Indicator, Objective, Route
from homeport.ledger.slo import Tally


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One key on one route. `credit` is in nano-dollars: `percent` of `got.cost`."""

    got: KeyTallies
    percent: int
    credit: Nano


class ObjectiveReport(msgspec.Struct, frozen=True, kw_only=True):
    """One objective over the month.

    Attributes:
        tallies: of all keys of the report together.
        quantiles: the time, in nanoseconds, that the promised share stayed within; None for no request.
    """

    objective: Objective
    tallies: Tallies
    quantiles: Mapping[Indicator, int | None]
    lines: tuple[Line, ...]


class KeyTotal(msgspec.Struct, frozen=True, kw_only=True):
    """What a key spent in the month and what it is owed for all objectives, in nano-dollars."""

    key_id: str
    cost: Nano
    credit: Nano


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A month. `complete` is False while it is not over: then it is the report so far."""

    month: Month
    complete: bool
    objectives: tuple[ObjectiveReport, ...]
    keys: tuple[KeyTotal, ...]


def credit_percent(steps: Sequence[CreditStep], availability: Tally) -> int:
    """The percent of the furthest step that the availability is below; 0 where no request counted."""
    return max((step.percent for step in steps if availability.below(step.below)), default=0)


def credit(cost: int, percent: int) -> Nano:
    """A part of a cost, rounded half up, once, to a nano-dollar; never more than the cost."""
    return Nano((cost * percent + 50) // 100)


def report(
    engine: Engine, objectives: Sequence[Objective], month: Month, now: int, *, key_ids: Collection[str] = ()
) -> Report:
    """What was promised and kept in a calendar month (UTC), whatever the objectives' own windows are.

    Args:
        now: nanoseconds since the epoch; later requests do not count.
        key_ids: only these keys; empty for all.
    """
    start, end = month.start_ns, month.plus(1).start_ns
    until, only = min(end, now), tuple(sorted(key_ids))
    reports = tuple(_report(engine, _only(objective, only), start, until) for objective in objectives)
    costs = cost_by_key(engine, Route(only=only), start, until)
    return Report(month=month, complete=end <= now, objectives=reports, keys=_totals(reports, costs))


def _only(objective: Objective, key_ids: tuple[str, ...]) -> Objective:
    route = msgspec.structs.replace(objective.route, only=key_ids)
    return msgspec.structs.replace(objective, route=route)


def _report(engine: Engine, objective: Objective, start: int, until: int) -> ObjectiveReport:
    rows = tallies_by_key(engine, objective, start, until)
    return ObjectiveReport(
        objective=objective,
        tallies={
            indicator: reduce(Tally.plus, (row.tallies[indicator] for row in rows), Tally())
            for indicator in objective.promises
        },
        quantiles={
            indicator: quantile_ns(engine, objective, indicator, start, until) for indicator in objective.promises
        },
        lines=tuple(_line(objective, row) for row in rows),
    )


def _line(objective: Objective, got: KeyTallies) -> Line:
    percent = credit_percent(objective.credits, got.tallies.get(Indicator.AVAILABILITY, Tally()))
    return Line(got=got, percent=percent, credit=credit(got.cost, percent))


def _totals(reports: Sequence[ObjectiveReport], costs: Mapping[str, int]) -> tuple[KeyTotal, ...]:
    owed: dict[str, int] = {}
    for line in (line for report in reports for line in report.lines):
        owed[line.got.key_id] = owed.get(line.got.key_id, 0) + line.credit
    # A request may be on several routes, but nobody is paid back more than was paid.
    return tuple(
        KeyTotal(key_id=key_id, cost=Nano(cost), credit=Nano(min(owed.get(key_id, 0), cost)))
        for key_id, cost in sorted(costs.items())
    )
