"""What people do about incidents: the console, `homeport incidents` and the admin API are three ways to ask for it."""

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Self
from unicodedata import category

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Engine

from homeport.api.admin import Action, Answer, off_the_loop
from homeport.api.bodies import read
from homeport.core.audit import HOMEPORT, Actor, Asker
from homeport.core.errors import InvalidRequest, NotFound
from homeport.core.incidents import Incident, IncidentKind, IncidentState
from homeport.storage import audit
from homeport.storage.incidents import (
    MOST_TEXT,
    Audited,
    acknowledge,
    get_incident,
    list_incidents,
    list_resolved,
    note,
    resolve,
)

MOST = 100
"""Incidents in a list: so many that are open, and so many that are resolved."""
_ID = re.compile(r"inc_[0-9a-f]{24}")
_SECOND = 1_000_000_000
_MOST_AUDITED = 128
_NOT_TEXT = frozenset({"Cc", "Cs"})
"""Controls and lone surrogates, which not every database takes."""


class Words(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody says of an incident: why it is over, or a note; up to 4,000 characters."""

    text: str


class IncidentNote(Struct, frozen=True, kw_only=True):
    """What somebody did or said; seconds since the epoch. `author` is "" for Homeport itself."""

    at: float
    author: str
    what: Literal["opened", "found", "acknowledged", "resolved", "noted"]
    text: str


class IncidentEvidence(Struct, frozen=True, kw_only=True):
    """One figure that changed, as people read it; "" where there is none."""

    name: str
    before: str
    now: str


class IncidentAction(Struct, frozen=True, kw_only=True):
    """What somebody can do about it: a sentence, and the command or the page of the console for it, "" for none."""

    text: str
    command: str
    page: str


class IncidentFacts(Struct, frozen=True, kw_only=True):
    """An incident, without its notes. Times are seconds since the epoch.

    Attributes:
        since: when what it tells of began, as far as is known.
        seen_at: when it was found last.
        e_value: evidence of a change, 0 where none was counted.
        examples: ids of requests that show it.
    """

    id: str
    kind: IncidentKind
    subject: str
    state: IncidentState
    severity: Literal["info", "warning", "critical"]
    sentence: str
    since: float
    opened_at: float
    seen_at: float
    resolved_at: float | None
    e_value: float
    routes: Sequence[str]
    evidence: Sequence[IncidentEvidence]
    actions: Sequence[IncidentAction]
    examples: Sequence[str]


class IncidentDetails(IncidentFacts, frozen=True, kw_only=True):
    """An incident with its notes, the oldest first."""

    notes: Sequence[IncidentNote]


class IncidentList(Struct, frozen=True, kw_only=True):
    """Those that are open first, the newest of them first; then those that are resolved."""

    object: Literal["list"] = "list"
    data: Sequence[IncidentFacts]


class IncidentRegistry:
    """The incidents of the database.

    Args:
        wall_ns: nanoseconds since the epoch.

    Raises (all that name an incident): NotFound incident_unknown. (Every change): InvalidRequest incident_resolved,
    and incident_text_invalid for words that are none or too many.
    """

    def __init__(self, engine: Engine, wall_ns: Callable[[], int]) -> None:
        self._engine = engine
        self._wall_ns = wall_ns
        self._actor = HOMEPORT

    def by(self, actor: Actor) -> Self:
        """The same, for changes that somebody makes: the incident and the audit log have them with the name."""
        mine = copy.copy(self)
        mine._actor = actor
        return mine

    def open(self) -> Sequence[Incident]:
        """Those that are not resolved, the newest first."""
        return list_incidents(self._engine, unresolved=True, limit=MOST)

    def resolved(self, limit: int = MOST, before: int | None = None) -> Sequence[Incident]:
        """Those that are, the newest first; `before`: only those that were opened before, in nanoseconds."""
        return list_resolved(self._engine, limit, before)

    def get(self, incident_id: str) -> Incident:
        """One with its notes."""
        found = get_incident(self._engine, incident_id) if _ID.fullmatch(incident_id) else None
        if found is None:
            raise NotFound(
                f"no incident has the id {ascii(incident_id)[:80]}",
                code="incident_unknown",
                hint="homeport incidents list",
            )
        return found

    def acknowledge(self, incident_id: str) -> Incident:
        """Somebody looks into it."""
        self.get(incident_id)
        now, audited = self._wall_ns(), self._audited("incident.acknowledge")
        return self._after(incident_id, acknowledge(self._engine, incident_id, self._actor.name, now, audited))

    def resolve(self, incident_id: str, reason: str) -> Incident:
        """It is over, for a reason."""
        self.get(incident_id)
        text, now = checked(reason), self._wall_ns()
        audited = self._audited("incident.resolve", reason=text)
        return self._after(incident_id, resolve(self._engine, incident_id, self._actor.name, text, now, audited))

    def note(self, incident_id: str, text: str) -> Incident:
        """Write something down, also of what is resolved."""
        self.get(incident_id)
        said, now = checked(text), self._wall_ns()
        audited = self._audited("incident.note", note=said)
        return self._after(incident_id, note(self._engine, incident_id, self._actor.name, said, now, audited))

    def _after(self, incident_id: str, changed: bool) -> Incident:
        if not changed:
            raise InvalidRequest(
                "this incident is resolved already",
                code="incident_resolved",
                hint="write a note; what is found again opens a new incident",
            )
        return self.get(incident_id)

    def _audited(self, action: str, **said: str) -> Audited:
        """Texts may quote what callers said: the audit log has short ones, and counts long ones."""
        told = {
            name: text if len(text) <= _MOST_AUDITED else f"({len(text)} characters)" for name, text in said.items()
        }

        def write(connection: Connection, before: Incident, after: Incident) -> None:
            was, now = ({"state": one.state.value} for one in (before, after))
            audit.write(connection, self._actor, action, before.id, was, {**now, **told}, self._wall_ns())

        return write


def checked(text: str) -> str:
    """Words of a person, without blanks around them. Raises InvalidRequest incident_text_invalid."""
    said = text.strip()
    is_text = all(character in "\n\r\t" or category(character) not in _NOT_TEXT for character in said)
    if not said or len(said) > MOST_TEXT or not is_text:
        raise InvalidRequest(
            f"say it in 1 to {MOST_TEXT:,} characters, without control characters",
            code="incident_text_invalid",
            param="text",
            hint="say what was found, or why it is over",
        )
    return said


def incident_view(incident: Incident) -> IncidentFacts:
    """For JSON."""
    return IncidentFacts(**_facts(incident))


def detailed_view(incident: Incident) -> IncidentDetails:
    """The same with its notes."""
    notes = tuple(IncidentNote(**{**msgspec.structs.asdict(one), "at": one.at / _SECOND}) for one in incident.notes)
    return IncidentDetails(**_facts(incident), notes=notes)


class IncidentActions:
    """`Resource` of /admin/v1/incidents."""

    def __init__(self, registry: IncidentRegistry) -> None:
        self._registry = registry

    def actions(self, parts: Sequence[str]) -> Mapping[str, Action]:
        match parts:
            case ["incidents"]:
                return {"GET": self._list}
            case ["incidents", incident_id] if incident_id:
                return {"GET": lambda _, __: self._told(partial(self._registry.get, incident_id))}
            case ["incidents", incident_id, "acknowledge"] if incident_id:
                return {"POST": lambda asker, _: self._told(partial(self._by(asker).acknowledge, incident_id))}
            case ["incidents", incident_id, "resolve"] if incident_id:
                return {"POST": lambda asker, body: self._said(self._by(asker).resolve, incident_id, body)}
            case ["incidents", incident_id, "notes"] if incident_id:
                return {"POST": lambda asker, body: self._said(self._by(asker).note, incident_id, body)}
        return {}

    def _by(self, asker: Asker) -> IncidentRegistry:
        return self._registry.by(asker.actor)

    async def _list(self, _: Asker, __: bytes) -> Answer:
        found = await off_the_loop(lambda: [*self._registry.open(), *self._registry.resolved()])
        return 200, IncidentList(data=[incident_view(one) for one in found])

    async def _said(self, change: Callable[[str, str], Incident], incident_id: str, body: bytes) -> Answer:
        return await self._told(partial(change, incident_id, read(body, _WORDS)[0].text))

    async def _told(self, work: Callable[[], Incident]) -> Answer:
        return 200, detailed_view(await off_the_loop(work))


_WORDS = msgspec.json.Decoder(Words)


def _facts(incident: Incident) -> dict[str, Any]:
    found = incident.finding
    return {
        "id": incident.id,
        "kind": found.kind,
        "subject": found.subject,
        "state": incident.state,
        "severity": str(found.severity),
        "sentence": found.sentence,
        "since": found.since / _SECOND,
        "opened_at": incident.opened_at / _SECOND,
        "seen_at": incident.seen_at / _SECOND,
        "resolved_at": None if incident.resolved_at is None else incident.resolved_at / _SECOND,
        "e_value": found.e_value,
        "routes": found.routes,
        "evidence": tuple(IncidentEvidence(**msgspec.structs.asdict(one)) for one in found.evidence),
        "actions": tuple(IncidentAction(**msgspec.structs.asdict(one)) for one in found.actions),
        "examples": found.examples,
    }
