"""Budgets at rest, and how they stand."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    Select,
    and_,
    cast,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from homeport.core.budgets import EACH, Action, Budget, ScopeKind, Window
from homeport.core.errors import InvalidRequest
from homeport.core.money import Nano
from homeport.storage.accounts import counts_from, frees_at
from homeport.storage.db import writing
from homeport.storage.tables import budget_accounts, budget_slices, budgets, leases


class StoredBudget(msgspec.Struct, frozen=True, kw_only=True):
    """A budget as the database has it. Times are nanoseconds since the epoch."""

    budget: Budget
    created_at: int
    removed_at: int | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How an account stands. Money is in nano-dollars.

    Attributes:
        instance: the user or trace, where each has an account of its own; else "".
        spent: in the window, as far as the processes have reported it.
        leased: by processes, dead ones too, and not yet reported as spent.
        resets_at: nanoseconds since the epoch when more may fit because time has passed; None for never.
    """

    budget: Budget
    instance: str = ""
    spent: Nano = Nano(0)
    leased: Nano = Nano(0)
    resets_at: int | None = None

    @property
    def remaining(self) -> Nano:
        """What nobody has spent or leased."""
        return Nano(max(0, self.budget.limit - self.spent - self.leased))


Noted = Callable[[Connection, Budget | None, Budget | None], None]
"""Writes down a change in its transaction: what the budget was, and what it is."""


def add_budget(engine: Engine, budget: Budget, created_at: int, note: Noted | None = None) -> None:
    """Keep a budget; its id is `bud_` and 16 hexadecimal digits.

    Raises:
        InvalidRequest: budget_name_taken, by one that is not removed.
    """
    stored = StoredBudget(budget=budget, created_at=created_at)
    try:
        with writing(engine) as connection:
            connection.execute(insert(budgets).values(_row(stored)))
            _tell(note, connection, None, budget)
    except IntegrityError as error:
        raise _taken(budget) from error


def list_budgets(engine: Engine) -> Sequence[StoredBudget]:
    """Those that are not removed, oldest first."""
    with engine.connect() as connection:
        return _live(connection)


def change_budget(
    engine: Engine, budget_id: str, change: Callable[[Budget], Budget], note: Noted | None = None
) -> Budget | None:
    """Read a budget that is not removed, change it and write it, as the only writer; None if there is none.

    A new limit holds from the next trade of each account on.

    Raises:
        InvalidRequest: budget_name_taken; budget_fixed for another kind, scope or window, because what was
            spent was counted for these.
    """
    live = (budgets.c.id == budget_id) & budgets.c.removed_at.is_(None)
    try:
        with writing(engine) as connection:
            row = connection.execute(select(budgets).where(live).with_for_update()).mappings().one_or_none()
            if row is None:
                return None
            before = stored_budget(row)
            after = msgspec.structs.replace(before, budget=change(before.budget))
            _check_same(before.budget, after.budget)
            connection.execute(update(budgets).where(live).values(_row(after)))
            _tell(note, connection, before.budget, after.budget)
    except IntegrityError as error:
        raise _taken(after.budget) from error
    return after.budget


def remove_budget(engine: Engine, budget_id: str, at: int, note: Noted | None = None) -> bool:
    """It caps nothing from now on; False if there is no such budget. What was spent stays in the ledger."""
    live = (budgets.c.id == budget_id) & budgets.c.removed_at.is_(None)
    with writing(engine) as connection:
        row = connection.execute(select(budgets).where(live).with_for_update()).mappings().one_or_none()
        if row is None:
            return False
        connection.execute(update(budgets).where(live).values(removed_at=at))
        _tell(note, connection, stored_budget(row).budget, None)
    return True


def standings(engine: Engine, now: int, budget_id: str = "") -> Sequence[Standing]:
    """Each account of each budget that is not removed, or of one of them.

    Where each user or trace has its own, only those of which something is spent or leased.

    Args:
        now: nanoseconds since the epoch.
    """
    with engine.connect() as connection:
        found = [stored.budget for stored in _live(connection) if budget_id in ("", stored.budget.id)]
        leased, spent = _leased(connection, budget_id), _spent(connection, found, now, budget_id)
    return [standing for budget in found for standing in _standings(budget, now, leased[budget.id], spent[budget.id])]


def _tell(note: Noted | None, connection: Connection, before: Budget | None, after: Budget | None) -> None:
    if note is not None:
        note(connection, before, after)


def _standings(
    budget: Budget, now: int, leased: Mapping[str, int], spent: Mapping[str, tuple[int, int, int | None]]
) -> Iterator[Standing]:
    if not spent and budget.scope != EACH:
        spent = {"": (now, 0, None)}
    for instance, (at, total, oldest) in sorted(spent.items()):
        if budget.scope == EACH and not total and not leased.get(instance):
            continue
        yield Standing(
            budget=budget,
            instance=instance,
            spent=Nano(total),
            leased=Nano(leased.get(instance, 0)),
            resets_at=frees_at(budget.window, at, oldest),
        )


def _leased(connection: Connection, budget_id: str) -> Mapping[str, Mapping[str, int]]:
    """By budget and instance."""
    total = cast(func.sum(leases.c.amount), BigInteger)
    query = _of_live(leases.c.budget_id, leases.c.instance, total, budget_id=budget_id)
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for budget, instance, amount in connection.execute(query.group_by(leases.c.budget_id, leases.c.instance)):
        found[budget][instance] = int(amount)
    return found


def _spent(
    connection: Connection, found: Sequence[Budget], now: int, budget_id: str
) -> Mapping[str, Mapping[str, tuple[int, int, int | None]]]:
    """By budget and instance: the time of its account, what is in the window then, and the oldest slice of that."""
    windows, since = {budget.id: budget.window for budget in found}, cache(counts_from)
    clocks = budget_accounts.c
    times = {
        (budget, instance): max(now, int(reached))
        for budget, instance, reached in connection.execute(
            _of_live(clocks.budget_id, clocks.instance, clocks.reached_at, budget_id=budget_id)
        )
    }
    slices: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for budget, instance, start, amount in connection.execute(_slices(now, budget_id)):
        if budget in windows and start >= since(windows[budget], times.get((budget, instance), now)):
            slices[budget, instance].append((start, amount))
    told: defaultdict[str, dict[str, tuple[int, int, int | None]]] = defaultdict(dict)
    for (budget, instance), at in times.items():
        mine = slices[budget, instance]
        told[budget][instance] = (at, sum(amount for _, amount in mine), min(mine, default=(None,))[0])
    return told


def _slices(now: int, budget_id: str) -> Select[Any]:
    """What counts in the windows as they are at a time."""
    table = budget_slices.c
    reached = [and_(budgets.c.window == window, table.start >= counts_from(window, now)) for window in Window]
    query = _of_live(table.budget_id, table.instance, table.start, table.spent, budget_id=budget_id)
    return query.where(or_(*reached), table.spent > 0)


def _of_live(budget: ColumnElement[str], *columns: ColumnElement[Any], budget_id: str) -> Select[Any]:
    """Columns of a table whose rows are of budgets, for those that are not removed, or for one of them."""
    live = select(budget, *columns).join(budgets, budgets.c.id == budget).where(budgets.c.removed_at.is_(None))
    return live.where(budget == budget_id) if budget_id else live


def _live(connection: Connection) -> Sequence[StoredBudget]:
    query = select(budgets).where(budgets.c.removed_at.is_(None)).order_by(budgets.c.created_at, budgets.c.id)
    return [stored_budget(row) for row in connection.execute(query).mappings()]


def _check_same(before: Budget, after: Budget) -> None:
    for name in ("id", "kind", "scope", "window"):
        if getattr(before, name) != getattr(after, name):
            raise InvalidRequest(
                f"the {name} of a budget cannot be changed",
                code="budget_fixed",
                param=name,
                hint="make another budget and remove this one",
            )


def _taken(budget: Budget) -> InvalidRequest:
    return InvalidRequest(
        f"there is a budget named {budget.name!r}",
        code="budget_name_taken",
        param="name",
        hint="choose another name, or change that budget",
    )


def _row(stored: StoredBudget) -> Mapping[str, Any]:
    budget = stored.budget
    return {
        "id": budget.id,
        "name": budget.name,
        "kind": str(budget.kind),
        "scope": budget.scope,
        "window": str(budget.window),
        "limit": budget.limit,
        "thresholds": msgspec.json.encode(budget.thresholds).decode(),
        "action": str(budget.action),
        "created_at": stored.created_at,
        "removed_at": stored.removed_at,
    }


def stored_budget(row: RowMapping) -> StoredBudget:
    """From a row with the columns of the table."""
    budget = Budget(
        id=row["id"],
        name=row["name"],
        kind=ScopeKind(row["kind"]),
        scope=row["scope"],
        window=Window(row["window"]),
        limit=Nano(row["limit"]),
        thresholds=tuple(msgspec.json.decode(row["thresholds"], type=list[int])),
        action=Action(row["action"]),
    )
    return StoredBudget(budget=budget, created_at=row["created_at"], removed_at=row["removed_at"])
