"""What is wrong now, each with where to look: the list on top of the overview."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import msgspec

from homeport.core.incidents import Incident as Changed
from homeport.core.incidents import IncidentKind, IncidentState
from homeport.core.told import Severity
from homeport.core.unusual import Level, Measure, Unusual
from homeport.storage.alerts import StoredAlert
from homeport.storage.unusual import Unusuals

_ORDER = tuple(Severity)
_KINDS = frozenset(kind.value for kind in IncidentKind)
_FIELD: Mapping[Level, str] = {Level.MODEL: "target", Level.KEY: "key"}
_MONEY: Mapping[Level, str] = {Level.MODEL: "model", Level.KEY: "key"}


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Something that lasts.

    Attributes:
        since: nanoseconds since the epoch.
        leads: the page of the console that shows what it is about; "" where there is none.
    """

    severity: str
    since: int
    sentence: str
    leads: str = ""


def incidents(
    unusual: Unusuals | None, alerts: Sequence[StoredAlert], unresolved: Sequence[Changed] = ()
) -> Sequence[Incident]:
    """What is unusual now, the worst first, and after it whatever else began and has not ended.

    Args:
        alerts: the newest first.
        unresolved: incidents of quality, of models and of prompts, however long ago they began.
    """
    rows = unusual.rows if unusual is not None else ()
    seen = {row.incident for row in rows} | {alert.incident for alert in alerts if alert.is_over}
    seen |= {one.id for one in unresolved}
    lasting = [_lasting(alert) for alert in alerts if alert.lasts and alert.incident not in seen]
    others = sorted((*map(_changed, unresolved), *lasting), key=lambda one: -_ORDER.index(Severity(one.severity)))
    return [
        *(
            Incident(
                severity=row.severity,
                since=row.unusual.since,
                sentence=row.sentence,
                leads=leads_to(row.unusual),
            )
            for row in rows
        ),
        *others,
    ]


def _changed(incident: Changed) -> Incident:
    found = incident.finding
    looked = " (somebody looks into it)" if incident.state is IncidentState.ACKNOWLEDGED else ""
    sentence = f"{found.sentence.rstrip('.')}{looked}"
    return Incident(severity=found.severity, since=found.since, sentence=sentence, leads=page_of(incident.id))


def _lasting(alert: StoredAlert) -> Incident:
    return Incident(severity=alert.severity, since=alert.since, sentence=alert.summary, leads=_from_alert(alert))


def page_of(incident_id: str) -> str:
    """The page of an incident of quality, of a model or of prompts."""
    return f"/console/incidents/{quote(incident_id, safe='')}"


def _from_alert(alert: StoredAlert) -> str:
    """ "" for what is told of no traffic, or by another release."""
    if alert.kind in _KINDS:
        return page_of(alert.incident)
    try:
        told = msgspec.convert(alert.data, Unusual)
    except msgspec.ValidationError:
        return ""
    return leads_to(told)


def leads_to(unusual: Unusual) -> str:
    """The requests that something unusual is about, since it began; what was spent where it is money."""
    if unusual.measure is Measure.SPEND:
        only = {_MONEY[unusual.level]: unusual.subject} if unusual.level in _MONEY else {}
        return f"/console/costs?{urlencode({'window': '24h', 'by': _by(unusual.level), **only})}"
    asked = {"since": f"{datetime.fromtimestamp(unusual.since // 1_000_000_000, UTC):%Y-%m-%dT%H:%M}"}
    if unusual.level in _FIELD:
        asked[_FIELD[unusual.level]] = unusual.subject
    if unusual.measure is Measure.ERRORS:
        asked["outcome"] = "failed"
    return f"/console/requests?{urlencode(asked)}"


def _by(level: Level) -> str:
    """What a person asks next: of a key which model costs so much, of a model which key."""
    return "model" if level is Level.KEY else "key"
