"""The registry of incidents and its paths of the admin API: who did what, what is refused, and how it is told."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from homeport.api.admin import AdminPaths
from homeport.api.admin import House as Parts
from homeport.api.auth import StoredKeyRing
from homeport.api.incidents import IncidentActions, IncidentRegistry, checked
from homeport.api.keys import KeyFields, KeyRegistry, Offer
from homeport.bootstrap.admin import recorder
from homeport.core.audit import Actor, Origin
from homeport.core.errors import InvalidRequest
from homeport.core.types import Scope
from homeport.storage.audit import Asked, Entry, entries
from homeport.storage.incidents import MOST_TEXT, report
from tests.databases import migrated
from tests.fakes.clock import ManualClock
from tests.fakes.house import MID, House
from tests.fakes.incidents import FELL, finding
from tests.fakes.wire import Caller

PATH = "/admin/v1/incidents"
ANN = Actor(name="ann", origin=Origin.CLI)


class Office:
    """A registry of incidents over a database of its own, and the admin API in front of it."""

    def __init__(self, folder: Path) -> None:
        self.engine = migrated(folder / "homeport.db")
        self.clock = ManualClock()
        keys = KeyRegistry(self.engine, b"p" * 32, lambda: Offer((), ()), self.clock.wall_ns)
        self.tokens = {
            scope: keys.create(KeyFields(name=scope, scopes=[scope])).token for scope in (Scope.ADMIN, Scope.INFERENCE)
        }
        ring = StoredKeyRing(keys.every, b"p" * 32, lambda: self.clock.wall / 1e9)
        ring.refresh()
        self.registry = IncidentRegistry(self.engine, self.clock.wall_ns)
        paths = AdminPaths(
            keys=ring,
            registry=keys,
            refresh=ring.refresh,
            house=Parts(config=dict, digest=str, targets=list),
            clock=self.clock,
            record=recorder(self.engine),
            recorded=(IncidentActions(self.registry),),
        )
        self.house = House(MID, keys=ring, families=[paths])

    def found(self, **changes: Any) -> str:
        self.clock.advance(10**9)
        return report(self.engine, finding(**changes), self.clock.wall_ns()).id

    async def ask(self, method: str, path: str, body: object = None, scope: Scope = Scope.ADMIN) -> Caller:
        sent = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        bearer = [("authorization", f"Bearer {self.tokens[scope]}")]
        return await Caller(path, method=method, headers=bearer, body=[sent]).call(self.house.app)

    def audited(self) -> list[Entry]:
        return list(entries(self.engine, Asked(action="incident"), 10))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


async def test_what_is_open_comes_first_and_one_is_told_whole(office: Office) -> None:
    first, second, third = (office.found(subject=name) for name in ("a/a", "b/b", "c/c"))
    office.registry.by(ANN).resolve(second, "it was a test")
    listed = (await office.ask("GET", PATH)).json
    assert [one["id"] for one in listed["data"]] == [third, first, second]
    told = (await office.ask("GET", f"{PATH}/{first}")).json
    assert (told["kind"], told["severity"], told["state"]) == ("quality.fell", "critical", "open")
    assert (told["since"], told["e_value"]) == (FELL.since / 1e9, FELL.e_value)
    assert told["evidence"][0] == {"name": "mean score", "before": ".81 (.79 to .83)", "now": ".74 (.71 to .77)"}
    assert told["actions"][1]["command"] == "homeport route versions"
    assert [one["what"] for one in told["notes"]] == ["opened"]


async def test_it_is_acknowledged_noted_and_resolved_by_whom_the_audit_log_names(office: Office) -> None:
    incident = office.found()
    path = f"{PATH}/{incident}"
    assert (await office.ask("POST", f"{path}/acknowledge")).json["state"] == "acknowledged"
    assert (await office.ask("POST", f"{path}/notes", {"text": "the prompt\nwas changed"})).status == 200
    done = (await office.ask("POST", f"{path}/resolve", {"text": "x" * 200})).json
    assert (done["state"], [one["what"] for one in done["notes"]]) == (
        "resolved",
        ["opened", "acknowledged", "noted", "resolved"],
    )
    resolved, noted, acknowledged = office.audited()
    assert {one.origin for one in (resolved, noted, acknowledged)} == {"api"}
    assert {one.subject for one in (resolved, noted, acknowledged)} == {incident}
    assert acknowledged.actor == done["notes"][1]["author"]
    assert (acknowledged.action, acknowledged.before, acknowledged.after) == (
        "incident.acknowledge",
        {"state": "open"},
        {"state": "acknowledged"},
    )
    assert noted.after == {"note": "the prompt\nwas changed"}
    assert resolved.after == {"state": "resolved", "reason": "(200 characters)"}


async def test_what_is_resolved_takes_notes_alone(office: Office) -> None:
    incident = office.found()
    office.registry.by(ANN).resolve(incident, "over")
    for what, body in (("acknowledge", None), ("resolve", {"text": "again"})):
        refused = await office.ask("POST", f"{PATH}/{incident}/{what}", body)
        assert (refused.status, refused.error["code"]) == (400, "incident_resolved")
    assert (await office.ask("POST", f"{PATH}/{incident}/notes", {"text": "late"})).status == 200
    assert [one.action for one in office.audited()] == ["incident.note", "incident.resolve"]


@pytest.mark.parametrize("name", ["inc_0", "inc_" + "0" * 24, "' OR 1=1 --", "%00", "inc_" + "g" * 24, "x" * 5_000])
@pytest.mark.parametrize("rest", ["", "/acknowledge", "/resolve", "/notes"])
async def test_what_is_not_there(office: Office, name: str, rest: str) -> None:
    office.found()
    method = "POST" if rest else "GET"
    answer = await office.ask(method, f"{PATH}/{name}{rest}", {"text": "x"} if rest else None)
    assert (answer.status, answer.error["code"]) == (404, "incident_unknown")
    assert office.audited() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b'{"text": 1}',
        b'{"text": null}',
        b'{"text": "a", "more": 1}',
        b'{"text": "a"',
        b'{"text": ' + b"[" * 50_000,
        {"text": ""},
        {"text": " \n\t"},
        {"text": "x" * (MOST_TEXT + 1)},
        {"text": "a\x00b"},
        {"text": "a\x1b[2J"},
        b'{"text": "\\ud800"}',
    ],
)
@pytest.mark.parametrize("what", ["resolve", "notes"])
async def test_what_cannot_be_said(office: Office, what: str, body: object) -> None:
    incident = office.found()
    answer = await office.ask("POST", f"{PATH}/{incident}/{what}", body)
    assert answer.status == 400, answer.body
    assert office.audited() == []
    assert office.registry.get(incident).state == "open"
    assert len(office.registry.get(incident).notes) == 1


@pytest.mark.parametrize("path", ["", "/inc_0", "/inc_0/acknowledge", "/inc_0/resolve", "/inc_0/notes"])
async def test_nobody_but_an_administrator(office: Office, path: str) -> None:
    method = "POST" if path.count("/") == 2 else "GET"
    refused = await office.ask(method, PATH + path, scope=Scope.INFERENCE)
    assert (refused.status, refused.error["code"]) == (403, "scope_missing")
    wrong = await office.ask("DELETE", PATH + path)
    assert wrong.status == 405


def test_words_of_every_language_are_words() -> None:
    for text in ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\U0001f469\u200d\U0001f4bb", "<b>&amp;</b>"):
        assert checked(f"  {text}\n") == text
    with pytest.raises(InvalidRequest, match="1 to 4,000 characters"):
        checked("\ud800")
