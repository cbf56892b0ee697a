"""How many alerts there were in the last day, what became of them, and which incidents are not resolved.

The jobs worker leaves it for the gateways.
"""

import msgspec
from sqlalchemy import Connection, Engine, Label, and_, case, func, select

from homeport.core.incidents import IncidentKind, IncidentState
from homeport.storage.alerts import FAILED, WAITING
from homeport.storage.incident_tables import incidents
from homeport.storage.tables import alert_deliveries, alerts

DAY_NS = 86_400 * 1_000_000_000

_LATE = "late"
UNDELIVERED = frozenset({_LATE, FAILED})
"""States of what a webhook has not taken, though it was tried."""

_TRIES = 3
"""A receiver that stumbles once or twice is nothing to be told."""


class Raised(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts of one kind."""

    kind: str
    severity: str
    count: int


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts for one webhook; `state` is waiting, late, delivered or failed. Late ones wait and were tried in vain."""

    webhook: str
    state: str
    count: int


class Unresolved(msgspec.Struct, frozen=True, kw_only=True):
    """Incidents of quality, of models and of prompts, of one kind, that are open or acknowledged."""

    kind: str
    state: str
    count: int


class AlertFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Past `stale_at`, in nanoseconds since the epoch, nothing of it is to be believed."""

    stale_at: int
    raised: tuple[Raised, ...] = ()
    deliveries: tuple[Delivered, ...] = ()
    incidents: tuple[Unresolved, ...] = ()


def alert_figures(engine: Engine, now: int, stale_at: int) -> AlertFigures:
    """Of the day before `now`, in nanoseconds since the epoch. Raises SQLAlchemyError."""
    lately, many = alerts.c.at > now - DAY_NS, func.count().label("count")
    kind = (alerts.c.kind, alerts.c.severity)
    found = alerts.join(alert_deliveries, alerts.c.id == alert_deliveries.c.alert_id)
    each = select(alert_deliveries.c.webhook, _state()).select_from(found).where(lately).subquery()
    way = (each.c.webhook, each.c.state)
    with engine.connect() as connection:
        raised = connection.execute(select(*kind, many).where(lately).group_by(*kind).order_by(*kind)).mappings()
        deliveries = connection.execute(select(*way, many).group_by(*way).order_by(*way)).mappings()
        return AlertFigures(
            stale_at=stale_at,
            raised=tuple(Raised(**row) for row in raised),
            deliveries=tuple(Delivered(**row) for row in deliveries),
            incidents=_unresolved(connection),
        )


def _unresolved(connection: Connection) -> tuple[Unresolved, ...]:
    """Every kind and state, so that what is none is known to be none."""
    place = (incidents.c.kind, incidents.c.state)
    query = select(*place, func.count()).where(incidents.c.open_key.is_not(None)).group_by(*place)
    counts = {(kind, state): count for kind, state, count in connection.execute(query)}
    return tuple(
        Unresolved(kind=kind, state=state, count=counts.get((kind, state), 0))
        for kind in IncidentKind
        for state in (IncidentState.OPEN, IncidentState.ACKNOWLEDGED)
    )


def _state() -> Label[str]:
    row = alert_deliveries.c
    is_late = and_(row.state == WAITING, row.tries >= _TRIES, row.error != "")
    return case((is_late, _LATE), else_=row.state).label("state")
