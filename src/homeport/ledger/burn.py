"""How fast the limit of a month's budget is used up, on the windows of the SRE Workbook.

The burn rate is what was spent in a window over what the limit allows in a window of that length: 1 uses up the
limit exactly at the end of the month. The rules are those of the objectives: ledger/slo.py names the source.
"""

from collections.abc import Mapping
from fractions import Fraction

from homeport.core.alerts import BurnRate
from homeport.core.budgets import Window
from homeport.ledger.months import Month
from homeport.ledger.slo import BURN_WINDOWS, Severity, firing
from homeport.storage.budgets import Standing


def burn_rates(spent: Mapping[str, int], limit: int, now: int) -> dict[str, Fraction]:
    """The burn rate of each of `BURN_WINDOWS`, against a limit for the month that `now` is in.

    Args:
        spent: nano-dollars in each of them.
        limit: nano-dollars; of a limit of 0 nothing can burn.
    """
    month = Month.at(now)
    length = month.plus(1).start_ns - month.start_ns
    return {
        name: Fraction(spent[name] * length, limit * span) if limit > 0 else Fraction(0)
        for name, span in BURN_WINDOWS.items()
    }


def burn_alerts(standing: Standing, spent: Mapping[str, int], now: int) -> list[BurnRate]:
    """An alert for each rule that fires; only for months, for the rules are made for about thirty days.

    Args:
        spent: nano-dollars in each of `BURN_WINDOWS`.
        now: nanoseconds since the epoch.
    """
    budget = standing.budget
    if budget.window is not Window.MONTH:
        return []
    rates = burn_rates(spent, budget.limit, now)
    return [
        BurnRate(
            at=now,
            budget_id=budget.id,
            budget=budget.name,
            instance=standing.instance,
            window=str(budget.window),
            period=str(Month.at(now)),
            spent=standing.spent,
            limit=budget.limit,
            rate=round(float(rates[rule.long]), 3),
            long=rule.long,
            short=rule.short,
            urgent=rule.severity is Severity.PAGE,
        )
        for rule in firing(rates)
    ]
