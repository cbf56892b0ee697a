"""What an account of a budget has spent: slices of time, and a clock that never goes back.

A rolling hour is counted in minutes, a rolling day in quarters of an hour; a slice counts as long as
any of it lies in the window. So a window is up to one slice longer than its name says, never shorter.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)

from homeport.core.budgets import Window
from homeport.storage.db import insert_new
from homeport.storage.tables import budget_accounts, budget_slices

_SECOND = 1_000_000_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_ROLLING = {Window.HOUR: (_HOUR, _MINUTE), Window.DAY: (24 * _HOUR, 15 * _MINUTE)}
"""Length of the window, and of its slices."""


class Place(msgspec.Struct, frozen=True):
    """An account in the database: a budget's id, and the user or trace where each has its own."""

    budget_id: str
    instance: str = ""

    @property
    def bound(self) -> Mapping[str, str]:
        """The parameters of a statement over `at_place`."""
        return {"at_budget": self.budget_id, "at_instance": self.instance}


def at_place(table: Table) -> ColumnElement[bool]:
    """The rows of one account, whose `Place.bound` is given when the statement is executed.

    Statements of a trade are made once: making them takes longer than executing them.
    """
    return and_(table.c.budget_id == bindparam("at_budget"), table.c.instance == bindparam("at_instance"))


class Spent(msgspec.Struct, frozen=True):
    """What was spent in a window, in nano-dollars, and the start of the oldest slice that counts; None without any."""

    total: int = 0
    oldest: int | None = None


def slice_start(window: Window, at: int) -> int:
    """The start of the slice in which something is spent at a time; nanoseconds since the epoch, as all here."""
    if window is Window.TOTAL:
        return 0
    if window is Window.MONTH:
        return _month_start(at)
    length = _ROLLING[window][1]
    return at // length * length


def counts_from(window: Window, at: int) -> int:
    """The start of the oldest slice that is still in the window at a time."""
    if window not in _ROLLING:
        return slice_start(window, at)
    return slice_start(window, at - _ROLLING[window][0])


def frees_at(window: Window, at: int, oldest: int | None) -> int | None:
    """When something that was spent will have left the window; None for never, and where nothing was spent."""
    if window is Window.MONTH:
        return _month_start(_month_start(at) + 32 * 24 * _HOUR)
    if window is Window.TOTAL or oldest is None:
        return None
    return oldest + sum(_ROLLING[window])


def enter(connection: Connection, place: Place, window: Window, now: int) -> int:
    """Lock an account until the end of the transaction, and read its clock.

    Returns:
        `now`, or a time in the latest slice in which it was used: a clock that is set back frees nothing twice.
    """
    reached = connection.execute(_REACHED, place.bound).scalar()
    if reached is None:
        row = {"budget_id": place.budget_id, "instance": place.instance, "reached_at": now}
        connection.execute(insert_new(connection, budget_accounts).values(row))
        reached = connection.execute(_REACHED, place.bound).scalar_one()
    # Within a slice the time makes no difference.
    if slice_start(window, now) > slice_start(window, reached):
        connection.execute(_REACH, {**place.bound, "to": now})
    return max(now, int(reached))


def book(connection: Connection, place: Place, window: Window, at: int, amount: int) -> None:
    """Count nano-dollars as spent at a time that `enter` gave; slices that have left the window are dropped."""
    start = slice_start(window, at)
    if connection.execute(_GROW, {**place.bound, "at_start": start, "by": amount}).rowcount:
        return
    row = {"budget_id": place.budget_id, "instance": place.instance, "start": start, "spent": amount}
    connection.execute(insert(budget_slices).values(row))
    connection.execute(_DROP, {**place.bound, "since": counts_from(window, at)})


def spent(connection: Connection, place: Place, window: Window, at: int) -> Spent:
    """What counts at a time that `enter` gave."""
    row = connection.execute(_SPENT, {**place.bound, "since": counts_from(window, at)}).one()
    return Spent(int(row[0]), row[1])


_REACHED = select(budget_accounts.c.reached_at).where(at_place(budget_accounts)).with_for_update()
_REACH = update(budget_accounts).where(at_place(budget_accounts)).values(reached_at=bindparam("to"))
_GROW = (
    update(budget_slices)
    .where(at_place(budget_slices), budget_slices.c.start == bindparam("at_start"))
    .values(spent=budget_slices.c.spent + bindparam("by"))
)
_DROP = delete(budget_slices).where(at_place(budget_slices), budget_slices.c.start < bindparam("since"))
_SPENT = select(
    cast(func.coalesce(func.sum(budget_slices.c.spent), 0), BigInteger), func.min(budget_slices.c.start)
).where(at_place(budget_slices), budget_slices.c.start >= bindparam("since"), budget_slices.c.spent > 0)


def _month_start(at: int) -> int:
    day = datetime.fromtimestamp(at // _SECOND, UTC)
    return int(day.replace(day=1, hour=0, minute=0, second=0).timestamp()) * _SECOND
