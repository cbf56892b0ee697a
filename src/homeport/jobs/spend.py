"""Spending watched once a minute: burn rates of budgets, unusual hours, and once an hour what a month will come to."""

import logging
from collections.abc import Iterator, Mapping

from sqlalchemy import Engine

from homeport.core.alerts import Alert, ForecastOverBudget
from homeport.core.budgets import EACH, Budget, ScopeKind, Window
from homeport.ledger.anomalies import HISTORY_HOURS, anomalies
from homeport.ledger.burn import burn_alerts
from homeport.ledger.forecast import forecast_month
from homeport.ledger.slo import BURN_WINDOWS
from homeport.ledger.spending import HOUR, Whose, hourly_by_project, spent_in
from homeport.storage.alerts import raise_alert
from homeport.storage.budgets import Standing, standings

logger = logging.getLogger(__name__)

EVERY_S = 60.0
_FORECAST_KINDS = (ScopeKind.ALL, ScopeKind.PROJECT)


class SpendWatch:
    """Looks again and again; that an alert is told once, the outbox sees to."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._forecast_at: int | None = None

    def look(self, now: int) -> None:
        """Raise what there is to tell at a time, in nanoseconds since the epoch. Raises SQLAlchemyError."""
        for alert in self._found(now):
            raise_alert(self._engine, alert)

    def _found(self, now: int) -> Iterator[Alert]:
        # Where each user or trace has an account of its own there are too many to look at each.
        months = [
            standing
            for standing in standings(self._engine, now)
            if standing.budget.window is Window.MONTH and standing.budget.scope != EACH
        ]
        for standing in months:
            yield from burn_alerts(standing, self._spent(standing.budget, now), now)
        yield from self._unusual(now)
        if self._forecast_at is None or not 0 <= now - self._forecast_at < HOUR:
            for standing in months:
                yield from self._over(standing, now)
            self._forecast_at = now

    def _spent(self, budget: Budget, now: int) -> Mapping[str, int]:
        whose = whose_is(budget)
        return {name: spent_in(self._engine, now - span, now, whose) for name, span in BURN_WINDOWS.items()}

    def _unusual(self, now: int) -> Iterator[Alert]:
        """The hour that runs, and the one before it: what came late belongs to that."""
        ends = (now // HOUR + 1) * HOUR
        spent = hourly_by_project(self._engine, ends - (HISTORY_HOURS + 2) * HOUR, ends)
        yield from anomalies({project: hours[:-1] for project, hours in spent.items()}, ends - HOUR, now)
        yield from anomalies(spent, ends, now)

    def _over(self, standing: Standing, now: int) -> Iterator[Alert]:
        budget = standing.budget
        if budget.kind not in _FORECAST_KINDS:
            return
        found = forecast_month(self._engine, now, budget.scope, remote=True)
        if found.low is not None and found.high is not None and found.expected > budget.limit:
            yield ForecastOverBudget(
                at=now,
                budget_id=budget.id,
                budget=budget.name,
                window=str(budget.window),
                period=found.month,
                spent=standing.spent,
                limit=budget.limit,
                forecast=found.expected,
                low=found.low,
                high=found.high,
            )


def whose_is(budget: Budget) -> Whose:
    """The requests that a budget caps."""
    field = _FIELDS.get(budget.kind)
    return Whose(remote=True, **({field: budget.scope} if field else {}))


_FIELDS: Mapping[ScopeKind, str] = {
    ScopeKind.PROJECT: "project",
    ScopeKind.KEY: "key_id",
    ScopeKind.USER: "end_user",
    ScopeKind.TRACE: "trace_id",
}
