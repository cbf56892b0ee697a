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


def forecast_month(engine: Engine, now: int, rng: Random, project: str = "", *, remote: bool = False) -> Forecast:
    """The bill of the month that `now` (nanoseconds since the epoch) is in.

    `remote` counts only what providers were asked, which is what budgets cap.
    With less than `MIN_DAYS` complete days since the first request it is a plain extrapolation.
    """
    month, first = Month.at(now), first_request(engine, project)
    today = now // DAY * DAY
    start = today if first is None or first > now else max(first // DAY * DAY, today - MAX_DAYS * DAY)
    whose = Whose(project=project, remote=remote)
    spent = spent_in(engine, month.start_ns, now, whose)
    position = Position(
        days=spent_each(engine, DAY, start, today, whose),
        spent=spent,
        days_left=(month.plus(1).start_ns - today) // DAY,
        today_left=1 - (now - today) / DAY,
    )
    method, rest = Method.NOTHING, Interval(0.0, 0.0, 0.0)
    if len(position.days) >= MIN_DAYS:
        method, rest = Method.SEASONAL, rest_of_month(position, rng)
    elif first is not None and first <= now:
        since = spent_in(engine, start, now, whose)
        left = month.plus(1).start_ns - now
        method = Method.EXTRAPOLATION
        rest = Interval(0.0, since * left / max(now - first, HOUR), 0.0)
    known = method is Method.SEASONAL
    return Forecast(
        project=project,
        month=str(month),
        computed_at=now,
        method=method,
        days=len(position.days),
        spent=Nano(spent),
        expected=Nano(spent + round(rest.median)),
        low=Nano(spent + round(rest.low)) if known else None,
        high=Nano(spent + round(rest.high)) if known else None,
    )


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
