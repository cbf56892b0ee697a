"""Which budgets a request is spent from. Pure."""

from collections.abc import Iterable, Sequence

from homeport.core.budgets import EACH, Account, Budget, ScopeKind
from homeport.core.types import Key

_NAMED = frozenset({ScopeKind.USER, ScopeKind.TRACE})


class BudgetBook:
    """The budgets that are in force, by what they are of.

    Args:
        budgets: as the database has them, in any order.
    """

    def __init__(self, budgets: Iterable[Budget] = ()) -> None:
        self.budgets = tuple(budgets)
        self._by_scope: dict[tuple[ScopeKind, str], list[Budget]] = {}
        for budget in self.budgets:
            self._by_scope.setdefault((budget.kind, budget.scope), []).append(budget)
        self._names_matter = any(budget.kind in _NAMED for budget in self.budgets)
        self._of_keys: dict[tuple[str, str], tuple[Account, ...]] = {}

    def __bool__(self) -> bool:
        return bool(self.budgets)

    def accounts(self, key: Key, end_user: str, trace_id: str) -> tuple[Account, ...]:
        """Every account that a request is spent from, the most specific first.

        Who names no user and no trace has no account in a budget of EACH of them.
        """
        fixed = self._of_keys.get((key.id, key.project))
        if fixed is None:
            fixed = self._of_keys[key.id, key.project] = self._fixed(key)
        if not self._names_matter:
            return fixed
        return (*self._named(ScopeKind.TRACE, trace_id), *self._named(ScopeKind.USER, end_user), *fixed)

    def _fixed(self, key: Key) -> tuple[Account, ...]:
        budgets = (*self._of(ScopeKind.KEY, key.id), *self._of_path(key.project), *self._of(ScopeKind.ALL, ""))
        return tuple(map(Account, budgets))

    def _named(self, kind: ScopeKind, name: str) -> list[Account]:
        if not name:
            return []
        own = [Account(budget) for budget in self._of(kind, name)]
        return own + [Account(budget, name) for budget in self._of(kind, EACH)]

    def _of_path(self, project: str) -> list[Budget]:
        names = project.split("/")
        paths = ("/".join(names[:depth]) for depth in range(len(names), 0, -1))
        return [budget for path in paths for budget in self._of(ScopeKind.PROJECT, path)]

    def _of(self, kind: ScopeKind, scope: str) -> list[Budget]:
        return self._by_scope.get((kind, scope), [])


def capping(budgets: Iterable[Budget], keys: Sequence[Key], tier: str, model: str) -> tuple[str, ...]:
    """Names of the budgets under which one of these keys may call a model of a tier; in order."""
    callers = [key for key in keys if (not key.models or model in key.models) and (not key.tiers or tier in key.tiers)]
    return tuple(budget.name for budget in budgets if any(_may_be_under(budget, key) for key in callers))


def _may_be_under(budget: Budget, key: Key) -> bool:
    """Whether some request of a key is spent from a budget: any user and any trace may come with any key."""
    match budget.kind:
        case ScopeKind.KEY:
            return budget.scope == key.id
        case ScopeKind.PROJECT:
            return f"{key.project}/".startswith(f"{budget.scope}/")
    return True
