"""A bank in memory, that checks its own books, and can be slow, closed or short of money for a while."""

import threading
from collections import defaultdict
from collections.abc import Callable, Collection

from homeport.core.budgets import Account, Action, Budget, Grant, ScopeKind, Window
from homeport.core.errors import StorageError
from homeport.core.money import Nano


def budget(name: str = "search", *, limit: int, **fields: object) -> Budget:
    """A budget of everything, unless it says otherwise."""
    known: dict[str, object] = {"kind": ScopeKind.ALL, "scope": "", "window": Window.TOTAL, "action": Action.BLOCK}
    return Budget(id=f"bud_{name}", name=name, limit=Nano(limit), **{**known, **fields})  # type: ignore[arg-type]


class MemoryBank:
    """`Bank`. What is leased and what is spent never exceed the limit, unless a cost exceeded its lease.

    Attributes:
        closed: every trade fails, and nothing happens.
        trades: how many there were.
        spent, leases: by account, and by account and holder.
        resets_at: told with every grant.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.closed = False
        self.trades = 0
        self.spent: dict[tuple[str, str], int] = defaultdict(int)
        self.leases: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.wanting: set[tuple[str, str]] = set()
        self.resets_at: int | None = None
        self.before: Callable[[], None] = lambda: None

    def trade(self, holder: str, account: Account, *, settled: Nano, returned: Nano, need: Nano, want: Nano) -> Grant:
        self.before()
        if self.closed:
            raise StorageError("the database is locked", code="budget_unavailable", hint="wait")
        name = (account.budget.id, account.instance)
        with self._lock:
            self.trades += 1
            leases = self.leases[name]
            assert settled >= 0
            assert returned >= 0
            self.spent[name] += settled
            leases[holder] = max(0, leases[holder] - settled - returned)
            left = account.budget.limit - self.spent[name] - sum(leases.values())
            most = max(need, left // (2 * len(leases)))
            granted = 0 if left <= 0 or left < need else min(max(need, want), most)
            leases[holder] += granted
            if need:
                self._note(need > granted, name)
            return Grant(
                granted=Nano(granted),
                spent=Nano(self.spent[name]),
                leased=Nano(sum(leases.values())),
                resets_at=self.resets_at,
                wanted=name in self.wanting,
            )

    def wanted(self, holder: str) -> Collection[tuple[str, str]]:
        if self.closed:
            raise StorageError("the database is locked", code="budget_unavailable", hint="wait")
        with self._lock:
            return set(self.wanting)

    def _note(self, short: bool, name: tuple[str, str]) -> None:
        if short:
            self.wanting.add(name)
        else:
            self.wanting.discard(name)


class MemoryNotes:
    """`Notes`: what is reserved, by record."""

    def __init__(self) -> None:
        self.amounts: dict[int, int] = {}
        self.names: dict[int, tuple[str, str]] = {}

    def open_record(self, budget_id: str, instance: str) -> int:
        record = len(self.names)
        self.names[record] = (budget_id, instance)
        self.amounts[record] = 0
        return record

    def write(self, record: int, amount: int) -> None:
        assert amount >= 0
        self.amounts[record] = amount

    def close_record(self, record: int) -> None:
        self.write(record, 0)
