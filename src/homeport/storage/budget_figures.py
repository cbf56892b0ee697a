"""How the budgets stand, as the jobs worker leaves it for the gateways' metrics."""

import msgspec

MOST_FIGURES = 200
"""Budgets that are shown, the tightest first: a metrics page has a bound."""


class BudgetFigure(msgspec.Struct, frozen=True, kw_only=True):
    """A budget by its tightest account. Money is in nano-dollars."""

    name: str
    limit: int
    spent: int
    leased: int


class BudgetFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Nanoseconds since the epoch. Past `stale_at` nothing of it is to be believed."""

    computed_at: int
    stale_at: int
    rows: tuple[BudgetFigure, ...]
