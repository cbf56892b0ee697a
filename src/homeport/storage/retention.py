"""What nothing needs any more: accounts whose window has ended, and old alerts. The ledger is never touched.

Users and traces have an account each, and most never come back. An account goes when what was spent
from it counts no more, a day ago at least (a month's: since the month before this one), and nobody holds
anything of it. Where a window is `total` it never ends. What a removed budget counted goes too.
"""

from collections.abc import Sequence

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Select,
    Table,
    and_,
    cast,
    delete,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    tuple_,
)

from homeport.core.alerts import BudgetExceeded, BudgetThresholdReached
from homeport.core.budgets import EACH, Window
from homeport.storage.accounts import counts_from
from homeport.storage.alerts import WAITING
from homeport.storage.db import writing
from homeport.storage.tables import alert_deliveries, alerts, budget_accounts, budget_slices, budgets, leases

BATCH = 500
"""Rows that one transaction removes, at most: others wait for it for milliseconds."""

_DAY_NS = 24 * 3_600 * 1_000_000_000


def prune_accounts(engine: Engine, now: int, most: int = BATCH) -> int:
    """Remove accounts that have ended, with their slices and empty leases; how many, at most `most`.

    Args:
        now: nanoseconds since the epoch. Later than anybody has used a budget it counts as that: a clock
            that runs ahead ends nothing.
    """
    with engine.connect() as connection:
        latest = min(now, _latest(connection))
        if connection.execute(select(_ended(latest, now).exists())).scalar() is not True:
            return 0  # the usual case, and no reason to lock the database
    with writing(engine) as connection:
        # A trade locks its account first, and moves its time: it is left out here, or finds none and opens it anew.
        chosen = _ended(latest, now).limit(most).with_for_update(of=budget_accounts, skip_locked=True)
        places = [(row.budget_id, row.instance) for row in connection.execute(chosen)]
        if places:
            connection.execute(delete(leases).where(_in(leases, places), leases.c.amount == 0))
            connection.execute(delete(budget_slices).where(_in(budget_slices, places)))
            connection.execute(delete(budget_accounts).where(_in(budget_accounts, places)))
    return len(places)


def prune_alerts(engine: Engine, before: int, now: int, most: int = BATCH) -> int:
    """Remove the oldest alerts of before a time, with their deliveries; how many, at most `most`.

    One that would be told again stays: what a budget for ever has reached, it has reached for ever. So does
    one that is being sent.

    Args:
        before, now: nanoseconds since the epoch.
    """
    waiting = exists().where(
        alert_deliveries.c.alert_id == alerts.c.id,
        alert_deliveries.c.state == WAITING,
        alert_deliveries.c.give_up_at > now,
    )
    old = select(alerts.c.id).where(alerts.c.at < before, not_(_still_true()), not_(waiting))
    with engine.connect() as connection:
        ids = connection.execute(old.order_by(alerts.c.at).limit(most)).scalars().all()
    if ids:
        with writing(engine) as connection:
            connection.execute(delete(alert_deliveries).where(alert_deliveries.c.alert_id.in_(ids)))
            connection.execute(delete(alerts).where(alerts.c.id.in_(ids)))
    return len(ids)


def _latest(connection: Connection) -> int:
    """When somebody last used a budget, as far as is noted."""
    times = (func.max(budget_accounts.c.reached_at), func.max(leases.c.seen_at))
    return max(connection.execute(select(cast(func.coalesce(time, 0), BigInteger))).scalar_one() for time in times)


def _ended(latest: int, now: int) -> Select[tuple[str, str]]:
    """Accounts that can go; `latest` is for windows that end, `now` for budgets that were removed."""
    each = [
        and_(budgets.c.window == window, budget_accounts.c.reached_at < _ends(window, latest))
        for window in (Window.HOUR, Window.DAY, Window.MONTH)
    ]
    held = exists().where(
        leases.c.budget_id == budget_accounts.c.budget_id,
        leases.c.instance == budget_accounts.c.instance,
        leases.c.amount != 0,
    )
    return (
        select(budget_accounts.c.budget_id, budget_accounts.c.instance)
        .join(budgets, budgets.c.id == budget_accounts.c.budget_id)
        .where(or_(and_(budgets.c.scope == EACH, or_(*each)), budgets.c.removed_at < now - _DAY_NS), not_(held))
    )


def _ends(window: Window, latest: int) -> int:
    """What was last used before is out of the window, and was so for a while: clocks are set back a little."""
    if window is Window.MONTH:
        return counts_from(window, counts_from(window, latest) - 1)
    return counts_from(window, latest - _DAY_NS)


def _still_true() -> ColumnElement[bool]:
    """Alerts that are told once in a budget's life, as long as it lives. A quote in a name is escaped in JSON."""
    of_it = alerts.c.data.contains(literal('"budget_id":"').concat(budgets.c.id).concat('"'))
    return and_(
        alerts.c.kind.in_((BudgetThresholdReached.kind, BudgetExceeded.kind)),
        alerts.c.data.contains('"window":"total"'),
        exists().where(budgets.c.window == Window.TOTAL, budgets.c.removed_at.is_(None), of_it),
    )


def _in(table: Table, places: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    return tuple_(table.c.budget_id, table.c.instance).in_(places)
