"""How it goes: the figures of the page Overview, and the one sentence under them."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Engine, select

from homeport.console.figures.windows import hour_end
from homeport.core.budgets import ScopeKind, Window
from homeport.core.told import Severity
from homeport.ledger.forecast import Forecast, forecast_month
from homeport.ledger.months import Month
from homeport.ledger.query_cost import QueryCost
from homeport.ledger.reports import Spend, breakdown, spend
from homeport.storage.alert_figures import UNDELIVERED, AlertFigures
from homeport.storage.alerts import StoredAlert, list_alerts
from homeport.storage.budgets import Standing, standings
from homeport.storage.rollups import DAY, HOUR
from homeport.storage.tables import requests
from homeport.storage.unusual import Unusuals, headline

LATEST = 2_000
"""Times are of so many requests at most, the newest of the last hour: what people feel now, at a bounded price."""

_HELD_NS = 60 * 1_000_000_000
_ALERTS = 50
_BUDGETS = 3
_FAILED = ("failed",)
_NEARLY = 0.9
_MANY_FAIL = 0.05
_FEW = 20
_CHANCE = 5
"""Fewer failures than so many are told as a figure, and not as something to look at first."""


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """Of the newest requests, in nanoseconds; None where there are none.

    Attributes:
        of: how many requests these are.
        over: how far back they go at most, as a window is called: an hour, or a day where that had few.
        failed: the share of them that failed.
        p50, p95, p99: from the request to the end of its answer.
        ttft_p50, ttft_p95: to the first byte, of answers that came as a stream.
    """

    of: int = 0
    over: str = "1h"
    failed: float | None = None
    p50: int | None = None
    p95: int | None = None
    p99: int | None = None
    ttft_p50: int | None = None
    ttft_p95: int | None = None

    @property
    def many_fail(self) -> bool:
        """So many that it is no chance."""
        failed = self.failed or 0.0
        return self.of >= _FEW and failed > _MANY_FAIL and failed * self.of >= _CHANCE


class OverviewFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    today, month: since midnight, without quantiles of the cost of a query, and since the first; in UTC.
    tiers: the day's requests by the tier that answered.
    budgets: the tightest accounts, the most used first.
    month_budget: the tightest cap on all that is spent in a month; None where there is none.
    alerts: of the last day, the newest first.
    """

    today: Spend
    month: Spend
    query: QueryCost
    forecast: Forecast
    times: Times
    tiers: Sequence[Spend]
    budgets: Sequence[Standing]
    month_budget: Standing | None
    alerts: Sequence[StoredAlert]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What takes longest to work out and changes least, as of a time in nanoseconds since the epoch."""

    at: int
    month: Spend
    query: QueryCost
    forecast: Forecast


class Overviews:
    """Works the figures out. Those that change least are held for a minute."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held: Held | None = None

    def at(self, now: int) -> OverviewFigures:
        """The figures at a time, in nanoseconds since the epoch."""
        held = self._held
        if held is None or not 0 <= now - held.at < _HELD_NS:
            held = self._held = hold(self._engine, now)
        return overview(self._engine, now, held)


def hold(engine: Engine, now: int) -> Held:
    """The month so far, what a query cost lately, and what the month will come to."""
    end = hour_end(now)
    (month,) = spend(engine, since_ns=Month.at(now).start_ns, until_ns=end, spread=False)
    (day,) = spend(engine, since_ns=end - DAY, until_ns=end)
    return Held(at=now, month=month, query=day.query, forecast=forecast_month(engine, now))


def overview(engine: Engine, now: int, held: Held | None = None) -> OverviewFigures:
    """The figures at a time, in nanoseconds since the epoch; those that are held as they are given."""
    today = now // DAY * DAY
    held = held or hold(engine, now)
    day = breakdown(engine, by=("tier",), since_ns=today, until_ns=hour_end(now), spread=False)
    tightest = sorted(standings(engine, now), key=lambda one: -used(one))
    return OverviewFigures(
        today=day.total,
        month=held.month,
        query=held.query,
        forecast=held.forecast,
        times=recent_times(engine, now),
        tiers=[row for row in day.groups["tier"] if row.group],
        budgets=tightest[:_BUDGETS],
        month_budget=next((one for one in tightest if _caps_the_month(one)), None),
        alerts=[alert for alert in list_alerts(engine, _ALERTS) if alert.at > now - DAY],
    )


def recent_times(engine: Engine, now: int) -> Times:
    """Of the last hour, so that what fails now is not lost in a day that went well; of a day where an hour has few."""
    lately = latest_times(engine, now - HOUR)
    if lately.of >= _FEW:
        return lately
    return msgspec.structs.replace(latest_times(engine, now - DAY), over="24h")


def latest_times(engine: Engine, since: int) -> Times:
    """How long the newest requests took that began after a time."""
    query = (
        select(requests.c.latency_ns, requests.c.ttft_ns, requests.c.outcome)
        .where(requests.c.started_at >= since)
        .order_by(requests.c.started_at.desc())
        .limit(LATEST)
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    if not rows:
        return Times()
    whole = sorted(row.latency_ns for row in rows if row.outcome == "completed")
    first = sorted(row.ttft_ns for row in rows if row.ttft_ns)
    return Times(
        of=len(rows),
        failed=sum(row.outcome in _FAILED for row in rows) / len(rows),
        p50=quantile(whole, 0.5),
        p95=quantile(whole, 0.95),
        p99=quantile(whole, 0.99),
        ttft_p50=quantile(first, 0.5),
        ttft_p95=quantile(first, 0.95),
    )


def quantile(ordered: Sequence[int], share: float) -> int | None:
    """The smallest value that so large a share is not above; None of nothing."""
    return ordered[max(0, -(-round(len(ordered) * share * 1_000) // 1_000) - 1)] if ordered else None


def used(standing: Standing) -> float:
    """The share of a limit that is spent or leased."""
    return (standing.spent + standing.leased) / standing.budget.limit


def advice(figures: OverviewFigures, now: int, unusual: Unusuals | None = None) -> str:
    """What to look at first, in one sentence; `unusual` is what the jobs worker says of now."""
    return worry(figures, now, unusual) or _well(figures)


def worry(figures: OverviewFigures, now: int, unusual: Unusuals | None = None) -> str:
    """The same where something is wrong; "" where all is well."""
    if unusual is not None and unusual.rows:
        return headline(unusual)
    for alert in figures.alerts:
        if alert.severity == Severity.CRITICAL and alert.at > now - HOUR and not _ended(alert, figures):
            return alert.summary
    if figures.times.many_fail:
        return f"{figures.times.failed:.0%} of the latest {figures.times.of:,} requests failed: look at Requests."
    for standing in figures.budgets:
        if used(standing) >= _NEARLY:
            name = standing.budget.name
            return f"The budget {name} is used to {used(standing):.0%}: raise it, or send more to your own engines."
    return _over_the_month(figures) or _recent(figures, now)


def _caps_the_month(standing: Standing) -> bool:
    return standing.budget.kind is ScopeKind.ALL and standing.budget.window is Window.MONTH


_NOBODY_LOOKS = (
    "The jobs worker does not run: nobody looks at budgets, objectives and what is unusual, and no alert is sent. "
    "The end of logs/jobs.log in the state folder says why; homeport up starts it."
)


def troubles(told: AlertFigures | None) -> Sequence[str]:
    """Why nobody would be told if something were wrong; `told` is what the jobs worker says of its alerts."""
    if told is None:
        return [_NOBODY_LOOKS]
    webhooks = sorted({one.webhook for one in told.deliveries if one.state in UNDELIVERED})
    return [f"Alerts do not reach {name}: homeport alerts list says why." for name in webhooks]


def _ended(alert: StoredAlert, figures: OverviewFigures) -> bool:
    """It tells of an end, or its end was told too."""
    return any(one.is_over and one.incident == alert.incident for one in figures.alerts)


def _over_the_month(figures: OverviewFigures) -> str:
    standing, expected = figures.month_budget, figures.forecast.expected
    if standing is None or expected <= standing.budget.limit:
        return ""
    budget = standing.budget
    return (
        f"This month is expected to cost ${expected / 1e9:,.2f}, above the ${budget.limit / 1e9:,.2f} "
        f"of the budget {budget.name}."
    )


def _recent(figures: OverviewFigures, now: int) -> str:
    told = (alert for alert in figures.alerts if not _ended(alert, figures))
    recent = [alert for alert in told if alert.severity != Severity.INFO and alert.at > now - HOUR]
    return recent[0].summary if recent else ""


def _well(figures: OverviewFigures) -> str:
    if not figures.times.of:
        return "No request came in the last day: point a client at this gateway, as the first tutorial shows."
    remote = figures.today.cost - figures.today.local_cost
    if figures.today.cost and remote * 2 > figures.today.cost and figures.today.cache_asked == 0:
        return "All is well; most of today's money went to APIs, and the cache, which saves some, is not in use."
    return f"All is well: {figures.today.requests:,} requests today, ${figures.today.cost / 1e9:,.2f}."
