"""What was spent: the figures of the page Costs, by the same functions that the command line asks."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Engine

from homeport.console.figures.windows import Window
from homeport.core.errors import InvalidRequest
from homeport.ledger.engine_report import hour_bill
from homeport.ledger.reports import Spend, breakdown
from homeport.ledger.sources import Only
from homeport.storage.engine_hours import read_hours
from homeport.storage.rollups import DAY, HOUR

GROUPED = ("project", "key", "model", "tier", "route", "user", "upstream")
"""What can be grouped by; there are no sums by user, so a day of rows at most is read for that."""

MOST_GROUPS = 100


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One hour or day. Money is in nano-dollars; `mean` is what one request cost."""

    when: str
    cost: int
    own: int
    requests: int
    mean: int | None

    @property
    def remote(self) -> int:
        return self.cost - self.own


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine pool was paid for, by the hours that were noted; nano-dollars."""

    engine: str
    hours_ns: int
    bill: int


class CostFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A window. `further`: groups that are not in `groups`, which are the largest."""

    window: Window
    by: str
    only: Only
    total: Spend
    groups: Sequence[Spend]
    further: int
    moments: Sequence[Moment]
    bills: Sequence[Bill]

    @property
    def remote(self) -> int:
        """Nano-dollars that providers had."""
        return self.total.cost - self.total.local_cost


def cost_figures(engine: Engine, window: Window, by: str, only: Only) -> CostFigures:
    """The figures of a window.

    Raises:
        InvalidRequest: it cannot be grouped like that, or not over so long a time.
    """
    if by not in GROUPED:
        raise InvalidRequest(f"cannot group by {by[:40]!r}", hint=f"use: {', '.join(GROUPED)}", param="by")
    if by == "user" and window.until_ns - window.since_ns > DAY + HOUR:
        raise InvalidRequest(
            "there are no sums by user: they are read from the requests themselves, a day at a time",
            hint="choose 24h, or ask the command line: homeport cost --by user",
            param="by",
        )
    since, until = window.since_ns, window.until_ns
    # Users are read from rows, one by one: what is between the mean and the dearest query would take as long again.
    found = breakdown(
        engine, by=(by,), since_ns=since, until_ns=until, only=only, width=window.width, spread=by != "user"
    )
    groups = found.groups[by]
    return CostFigures(
        window=window,
        by=by,
        only=only,
        total=found.total,
        groups=groups[:MOST_GROUPS],
        further=max(0, len(groups) - MOST_GROUPS),
        moments=[_moment(row) for row in found.times.values()],
        bills=bills(engine, window),
    )


def _moment(row: Spend) -> Moment:
    return Moment(when=row.group, cost=row.cost, own=row.local_cost, requests=row.requests, mean=row.query.mean)


def bills(engine: Engine, window: Window) -> Sequence[Bill]:
    """What each engine pool was paid for, by name; as with `homeport cost --engines`, whole hours count."""
    found: dict[str, Bill] = {}
    for hour in read_hours(engine, since_ns=window.since_ns, until_ns=window.until_ns):
        known = found.get(hour.engine) or Bill(engine=hour.engine, hours_ns=0, bill=0)
        found[hour.engine] = msgspec.structs.replace(
            known, hours_ns=known.hours_ns + hour.until - hour.since, bill=known.bill + hour_bill(hour)
        )
    return [found[name] for name in sorted(found)]
