"""Budgets to spend from, as small as they can be."""

from sqlalchemy import Engine

from homeport.core.budgets import Account, Budget, ScopeKind, Window
from homeport.core.money import Nano
from homeport.storage.budgets import add_budget


def budget(
    limit: int = 1000,
    window: Window = Window.TOTAL,
    *,
    number: int = 1,
    kind: ScopeKind = ScopeKind.ALL,
    scope: str = "",
) -> Budget:
    return Budget(id=f"bud_{number:016x}", name=f"b{number}", kind=kind, scope=scope, window=window, limit=Nano(limit))


def opened(engine: Engine, made: Budget, instance: str = "") -> Account:
    """An account of a budget that is now in the database."""
    add_budget(engine, made, created_at=1)
    return Account(made, instance)
