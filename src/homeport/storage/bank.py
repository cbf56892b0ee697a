"""The bank: leases slices of budgets to processes, so that a cap holds exactly over all of them.

After every trade, what was spent in the window and what all holders have leased is at most the limit.
It is more only where the limit was lowered, or where a settled cost was above its lease; then nothing
is leased until it fits again. What a dead holder leased counts until `reconcile` has found what it spent.
"""

import threading
import time
from collections.abc import Callable, Collection

import msgspec
from sqlalchemy import BigInteger, Connection, Engine, bindparam, case, insert, select, update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from homeport.core.budgets import Account, Grant, Window
from homeport.core.errors import StorageError
from homeport.core.money import Nano
from homeport.storage.accounts import Place, at_place, book, enter, frees_at, spent
from homeport.storage.db import locking
from homeport.storage.tables import budgets, leases

PATIENCE_SECONDS = 2.0
"""How long a trade waits for the database's locks."""

_LIVE_NS = 30_000_000_000
"""A holder that has traded since is one of those that share what is left."""

_WANTED_NS = 5_000_000_000
"""How long a need that was not met is told to the others."""

_AT_ONCE = 4
"""Trades of one process at once: SQLite does one after the other, and others want connections too."""


_SIGNS = (
    ("locked", "it is locked"),
    ("timeout", "it is locked"),
    ("full", "its disk is full"),
    ("No space left", "its disk is full"),
    ("connection", "it cannot be reached"),
)
"""Words of SQLite and of PostgreSQL, and what they mean. Their own words may name hosts, and callers see ours."""


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """What a holder reports and asks for; in nano-dollars, as in `Bank.trade`."""

    holder: str
    settled: int
    returned: int
    need: int
    want: int


class _Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the database says of a budget now; `limit` is None for one that was removed."""

    window: Window
    limit: int | None


class _Leases(msgspec.Struct, frozen=True, kw_only=True):
    """Of an account, before a trade.

    Attributes:
        own: what the trader holds; None where it has no lease yet.
        others: what all others hold, the dead too.
        live: how many holders share what is left, the trader included.
        wanted: another one needs more than it got.
    """

    own: int | None
    others: int
    live: int
    wanted: bool


class DatabaseBank:
    """`Bank` over the database.

    A budget that was removed has no limit: what is wanted is leased, until the holder stops asking.

    Args:
        wall_ns: nanoseconds since the epoch.
        patience: seconds to wait for a lock.
    """

    def __init__(
        self, engine: Engine, wall_ns: Callable[[], int] = time.time_ns, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._engine = engine
        self._wall_ns = wall_ns
        self._patience = patience
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    def trade(self, holder: str, account: Account, *, settled: Nano, returned: Nano, need: Nano, want: Nano) -> Grant:
        trade = Trade(holder=holder, settled=settled, returned=returned, need=need, want=max(need, want))
        if not self._turns.acquire(timeout=self._patience):
            raise _unavailable(account, "it is busy")
        try:
            with locking(self._engine, self._patience) as connection:
                return _trade(connection, account, trade, self._wall_ns())
        except SQLAlchemyError as error:
            raise _unavailable(account, _reason(error)) from error
        finally:
            self._turns.release()

    def wanted(self, holder: str) -> Collection[tuple[str, str]]:
        bound = {"but": holder, "since": self._wall_ns() - _WANTED_NS}
        try:
            with self._engine.connect() as connection:
                return {(row.budget_id, row.instance) for row in connection.execute(_WANTED, bound)}
        except SQLAlchemyError as error:
            raise StorageError(
                f"the database cannot say who needs money of budgets: {_reason(error)}",
                code="budget_unavailable",
                hint="look at: homeport db status",
            ) from error


def _trade(connection: Connection, account: Account, trade: Trade, now: int) -> Grant:
    place = Place(account.budget.id, account.instance)
    terms = _terms(connection, account)
    at = enter(connection, place, terms.window, now)
    held = _leases(connection, place, trade.holder, now)
    if trade.settled:
        book(connection, place, terms.window, at, trade.settled)
    counted = spent(connection, place, terms.window, at)
    kept = max(0, (held.own or 0) - trade.settled - trade.returned)
    granted = _granted(trade, terms, counted.total + held.others + kept, held.live)
    _write(connection, place, trade, held, kept + granted, short=trade.need > granted, now=now)
    return Grant(
        granted=Nano(granted),
        spent=Nano(counted.total),
        leased=Nano(held.others + kept + granted),
        resets_at=frees_at(terms.window, at, counted.oldest),
        wanted=held.wanted,
    )


def _granted(trade: Trade, terms: _Terms, taken: int, live: int) -> int:
    """What is wanted, but of what is left only the half of a fair share, so that slices shrink as it empties."""
    if terms.limit is None:
        return trade.want
    left = terms.limit - taken
    if left <= 0 or left < trade.need:
        return 0
    return min(trade.want, max(trade.need, left // (2 * live)))


def _terms(connection: Connection, account: Account) -> _Terms:
    row = connection.execute(_TERMS, {"at_budget": account.budget.id}).one_or_none()
    if row is None:
        raise _unavailable(account, "it does not have this budget")
    return _Terms(window=Window(row.window), limit=row.limit if row.removed_at is None else None)


def _leases(connection: Connection, place: Place, holder: str, now: int) -> _Leases:
    rows = connection.execute(_LEASES, place.bound).all()
    others = [row for row in rows if row.holder != holder]
    return _Leases(
        own=next((int(row.amount) for row in rows if row.holder == holder), None),
        others=sum(row.amount for row in others),
        # A time ahead of `now` is from before the clock was set back: as good as now.
        live=1 + sum(row.seen_at > now - _LIVE_NS for row in others),
        wanted=any(row.wanted_at is not None and row.wanted_at > now - _WANTED_NS for row in others),
    )


def _write(
    connection: Connection, place: Place, trade: Trade, held: _Leases, amount: int, *, short: bool, now: int
) -> None:
    """The lease as it is after the trade. It says that it is short until something was granted."""
    if held.own is None:
        key = {"budget_id": place.budget_id, "instance": place.instance, "holder": trade.holder}
        values = {"amount": amount, "settled_total": trade.settled, "wanted_at": now if short else None}
        connection.execute(insert(leases), {**key, **values, "opened_at": now, "seen_at": now})
        return
    changed = {**place.bound, "at_holder": trade.holder, "to_amount": amount, "by": trade.settled, "now": now}
    if short or trade.need:
        connection.execute(_CHANGE_AND_WANT, {**changed, "to_wanted": now if short else None})
    else:
        connection.execute(_CHANGE, changed)


_now = bindparam("now", type_=BigInteger)
_TERMS = select(budgets.c.window, budgets.c.limit, budgets.c.removed_at).where(budgets.c.id == bindparam("at_budget"))
_LEASES = select(leases.c.holder, leases.c.amount, leases.c.seen_at, leases.c.wanted_at).where(at_place(leases))
_WANTED = select(leases.c.budget_id, leases.c.instance).where(
    leases.c.wanted_at > bindparam("since", type_=BigInteger), leases.c.holder != bindparam("but")
)
_CHANGE = (
    update(leases)
    .where(at_place(leases), leases.c.holder == bindparam("at_holder"))
    .values(
        amount=bindparam("to_amount"),
        settled_total=leases.c.settled_total + bindparam("by"),
        opened_at=case((leases.c.opened_at > _now, _now), else_=leases.c.opened_at),
        seen_at=_now,
    )
)
_CHANGE_AND_WANT = _CHANGE.values(wanted_at=bindparam("to_wanted"))


def _reason(error: SQLAlchemyError) -> str:
    words = str(error.orig) if isinstance(error, DBAPIError) else ""
    return next((reason for sign, reason in _SIGNS if sign in words), "it cannot be used")


def _unavailable(account: Account, reason: str) -> StorageError:
    return StorageError(
        f"the database cannot say what is left of budget {account.budget.name!r}: {reason}",
        code="budget_unavailable",
        hint="what budgets cap is refused until it can; free disk space, or look at: homeport db status",
    )
