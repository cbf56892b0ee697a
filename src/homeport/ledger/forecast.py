"""The bill at the end of the month, with an interval: docs/explanation/forecast.md says how."""

from collections.abc import Sequence
from enum import StrEnum
from random import Random

import msgspec
from sqlalchemy import Engine

from homeport.core.money import Nano
from homeport.ledger.months import Month
from homeport.ledger.spending import DAY, HOUR, Whose, first_request, spent_each, spent_in
from homeport.stats.intervals import Interval, sum_interval

COVERAGE = 0.8
"""The bill is inside the interval so often."""

WEEK = 7
MIN_DAYS = WEEK
MAX_DAYS = 18 * WEEK
"""What lies further back says little about next week."""

_FUTURES = 1_000
_SEED = 1


class Method(StrEnum):
    """How the rest of the month was worked out."""

    SEASONAL = "seasonal smoothing"
    EXTRAPOLATION = "plain extrapolation"
    NOTHING = "no requests yet"


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """The bill of a calendar month (UTC) as it is expected. Money is in nano-dollars.

    Attributes:
        project: of it and what is below it; "" for all.
        spent: in the month so far.
        expected: the whole month's bill; the median of the futures.
        low, high: the bill is between them with a probability of `COVERAGE`; None where the history is too short.
        days: complete days of history that it is from.
    """

    project: str
    month: str
    computed_at: int
    method: Method
    days: int
    spent: Nano
    expected: Nano
    low: Nano | None = None
    high: Nano | None = None


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where a month stands.

    Attributes:
        days: nano-dollars of each complete day, oldest first.
        spent: nano-dollars in the month so far.
        days_left: days to the end of the month, today included.
        today_left: share of today that is still to come.
    """

    days: Sequence[int]
    spent: int
    days_left: int
    today_left: float


def forecast_month(engine: Engine, now: int, project: str = "", *, remote: bool = False) -> Forecast:
    """The bill of the month that `now` (nanoseconds since the epoch) is in.

    `remote` counts only what providers were asked, which is what budgets cap.
    With less than `MIN_DAYS` complete days since the first request it is a plain extrapolation.
    """
    first, whose = first_request(engine, project), Whose(project=project, remote=remote)
    position = _position(engine, now, first, whose)
    method, rest = Method.NOTHING, Interval(0.0, 0.0, 0.0)
    if len(position.days) >= MIN_DAYS:
        dice = Random(_SEED)  # noqa: S311  no secret: the same ledger gives the same forecast
        method, rest = Method.SEASONAL, rest_of_month(position, dice)
    elif first is not None and first <= now:
        method, rest = Method.EXTRAPOLATION, Interval(0.0, _same_pace(engine, now, first, whose), 0.0)
    known = method is Method.SEASONAL
    return Forecast(
        project=project,
        month=str(Month.at(now)),
        computed_at=now,
        method=method,
        days=len(position.days),
        spent=Nano(position.spent),
        expected=Nano(position.spent + round(rest.median)),
        low=Nano(position.spent + round(rest.low)) if known else None,
        high=Nano(position.spent + round(rest.high)) if known else None,
    )


def _position(engine: Engine, now: int, first: int | None, whose: Whose) -> Position:
    month, today = Month.at(now), now // DAY * DAY
    since = _first_day(now, first)
    days = spent_each(engine, DAY, since, today, whose)
    in_month = days[max(0, (month.start_ns - since) // DAY) :]
    return Position(
        days=days,
        spent=sum(in_month) + spent_in(engine, today, now, whose),
        days_left=(month.plus(1).start_ns - today) // DAY,
        today_left=1 - (now - today) / DAY,
    )


def _first_day(now: int, first: int | None) -> int:
    """The first day that is looked at; today where nothing was asked before now."""
    today = now // DAY * DAY
    return today if first is None or first > now else max(first // DAY * DAY, today - MAX_DAYS * DAY)


def _same_pace(engine: Engine, now: int, first: int, whose: Whose) -> float:
    """What the rest of the month costs if it goes on as since the first request."""
    since = spent_in(engine, _first_day(now, first), now, whose)
    return since * (Month.at(now).plus(1).start_ns - now) / max(now - first, HOUR)


def rest_of_month(position: Position, rng: Random, *, futures: int = _FUTURES) -> Interval:
    """What is still to be spent in the month, from at least `MIN_DAYS` days; nano-dollars."""
    return sum_interval(
        [float(max(0, day)) for day in position.days[-MAX_DAYS:]],
        position.days_left,
        period=WEEK,
        coverage=COVERAGE,
        rng=rng,
        first=position.today_left,
        count=futures,
    )
