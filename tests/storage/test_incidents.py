"""Incidents: one open of a kind and a subject, found again and again, and told when it begins and when it ends."""

from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from sqlalchemy import Engine

from homeport.core.incidents import Action, Evidence, Finding, IncidentKind, IncidentState
from homeport.storage.alerts import list_alerts
from homeport.storage.incidents import (
    MOST_TEXT,
    acknowledge,
    get_incident,
    list_incidents,
    list_resolved,
    note,
    report,
    resolve,
    resolved_at,
)

NOW = 1_700_000_000 * 10**9
FELL = Finding(
    kind=IncidentKind.QUALITY,
    subject="cheap/small",
    since=NOW - 5,
    sentence="Answers of cheap/small are worse since Monday",
    e_value=5300.0,
    evidence=(Evidence(name="mean score", before=".81", now=".74"),),
    actions=(Action(text="let another model go first", command="homeport route versions"),),
    routes=("cheap/small",),
    examples=("req_1", "req_2"),
)


def test_what_is_found_again_is_added_to_the_incident_that_is_open(engine: Engine) -> None:
    first = report(engine, FELL, NOW)
    assert first.finding == FELL
    worse = msgspec.structs.replace(FELL, since=NOW, sentence="It is worse still", e_value=9e9)
    assert report(engine, FELL, NOW + 1).id == report(engine, worse, NOW + 2).id == first.id
    now = get_incident(engine, first.id)
    assert now is not None
    assert (now.opened_at, now.seen_at, now.state) == (NOW, NOW + 2, IncidentState.OPEN)
    assert now.finding == msgspec.structs.replace(worse, since=FELL.since)
    assert [(one.what, one.text) for one in now.notes] == [("opened", FELL.sentence), ("found", worse.sentence)]
    assert len(list_alerts(engine)) == 1


def test_another_subject_and_another_kind_are_other_incidents(engine: Engine) -> None:
    others = [
        msgspec.structs.replace(FELL, subject="cheap/large"),
        msgspec.structs.replace(FELL, kind=IncidentKind.MODEL),
    ]
    ids = {report(engine, one, NOW + place).id for place, one in enumerate((FELL, *others))}
    assert {one.id for one in list_incidents(engine)} == ids
    assert len(ids) == 3


def test_people_acknowledge_note_and_resolve(engine: Engine) -> None:
    incident = report(engine, FELL, NOW)
    changes = []
    assert acknowledge(engine, incident.id, "ann", NOW + 1, lambda _, was, now: changes.append((was.state, now.state)))
    assert note(engine, incident.id, "bob", "the prompt was changed on Monday", NOW + 2)
    assert list_incidents(engine, unresolved=True)[0].state is IncidentState.ACKNOWLEDGED
    assert resolve(engine, incident.id, "ann", "rolled back", NOW + 3)
    assert changes == [(IncidentState.OPEN, IncidentState.ACKNOWLEDGED)]
    now = get_incident(engine, incident.id)
    assert now is not None
    assert [(one.author, one.what, one.text) for one in now.notes[1:]] == [
        ("ann", "acknowledged", ""),
        ("bob", "noted", "the prompt was changed on Monday"),
        ("ann", "resolved", "rolled back"),
    ]
    assert (now.resolved_at, resolved_at(engine, FELL.kind, FELL.subject)) == (NOW + 3, NOW + 3)
    assert list_incidents(engine, unresolved=True) == []
    assert sorted(one.data["state"] for one in list_alerts(engine)) == ["began", "over"]


def test_what_comes_back_after_it_was_resolved_is_a_new_incident(engine: Engine) -> None:
    first = report(engine, FELL, NOW)
    assert resolve(engine, first.id, "ann", "", NOW + 1)
    second = report(engine, FELL, NOW + 2)
    assert second.id != first.id
    assert len(list_alerts(engine)) == 3


@pytest.mark.parametrize("what", ["missing", "resolved"])
def test_what_is_not_there_or_over_cannot_be_changed(engine: Engine, what: str) -> None:
    incident = report(engine, FELL, NOW)
    assert resolve(engine, incident.id, "ann", "", NOW + 1)
    asked = incident.id if what == "resolved" else "inc_0"
    assert not acknowledge(engine, asked, "ann", NOW + 2)
    assert not resolve(engine, asked, "ann", "", NOW + 2)
    assert note(engine, asked, "ann", "too late", NOW + 2) is (what == "resolved")
    assert (get_incident(engine, asked) is None) is (what == "missing")


def test_two_that_find_the_same_at_once_open_one(engine: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda place: report(engine, FELL, NOW + place).id, range(8)))
    assert len(set(found)) == 1
    assert len(list_alerts(engine)) == 1


def test_long_and_hostile_words_are_kept_as_text(engine: Engine) -> None:
    incident = report(engine, msgspec.structs.replace(FELL, sentence="'; DROP TABLE incidents; --\x1b[2J"), NOW)
    assert note(engine, incident.id, "x" * 500, "<script>" + "y" * 10_000, NOW + 1)
    now = get_incident(engine, incident.id)
    assert now is not None
    assert len(now.notes[-1].text) == MOST_TEXT
    assert len(now.notes[-1].author) == 160


def test_what_is_resolved_is_listed_by_itself_and_page_by_page(engine: Engine) -> None:
    ids = [report(engine, msgspec.structs.replace(FELL, subject=f"r/{place}"), NOW + place).id for place in range(5)]
    for one in ids[:4]:
        assert resolve(engine, one, "ann", "over", NOW + 9)
    first = list_resolved(engine, limit=3)
    assert [one.id for one in first] == [ids[3], ids[2], ids[1]]
    assert [one.id for one in list_resolved(engine, limit=3, before=first[-1].opened_at)] == [ids[0]]


def test_a_note_is_audited_in_its_transaction_or_not_written(engine: Engine) -> None:
    incident = report(engine, FELL, NOW)
    seen = []
    assert note(engine, incident.id, "ann", "one", NOW + 1, lambda _, was, now: seen.append((was, now)))
    assert seen == [(incident, incident)]

    def refuse(*_: object) -> None:
        raise OSError("the log is full")

    with pytest.raises(OSError, match="full"):
        note(engine, incident.id, "ann", "two", NOW + 2, refuse)
    now = get_incident(engine, incident.id)
    assert now is not None
    assert [one.text for one in now.notes[1:]] == ["one"]
