"""Incidents at rest: one is open of a kind and a subject, with what was found last and what people did about it.

Who finds something again adds to the incident that is open; its alert is told once. What is resolved stays resolved:
whoever watches asks `resolved_at` and goes by what came after it.
"""

import secrets
from collections.abc import Callable, Sequence
from hashlib import blake2b

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, func, insert, select, update

from homeport.core.incidents import Finding, Incident, IncidentKind, IncidentState, Note, incident_alert
from homeport.storage.alerts import raise_alert
from homeport.storage.db import insert_new, writing
from homeport.storage.incident_tables import incident_notes, incidents

MOST_TEXT = 4_000
_LONGEST_AUTHOR = 160

OPENED, FOUND, ACKNOWLEDGED, RESOLVED, NOTED = "opened", "found", "acknowledged", "resolved", "noted"

Audited = Callable[[Connection, Incident, Incident], None]
"""Writes a person's change into the audit log, in its transaction: the incident before, and after."""


def report(engine: Engine, finding: Finding, now: int) -> Incident:
    """Open an incident, or add what was found to the one that is open; its alert is raised once.

    Args:
        now: nanoseconds since the epoch.

    Raises:
        SQLAlchemyError: the database cannot be written; report it again at the next look.
    """
    key = _key(finding.kind, finding.subject)
    with writing(engine) as connection:
        row = {
            "id": f"inc_{secrets.token_hex(12)}",
            "kind": finding.kind.value,
            "subject": finding.subject,
            "open_key": key,
            "state": IncidentState.OPEN.value,
            "opened_at": now,
            "seen_at": now,
            "resolved_at": None,
            "finding": _json(finding),
        }
        is_new = connection.execute(insert_new(connection, incidents).values(row)).rowcount > 0
        here = incidents.c.open_key == key
        before = _incident(connection.execute(select(incidents).where(here)).mappings().one())
        if is_new:
            _note(connection, before.id, Note(at=now, author="", what=OPENED, text=finding.sentence))
        else:
            merged = msgspec.structs.replace(finding, since=before.finding.since)
            connection.execute(update(incidents).where(here).values(seen_at=now, finding=_json(merged)))
            if merged.sentence != before.finding.sentence:
                _note(connection, before.id, Note(at=now, author="", what=FOUND, text=finding.sentence))
        incident = _incident(connection.execute(select(incidents).where(here)).mappings().one())
    raise_alert(engine, incident_alert(incident, now))
    return incident


def acknowledge(engine: Engine, incident_id: str, author: str, now: int, audited: Audited | None = None) -> bool:
    """Somebody looks into it; False where there is no such incident, or it is resolved."""
    return _change(engine, incident_id, IncidentState.ACKNOWLEDGED, ACKNOWLEDGED, author, "", now, audited) is not None


def resolve(engine: Engine, incident_id: str, author: str, text: str, now: int, audited: Audited | None = None) -> bool:
    """It is over, for the reason in `text`; False where there is no such incident, or it was resolved before."""
    resolved = _change(engine, incident_id, IncidentState.RESOLVED, RESOLVED, author, text, now, audited)
    if resolved is not None:
        raise_alert(engine, incident_alert(resolved, now))
    return resolved is not None


def note(engine: Engine, incident_id: str, author: str, text: str, now: int, audited: Audited | None = None) -> bool:
    """Write something down; False where there is no such incident."""
    here = select(incidents).where(incidents.c.id == incident_id)
    with writing(engine) as connection:
        row = connection.execute(here.with_for_update()).mappings().first()
        if row is None:
            return False
        _note(connection, incident_id, Note(at=now, author=author, what=NOTED, text=text))
        if audited is not None:
            incident = _incident(row)
            audited(connection, incident, incident)
    return True


def get_incident(engine: Engine, incident_id: str) -> Incident | None:
    """An incident with its notes."""
    notes = select(incident_notes).where(incident_notes.c.incident_id == incident_id)
    with engine.connect() as connection:
        row = connection.execute(select(incidents).where(incidents.c.id == incident_id)).mappings().first()
        if row is None:
            return None
        written = connection.execute(notes.order_by(incident_notes.c.number)).mappings().all()
    fields = Note.__struct_fields__
    return msgspec.structs.replace(
        _incident(row), notes=tuple(Note(**{name: one[name] for name in fields}) for one in written)
    )


def list_incidents(engine: Engine, *, unresolved: bool = False, limit: int = 100) -> Sequence[Incident]:
    """The newest first, without their notes; `unresolved`: only those that are open or acknowledged."""
    query = select(incidents).order_by(incidents.c.opened_at.desc(), incidents.c.id).limit(limit)
    with engine.connect() as connection:
        rows = connection.execute(query.where(incidents.c.open_key.is_not(None)) if unresolved else query).mappings()
        return [_incident(row) for row in rows]


def list_resolved(engine: Engine, limit: int = 100, before: int | None = None) -> Sequence[Incident]:
    """Those that are over, the newest first, without their notes; `before`: only those that were opened before."""
    query = select(incidents).where(incidents.c.open_key.is_(None))
    if before is not None:
        query = query.where(incidents.c.opened_at < before)
    with engine.connect() as connection:
        rows = connection.execute(query.order_by(incidents.c.opened_at.desc(), incidents.c.id).limit(limit)).mappings()
        return [_incident(row) for row in rows]


def resolved_at(engine: Engine, kind: IncidentKind, subject: str) -> int | None:
    """When the last incident of a kind and a subject was resolved; None where none ever was."""
    same = (incidents.c.kind == kind.value) & (incidents.c.subject == subject)
    with engine.connect() as connection:
        return connection.execute(select(func.max(incidents.c.resolved_at)).where(same)).scalar()


def _change(
    engine: Engine,
    incident_id: str,
    state: IncidentState,
    what: str,
    author: str,
    text: str,
    now: int,
    audited: Audited | None,
) -> Incident | None:
    """The incident afterwards; None where it is not there, or resolved."""
    resolved = state is IncidentState.RESOLVED
    changed = {"state": state.value, **({"resolved_at": now, "open_key": None} if resolved else {})}
    here = incidents.c.id == incident_id
    with writing(engine) as connection:
        row = connection.execute(select(incidents).where(here).with_for_update()).mappings().first()
        if row is None or row["open_key"] is None:
            return None
        connection.execute(update(incidents).where(here).values(changed))
        _note(connection, incident_id, Note(at=now, author=author, what=what, text=text))
        after = _incident(connection.execute(select(incidents).where(here)).mappings().one())
        if audited is not None:
            audited(connection, _incident(row), after)
    return after


def _note(connection: Connection, incident_id: str, one: Note) -> None:
    """The row of the incident is locked by whoever calls, so that numbers are given one after the other."""
    last = select(func.max(incident_notes.c.number)).where(incident_notes.c.incident_id == incident_id)
    number = (connection.execute(last).scalar() or 0) + 1
    row = {
        "incident_id": incident_id,
        "number": number,
        "at": one.at,
        "author": one.author[:_LONGEST_AUTHOR],
        "what": one.what,
        "text": one.text[:MOST_TEXT],
    }
    connection.execute(insert(incident_notes).values(row))


def _key(kind: IncidentKind, subject: str) -> str:
    return blake2b(f"{kind.value}\0{subject}".encode(), digest_size=32).hexdigest()


def _json(finding: Finding) -> str:
    return msgspec.json.encode(finding).decode()


def _incident(row: RowMapping) -> Incident:
    return Incident(
        id=row["id"],
        state=IncidentState(row["state"]),
        opened_at=row["opened_at"],
        seen_at=row["seen_at"],
        resolved_at=row["resolved_at"],
        finding=msgspec.json.decode(row["finding"], type=Finding),
    )
