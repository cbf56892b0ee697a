"""The outbox of alerts: each once, and what has become of it at each webhook.

An alert's id follows from what it says, so two processes that find the same raise one alert, and a
receiver that gets it twice after a crash sees the same id. A webhook is known by its name.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, Select, and_, delete, insert, or_, select, update

from homeport.core.alerts import LASTING, Alert, AlertsTested
from homeport.core.unusual import BEGAN, OVER
from homeport.storage.db import insert_new, writing
from homeport.storage.tables import alert_deliveries, alerts

logger = logging.getLogger(__name__)

WAITING, DELIVERED, FAILED = "waiting", "delivered", "failed"
GIVE_UP_NS = 24 * 3_600 * 1_000_000_000
"""An alert is old news after a day: no webhook that has not taken it by then gets it."""

_LONGEST_KEY = 200
_LONGEST_ERROR = 200


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """How far one alert has come at one webhook. Times are nanoseconds since the epoch.

    Attributes:
        state: waiting, delivered or failed.
        tries: how often it was sent.
        error: why the last try failed, or "".
    """

    webhook: str
    state: str
    tries: int
    next_try_at: int
    give_up_at: int
    delivered_at: int | None
    error: str


class StoredAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as the database has it; `data` is what the kind says of itself, as JSON."""

    id: str
    kind: str
    severity: str
    at: int
    summary: str
    data: Mapping[str, Any]
    deliveries: tuple[Delivery, ...] = ()

    @property
    def incident(self) -> str:
        """The same for the begin and the end of one thing; its own id where it has no end."""
        return str(self.data.get("incident", self.id))

    @property
    def lasts(self) -> bool:
        """It tells of a begin, and its end will be told."""
        return self.data.get("state") == BEGAN

    @property
    def is_over(self) -> bool:
        """It tells of an end."""
        return self.data.get("state") == OVER

    @property
    def since(self) -> int:
        """When what it tells of began; nanoseconds since the epoch."""
        return int(self.data.get("since", self.at))

    @property
    def until(self) -> int:
        """When it ended, as far as that is known: where no end will be told, when it was told."""
        return int(self.data.get("until") or self.at)


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """An alert to be sent now, for the `tries`-th time."""

    alert: StoredAlert
    tries: int
    give_up_at: int


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook wants to be told; no kinds means every kind."""

    webhook: str
    severities: Sequence[str]
    kinds: Sequence[str] = ()


def raise_alert(engine: Engine, alert: Alert) -> bool:
    """Put an alert into the outbox; False where it was told already in its window.

    Raises:
        SQLAlchemyError: the database cannot be written; raise it again at the next look.
    """
    key, alert_id = _short(alert.dedupe_key), id_of(alert)
    row = {
        "id": alert_id,
        "kind": alert.kind,
        "severity": str(alert.severity),
        "dedupe_key": key,
        "at": alert.at,
        "summary": alert.summary,
        "data": msgspec.json.encode(alert.data()).decode(),
    }
    if _is_told(engine, alert_id, key, alert):  # the usual case, and no reason to lock the database
        return False
    with writing(engine) as connection:
        is_new = connection.execute(insert_new(connection, alerts).values(row)).rowcount > 0
    if is_new:
        logger.warning("alert: %s", alert.summary)
    return is_new


def id_of(alert: Alert) -> str:
    """The id that an alert has in the outbox: the same for what is the same, in the same window."""
    period = alert.at // alert.quiet_ns if alert.quiet_ns else 0
    return f"alr_{hashlib.sha256(f'{period}@{_short(alert.dedupe_key)}'.encode()).hexdigest()[:24]}"


def list_alerts(engine: Engine, limit: int = 100) -> Sequence[StoredAlert]:
    """The newest alerts with their deliveries, the newest first."""
    with engine.connect() as connection:
        rows = connection.execute(select(alerts).order_by(alerts.c.at.desc(), alerts.c.id).limit(limit)).mappings()
        return _with_deliveries(connection, list(rows))


def get_alert(engine: Engine, alert_id: str) -> StoredAlert | None:
    with engine.connect() as connection:
        rows = connection.execute(select(alerts).where(alerts.c.id == alert_id)).mappings()
        return next(iter(_with_deliveries(connection, list(rows))), None)


def claim_due(engine: Engine, wanted: Wanted, now: int, hold_ns: int, limit: int = 20) -> Sequence[Due]:
    """Alerts to send to a webhook now; for `hold_ns` nobody else gets them, and after that they are due again.

    So what a process took and did not finish, for it was killed, is sent by the next.
    """
    with engine.connect() as connection:  # most looks find nothing, and lock nothing
        if not any(connection.execute(look(wanted, now, 1)).first() for look in (_due, _unseen)):
            return ()
    with writing(engine) as connection:
        new = connection.execute(_unseen(wanted, now, limit)).scalars().all()
        if new:
            rows = [_fresh(alert_id, wanted.webhook, now) for alert_id in new]
            connection.execute(insert_new(connection, alert_deliveries), rows)
        ids = connection.execute(_due(wanted, now, limit).with_for_update(skip_locked=True)).scalars().all()
        taken = and_(alert_deliveries.c.alert_id.in_(ids), alert_deliveries.c.webhook == wanted.webhook)
        changed = {"tries": alert_deliveries.c.tries + 1, "next_try_at": now + hold_ns}
        connection.execute(update(alert_deliveries).where(taken).values(changed))
        found = alerts.join(alert_deliveries, alerts.c.id == alert_deliveries.c.alert_id)
        columns = (alerts, alert_deliveries.c.tries, alert_deliveries.c.give_up_at)
        query = select(*columns).select_from(found).where(taken).order_by(alerts.c.at)
        return [
            Due(alert=_stored(row), tries=row["tries"], give_up_at=row["give_up_at"])
            for row in connection.execute(query).mappings()
        ]


def note_delivered(engine: Engine, alert_id: str, webhook: str, at: int) -> None:
    _note(engine, alert_id, webhook, state=DELIVERED, delivered_at=at, error="")


def note_failure(engine: Engine, alert_id: str, webhook: str, error: str, next_try_at: int | None) -> None:
    """A try failed; None for no further try."""
    if next_try_at is None:
        _note(engine, alert_id, webhook, state=FAILED, error=error[:_LONGEST_ERROR])
    else:
        _note(engine, alert_id, webhook, next_try_at=next_try_at, error=error[:_LONGEST_ERROR])


def is_over(engine: Engine, alert: StoredAlert) -> bool:
    """Whether the end of what an alert tells the begin of was raised meanwhile."""
    ended = f"{alert.kind}:{alert.incident}:{OVER}"
    with engine.connect() as connection:
        return connection.execute(select(alerts.c.id).where(alerts.c.dedupe_key == ended)).first() is not None


def open_incident(engine: Engine, alert: Alert) -> str:
    """The incident that was told last of what an alert is about, where its end was not told; else ""."""
    newest = select(alerts).where(alerts.c.dedupe_key == _short(alert.dedupe_key)).order_by(alerts.c.at.desc()).limit(1)
    with engine.connect() as connection:
        row = connection.execute(newest).mappings().first()
    told = None if row is None else _stored(row)
    return told.incident if told is not None and told.lasts and not is_over(engine, told) else ""


def standing(engine: Engine, webhook: str, since: int) -> Sequence[StoredAlert]:
    """What a webhook was told the begin of after a time, and what has not ended: of each incident the newest alert."""
    found = alerts.join(alert_deliveries, alerts.c.id == alert_deliveries.c.alert_id)
    taken = and_(alert_deliveries.c.webhook == webhook, alert_deliveries.c.state == DELIVERED)
    query = select(alerts).select_from(found).where(taken, alerts.c.kind.in_(LASTING), alerts.c.at > since)
    with engine.connect() as connection:
        rows = connection.execute(query.order_by(alerts.c.at)).mappings().all()
    newest = {one.incident: one for one in map(_stored, rows)}
    return [one for one in newest.values() if one.lasts and not is_over(engine, one)]


def send_again(engine: Engine, alert_id: str, webhooks: Sequence[str], now: int) -> bool:
    """Begin anew at these webhooks, whatever became of it there; False if there is no such alert."""
    with writing(engine) as connection:
        if connection.execute(select(alerts.c.id).where(alerts.c.id == alert_id)).first() is None:
            return False
        old = and_(alert_deliveries.c.alert_id == alert_id, alert_deliveries.c.webhook.in_(webhooks))
        connection.execute(delete(alert_deliveries).where(old))
        rows = [_fresh(alert_id, webhook, now) for webhook in webhooks]
        connection.execute(insert(alert_deliveries), rows)
    return True


def _is_told(engine: Engine, alert_id: str, key: str, alert: Alert) -> bool:
    """Whether it is there, or was told less than `quiet_ns` ago.

    The second is for windows that roll: the id changes at the full hour, the reason for silence does not.
    """
    lately = and_(alerts.c.dedupe_key == key, alerts.c.at > alert.at - alert.quiet_ns)
    same = or_(alerts.c.id == alert_id, lately) if alert.quiet_ns else alerts.c.id == alert_id
    with engine.connect() as connection:
        return connection.execute(select(alerts.c.id).where(same).limit(1)).first() is not None


def _due(wanted: Wanted, now: int, limit: int) -> Select[str]:
    row = alert_deliveries.c
    waiting = and_(row.webhook == wanted.webhook, row.state == WAITING, row.next_try_at <= now)
    return select(row.alert_id).where(waiting).order_by(row.next_try_at).limit(limit)


def _unseen(wanted: Wanted, now: int, limit: int) -> Select[str]:
    """Alerts of the last day that the webhook wants and has no row of. A test goes only where it was sent."""
    rows = select(alert_deliveries.c.alert_id).where(alert_deliveries.c.webhook == wanted.webhook)
    conditions = [
        alerts.c.at > now - GIVE_UP_NS,
        alerts.c.severity.in_(wanted.severities),
        alerts.c.kind != AlertsTested.kind,
        alerts.c.id.not_in(rows),
    ]
    if wanted.kinds:
        conditions.append(alerts.c.kind.in_(wanted.kinds))
    return select(alerts.c.id).where(*conditions).order_by(alerts.c.at).limit(limit)


def _fresh(alert_id: str, webhook: str, now: int) -> dict[str, Any]:
    return {
        "alert_id": alert_id,
        "webhook": webhook,
        "state": WAITING,
        "tries": 0,
        "next_try_at": now,
        "give_up_at": now + GIVE_UP_NS,
        "delivered_at": None,
        "error": "",
    }


def _note(engine: Engine, alert_id: str, webhook: str, **changed: Any) -> None:
    row = and_(alert_deliveries.c.alert_id == alert_id, alert_deliveries.c.webhook == webhook)
    with writing(engine) as connection:
        connection.execute(update(alert_deliveries).where(row).values(**changed))


def _with_deliveries(connection: Connection, rows: Sequence[RowMapping]) -> Sequence[StoredAlert]:
    ids = [row["id"] for row in rows]
    query = select(alert_deliveries).where(alert_deliveries.c.alert_id.in_(ids)).order_by(alert_deliveries.c.webhook)
    found: dict[str, list[Delivery]] = {}
    for row in connection.execute(query).mappings():
        fields = {name: row[name] for name in Delivery.__struct_fields__}
        found.setdefault(row["alert_id"], []).append(Delivery(**fields))
    return [msgspec.structs.replace(_stored(row), deliveries=tuple(found.get(row["id"], ()))) for row in rows]


def _stored(row: RowMapping) -> StoredAlert:
    return StoredAlert(
        id=row["id"],
        kind=row["kind"],
        severity=row["severity"],
        at=row["at"],
        summary=row["summary"],
        data=msgspec.json.decode(row["data"]),
    )


def _short(key: str) -> str:
    return key if len(key) <= _LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest()
