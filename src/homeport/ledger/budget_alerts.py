"""What somebody should be told of budgets, from how they stand. Pure; whether it was told already is not known here."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from homeport.core.alerts import BudgetExceeded, BudgetThresholdReached
from homeport.core.budgets import EACH, Budget, ScopeKind, Window
from homeport.ledger.months import Month
from homeport.ledger.refusals import Refusals
from homeport.storage.budgets import Standing


def reached(standings: Iterable[Standing], now: int) -> Iterator[BudgetThresholdReached]:
    """Every threshold that the spending of an account has come to. `now` is in nanoseconds since the epoch."""
    for standing in standings:
        for percent in standing.budget.thresholds:
            if standing.spent * 100 >= standing.budget.limit * percent:
                yield BudgetThresholdReached(percent=percent, **_of(standing, now))


def exceeded(refusals: Iterable[Refusals], standings: Sequence[Standing], now: int) -> Iterator[BudgetExceeded]:
    """An alert for each account that refused something in the window that holds now."""
    by_account = {(standing.budget.name, standing.instance): standing for standing in standings}
    budgets = {standing.budget.name: standing.budget for standing in standings}
    counts: dict[tuple[str, str], int] = {}
    for row in refusals:
        budget = budgets.get(row.budget)
        if budget is not None and _period(budget, row.last_at) == _period(budget, now):
            account = (row.budget, _instance(budget, row))
            counts[account] = counts.get(account, 0) + row.count
    for account, count in counts.items():
        if (standing := by_account.get(account)) is not None:
            yield BudgetExceeded(refused=count, **_of(standing, now))


def _of(standing: Standing, now: int) -> Mapping[str, Any]:
    budget = standing.budget
    return {
        "at": now,
        "budget_id": budget.id,
        "budget": budget.name,
        "instance": standing.instance,
        "window": str(budget.window),
        "period": _period(budget, now),
        "spent": standing.spent,
        "limit": budget.limit,
    }


def _period(budget: Budget, at: int) -> str:
    return str(Month.at(at)) if budget.window is Window.MONTH else ""


def _instance(budget: Budget, row: Refusals) -> str:
    if budget.scope != EACH:
        return ""
    return row.end_user if budget.kind is ScopeKind.USER else row.trace_id
