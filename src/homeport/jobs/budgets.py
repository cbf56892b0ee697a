"""How the budgets stand, looked at every few seconds: for alerts, and for the gateways' /metrics pages."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from homeport.core.alerts import Alert
from homeport.core.ports import Clock
from homeport.jobs.schedule import pause
from homeport.ledger.budget_alerts import exceeded, reached
from homeport.ledger.refusals import refusals_since
from homeport.storage.alerts import id_of, raise_alert
from homeport.storage.budget_figures import MOST_FIGURES, BudgetFigure, BudgetFigures
from homeport.storage.budgets import Standing, standings

logger = logging.getLogger(__name__)

_NS_PER_SECOND = 1_000_000_000
_EVERY_S = 5.0
_STALE_NS = 60 * _NS_PER_SECOND
_LATE_NS = 60 * _NS_PER_SECOND
"""A refused request is in the ledger so long after it came in, or is not seen: one that queued for longer."""

_FIRST_LOOK_NS = 600 * _NS_PER_SECOND
_MOST_REMEMBERED = 100_000


class BudgetWatch:
    """Looks again and again; what was told is remembered, so that the database is not asked each time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._told: set[str] = set()
        self._looked_at: int | None = None

    def look(self, now: int) -> BudgetFigures:
        """Raise what there is to tell at a time, in nanoseconds since the epoch. Raises SQLAlchemyError."""
        found = standings(self._engine, now)
        for alert in (*reached(found, now), *self._exceeded(found, now)):
            self._raise(alert)
        self._looked_at = now
        return BudgetFigures(computed_at=now, stale_at=now + _STALE_NS, rows=figures(found))

    def _exceeded(self, found: Sequence[Standing], now: int) -> Sequence[Alert]:
        if not found:
            return ()
        since = now - _FIRST_LOOK_NS if self._looked_at is None else min(now, self._looked_at) - _LATE_NS
        return tuple(exceeded(refusals_since(self._engine, since), found, now))

    def _raise(self, alert: Alert) -> None:
        alert_id = id_of(alert)
        if alert_id in self._told:
            return
        raise_alert(self._engine, alert)
        if len(self._told) >= _MOST_REMEMBERED:
            self._told.clear()
        self._told.add(alert_id)


def figures(found: Sequence[Standing]) -> tuple[BudgetFigure, ...]:
    """Each budget by the account that has used most of it; the tightest budgets first, and not too many."""
    tightest: dict[str, Standing] = {}
    for standing in found:
        name = standing.budget.name
        if name not in tightest or _used(standing) > _used(tightest[name]):
            tightest[name] = standing
    ordered = sorted(tightest.values(), key=lambda one: -_used(one) / one.budget.limit)
    return tuple(
        BudgetFigure(name=one.budget.name, limit=one.budget.limit, spent=one.spent, leased=one.leased)
        for one in ordered[:MOST_FIGURES]
    )


def _used(standing: Standing) -> int:
    return standing.spent + standing.leased


async def watch(
    look: Callable[[int], BudgetFigures],
    publish: Callable[[BudgetFigures], None],
    clock: Clock,
    stop: asyncio.Event,
) -> None:
    """Look and publish until told to stop; after a failure go on, what was published goes stale by itself."""
    while not stop.is_set():
        try:
            publish(await asyncio.to_thread(look, clock.wall_ns()))
        except (SQLAlchemyError, OSError) as error:
            logger.error("the budgets could not be looked at: %s", type(error).__name__)
        await pause(stop, _EVERY_S)
