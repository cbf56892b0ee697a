"""Incidents of quality: what changed and is worth somebody's attention until it is explained, and the alerts of it.

A watcher reports a `Finding`; as long as an incident of the same kind and subject is open, what is found again is added
to it. A person acknowledges it, writes notes and resolves it. What is said of it holds names, ids and figures; texts of
requests are looked up by `examples`, by who may read them.
"""

from enum import StrEnum
from typing import ClassVar

import msgspec

from homeport.core.told import Severity, Told
from homeport.core.unusual import BEGAN, OVER


class IncidentKind(StrEnum):
    """What changed."""

    QUALITY = "quality.fell"
    MODEL = "model.changed"
    PROMPTS = "prompts.drifted"


class IncidentState(StrEnum):
    """What people did about it; `RESOLVED` is the end."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One figure that changed, as people read it: `before` and `now` with their units; "" where there is none."""

    name: str
    before: str = ""
    now: str = ""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody can do about it: a sentence, and the command or the page for it, "" for none."""

    text: str
    command: str = ""
    page: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a watcher found.

    Attributes:
        subject: what it is about, such as a route or a provider: one incident is open of a kind and a subject.
        since: when it began, as far as is known; nanoseconds since the epoch.
        sentence: what changed, since when and by how much, for a person.
        e_value: evidence of a change, 0 where none was counted.
        routes: the routes it concerns, each a tier and a public name as `tier/name`.
        examples: ids of requests that show it.
    """

    kind: IncidentKind
    subject: str
    since: int
    sentence: str
    severity: Severity = Severity.WARNING
    e_value: float = 0.0
    evidence: tuple[Evidence, ...] = ()
    actions: tuple[Action, ...] = ()
    routes: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did or said; `author` is "" for Homeport itself.

    Attributes:
        what: `opened`, `found`, `acknowledged`, `resolved` or `noted`.
    """

    at: int
    author: str
    what: str
    text: str = ""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as it stands; times are nanoseconds since the epoch.

    Attributes:
        seen_at: when it was found last.
        resolved_at: None until it is.
        notes: the oldest first; empty in lists.
    """

    id: str
    state: IncidentState
    opened_at: int
    seen_at: int
    resolved_at: int | None
    finding: Finding
    notes: tuple[Note, ...] = ()


class _OfIncident(Told, frozen=True, kw_only=True):
    """An incident was opened, or is resolved; see `Finding` for the other fields.

    Attributes:
        state: `began` or `over`.
        until: when it was resolved, 0 before.
        urgent: what `severity` says, at the end too.
    """

    incident: str
    state: str
    subject: str
    since: int
    until: int
    routes: tuple[str, ...]
    urgent: bool
    sentence: str

    @property
    def severity(self) -> Severity:
        return Severity.CRITICAL if self.urgent else Severity.WARNING

    @property
    def dedupe_key(self) -> str:
        over = f":{OVER}" if self.state == OVER else ""
        return f"{self.kind}:{self.incident}{over}"

    @property
    def summary(self) -> str:
        return self.sentence


class QualityFell(_OfIncident, frozen=True, kw_only=True):
    """Answers of a route are worse than they were."""

    kind: ClassVar[str] = IncidentKind.QUALITY.value


class ModelChanged(_OfIncident, frozen=True, kw_only=True):
    """A model behind a name answers unlike itself."""

    kind: ClassVar[str] = IncidentKind.MODEL.value


class PromptsDrifted(_OfIncident, frozen=True, kw_only=True):
    """What is asked is not what was asked before."""

    kind: ClassVar[str] = IncidentKind.PROMPTS.value


IncidentAlert = QualityFell | ModelChanged | PromptsDrifted

_ALERTS: dict[IncidentKind, type[IncidentAlert]] = {
    IncidentKind.QUALITY: QualityFell,
    IncidentKind.MODEL: ModelChanged,
    IncidentKind.PROMPTS: PromptsDrifted,
}


def incident_alert(incident: Incident, at: int) -> IncidentAlert:
    """The alert of an incident's begin, or of its end where it is resolved; `at` is in nanoseconds since the epoch."""
    found, resolved = incident.finding, incident.resolved_at
    return _ALERTS[found.kind](
        at=at,
        incident=incident.id,
        state=BEGAN if resolved is None else OVER,
        subject=found.subject,
        since=found.since,
        until=resolved or 0,
        routes=found.routes,
        urgent=found.severity is Severity.CRITICAL,
        sentence=found.sentence if resolved is None else f"It is resolved: {found.sentence}",
    )
