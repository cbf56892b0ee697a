"""The bank: leases slices of budgets to processes, so that a cap holds exactly over all of them.

After every trade, what was spent in the window and what all holders have leased is at most the limit.
It is more only where the limit was lowered, or where a settled cost was above its lease; then nothing
is leased until it fits again. What a dead holder leased counts until `reconcile` has found what it spent.
"""

import threading
import time
from collections.abc import Callable

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Connection, Engine, and_, case, cast, func, insert, select, update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from homeport.core.budgets import Account, Grant, Window
from homeport.core.errors import StorageError
from homeport.core.money import Nano
from homeport.storage.accounts import Place, Spent, book, enter, frees_at, spent
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


class _Others(msgspec.Struct, frozen=True):
    """What all holders have leased, how many of them are live, and whether another than this one needs more."""

    leased: int
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


def _trade(connection: Connection, account: Account, trade: Trade, now: int) -> Grant:
    place = Place(account.budget.id, account.instance)
    at = enter(connection, place, now)
    terms = _terms(connection, account)
    held = _settle(connection, place, trade, now)
    if trade.settled:
        book(connection, place, terms.window, at, trade.settled)
    counted = spent(connection, place, terms.window, at)
    others = _others(connection, place, trade.holder, now)
    granted = _grant(trade, terms, counted, others)
    _lend(connection, _lease_of(place, trade.holder), trade, held, granted, now)
    if granted:
        # The slice is there before anything is spent in it: the window does not move back behind it.
        book(connection, place, terms.window, at, 0)
    return Grant(
        granted=Nano(granted),
        spent=Nano(counted.total),
        leased=Nano(others.leased + granted),
        resets_at=frees_at(terms.window, at, counted.oldest),
        wanted=others.wanted,
    )


def _grant(trade: Trade, terms: _Terms, counted: Spent, others: _Others) -> int:
    """What is wanted, but of what is left only the half of a fair share, so that slices shrink as it empties."""
    if terms.limit is None:
        return trade.want
    left = terms.limit - counted.total - others.leased
    if left <= 0 or left < trade.need:
        return 0
    return min(trade.want, max(trade.need, left // (2 * others.live)))


def _terms(connection: Connection, account: Account) -> _Terms:
    query = select(budgets.c.window, budgets.c.limit, budgets.c.removed_at).where(budgets.c.id == account.budget.id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise _unavailable(account, "it does not have this budget")
    return _Terms(window=Window(row.window), limit=row.limit if row.removed_at is None else None)


def _settle(connection: Connection, place: Place, trade: Trade, now: int) -> int:
    """Take what was spent and given back out of the lease, which is made if need be; what it still holds."""
    lease = _lease_of(place, trade.holder)
    held = connection.execute(select(leases.c.amount).where(lease)).scalar_one_or_none()
    if held is None:
        row = {"budget_id": place.budget_id, "instance": place.instance, "holder": trade.holder, "amount": 0}
        times = {"opened_at": now, "seen_at": now}
        connection.execute(insert(leases).values({**row, **times, "settled_total": trade.settled}))
        return 0
    left = max(0, int(held) - trade.settled - trade.returned)
    changed = {
        "amount": left,
        "settled_total": leases.c.settled_total + trade.settled,
        "opened_at": case((leases.c.opened_at > now, now), else_=leases.c.opened_at),
        "seen_at": now,
    }
    connection.execute(update(leases).where(lease).values(changed))
    return left


def _lend(connection: Connection, lease: ColumnElement[bool], trade: Trade, held: int, granted: int, now: int) -> None:
    if trade.need and not granted:
        connection.execute(update(leases).where(lease).values(wanted_at=now))
    elif granted:
        connection.execute(update(leases).where(lease).values(amount=held + granted, wanted_at=None))


def _others(connection: Connection, place: Place, holder: str, now: int) -> _Others:
    # A time ahead of `now` is from before the clock was set back: as good as now.
    live = leases.c.seen_at > now - _LIVE_NS
    waiting = and_(leases.c.holder != holder, leases.c.wanted_at > now - _WANTED_NS)
    query = select(
        cast(func.sum(leases.c.amount), BigInteger),
        cast(func.sum(case((live, 1), else_=0)), BigInteger),
        cast(func.sum(case((waiting, 1), else_=0)), BigInteger),
    ).where(leases.c.budget_id == place.budget_id, leases.c.instance == place.instance)
    leased, alive, wanting = connection.execute(query).one()
    return _Others(int(leased), int(alive), bool(wanting))


def _lease_of(place: Place, holder: str) -> ColumnElement[bool]:
    return and_(leases.c.budget_id == place.budget_id, leases.c.instance == place.instance, leases.c.holder == holder)


def _reason(error: SQLAlchemyError) -> str:
    words = str(error.orig) if isinstance(error, DBAPIError) else ""
    for sign, reason in (("locked", "it is locked"), ("timeout", "it is locked"), ("full", "its disk is full")):
        if sign in words:
            return reason
    return "it cannot be used"


def _unavailable(account: Account, reason: str) -> StorageError:
    return StorageError(
        f"the database cannot say what is left of budget {account.budget.name!r}: {reason}",
        code="budget_unavailable",
        hint="what budgets cap is refused until it can; free disk space, or look at: homeport db status",
    )
