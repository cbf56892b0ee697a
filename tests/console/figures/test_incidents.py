"""What is wrong now, and where it leads to."""

from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from homeport.console.figures.incidents import incidents, leads_to
from homeport.core.incidents import Incident, IncidentKind, IncidentState, PromptsDrifted
from homeport.core.unusual import Level, Measure, Unusual, anomaly_alert
from homeport.storage.alerts import StoredAlert
from tests.fakes.incidents import FELL, finding
from tests.ledger.requests import HOUR, NOW
from tests.storage.test_unusual import noticed, state


def alert(how: str, incident: str = "inc_2") -> StoredAlert:
    data = {"state": how, "incident": incident, "since": NOW - HOUR}
    return StoredAlert(id=how, kind="k", severity="warning", at=NOW, summary=f"it {how}", data=data)


def test_what_is_unusual_comes_before_what_was_told() -> None:
    found = incidents(state(noticed()), [alert("began")])
    assert [(one.severity, one.since) for one in found] == [
        ("critical", noticed().unusual.since),
        ("warning", NOW - HOUR),
    ]
    assert found[1].sentence == "it began"


def test_what_is_over_or_is_said_already_is_not_said_again() -> None:
    assert incidents(None, [alert("over"), alert("began")]) == []
    assert len(incidents(state(noticed()), [alert("began", noticed().incident)])) == 1


def test_the_worst_is_first_and_leads_to_what_it_is_about() -> None:
    found = noticed().unusual
    told = anomaly_alert(found, "inc_3", NOW)
    worse = StoredAlert(
        id="c", kind=told.kind, severity=str(told.severity), at=NOW - 1, summary="it fails", data=told.data()
    )
    [first, second] = incidents(None, [alert("began"), worse])
    assert (first.sentence, first.leads) == ("it fails", leads_to(found))
    assert (second.sentence, second.leads) == ("it began", "")


def test_what_has_no_end_is_no_incident() -> None:
    once = msgspec.structs.replace(alert("began"), data={})
    assert incidents(None, [once]) == []


@pytest.mark.parametrize(
    ("level", "subject", "measure", "page", "asked"),
    [
        (
            Level.MODEL,
            "a b&c",
            Measure.ERRORS,
            "requests",
            {"since": "2023-11-14T22:12", "target": "a b&c", "outcome": "failed"},
        ),
        (Level.KEY, "key_1", Measure.OUTPUT_TOKENS, "requests", {"since": "2023-11-14T22:12", "key": "key_1"}),
        (Level.ALL, "", Measure.LATENCY, "requests", {"since": "2023-11-14T22:12"}),
        (Level.KEY, "key_1", Measure.SPEND, "costs", {"window": "24h", "by": "model", "key": "key_1"}),
        (Level.ALL, "", Measure.SPEND, "costs", {"window": "24h", "by": "key"}),
    ],
)
def test_where_to_look(level: Level, subject: str, measure: Measure, page: str, asked: dict[str, str]) -> None:
    unusual = Unusual(
        level=level, subject=subject, measure=measure, since=NOW - 60 * 10**9, usual=0.01, found=0.5, samples=9
    )
    parts = urlsplit(leads_to(unusual))
    assert parts.path == f"/console/{page}"
    assert {name: said[0] for name, said in parse_qs(parts.query).items()} == asked


def incident(name: str = "inc_9", state: IncidentState = IncidentState.OPEN, **changes: object) -> Incident:
    return Incident(id=name, state=state, opened_at=NOW, seen_at=NOW, resolved_at=None, finding=finding(**changes))


def test_incidents_that_are_not_resolved_lead_to_their_pages_however_old_they_are() -> None:
    old = incident("inc_1", IncidentState.ACKNOWLEDGED, severity="warning", sentence="It changed.")
    [first, second, third] = incidents(None, [alert("began", "inc_3")], [old, incident()])
    assert (first.leads, first.severity, first.sentence) == ("/console/incidents/inc_9", "critical", FELL.sentence)
    assert (second.leads, second.sentence) == ("/console/incidents/inc_1", "It changed (somebody looks into it)")
    assert third.sentence == "it began"


@pytest.mark.parametrize("kind", [*IncidentKind])
def test_an_alert_of_an_incident_leads_to_its_page_and_is_told_once(kind: IncidentKind) -> None:
    told = msgspec.structs.replace(alert("began", "inc_4"), kind=kind.value)
    assert [one.leads for one in incidents(None, [told])] == ["/console/incidents/inc_4"]
    assert [one.severity for one in incidents(None, [told], [incident("inc_4")])] == ["critical"]
    strange = msgspec.structs.replace(alert("began", "../x?<y>"), kind=PromptsDrifted.kind)
    assert incidents(None, [strange])[0].leads == "/console/incidents/..%2Fx%3F%3Cy%3E"
