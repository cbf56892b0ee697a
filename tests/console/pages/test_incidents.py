"""The pages of incidents: what they tell, who may do what, what is audited, and that words of others are text."""

import pytest

from homeport.console.pages import incidents as page
from homeport.core.incidents import Action, Evidence, IncidentKind
from homeport.core.people import Role
from homeport.core.told import Severity
from homeport.storage.audit import Asked, entries
from homeport.storage.incidents import acknowledge, get_incident, report, resolve
from tests.console.markup import check_markup
from tests.console.office import Office
from tests.console.pages.reading import HOSTILE, check_hostile, words
from tests.fakes.incidents import FELL, HOUR, NOW, finding
from tests.traces.kept import chat

PATH = "/console/incidents"


def found(office: Office, **changes: object) -> str:
    office.clock.advance(HOUR)
    return report(office.engine, finding(**changes), office.clock.wall_ns()).id


async def shown(office: Office, path: str = PATH, role: Role = Role.VIEWER) -> str:
    answer = await (await office.enter(role)).get(path)
    assert answer.status == 200, answer.body
    return words(answer.body)


async def test_nothing_has_changed(office: Office) -> None:
    said = await shown(office)
    assert "Open" in said
    assert "None. What is watched" in said
    assert "None yet." in said


async def test_the_worst_that_is_open_comes_first_and_what_is_resolved_last(office: Office) -> None:
    over = found(office, subject="a/over", sentence="over it is")
    assert resolve(office.engine, over, "ann", "rolled back", NOW)
    found(office, subject="b/bad", sentence="bad it is")
    mild = found(office, kind=IncidentKind.PROMPTS, sentence="mild it is", severity=Severity.WARNING, e_value=0.0)
    assert acknowledge(office.engine, mild, "ann", NOW)
    said = await shown(office)
    places = [said.index(text) for text in ("bad it is", "mild it is", "over it is")]
    assert places == sorted(places)
    assert "prompts drifted: mid/mid warning acknowledged" in said
    assert "critical open" in said
    assert "5,300" in said


async def test_resolved_ones_are_told_page_by_page(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "_ROWS", 2)
    for place in range(3):
        one = found(office, subject=f"r/{place}", sentence=f"number {place} it was")
        assert resolve(office.engine, one, "ann", "over", NOW)
    browser = await office.enter(Role.VIEWER)
    body = (await browser.get(PATH)).body.decode()
    assert "number 0 it was" not in body
    older = body.partition(f'href="{PATH}?before=')[2].partition('"')[0]
    second = words((await browser.get(f"{PATH}?before={older}")).body)
    assert "number 0 it was" in second
    assert "number 1 it was" not in second
    assert "Open" not in second.partition("Resolved")[0].partition("Drift & incidents Drift & incidents")[2]


async def test_one_incident_whole(office: Office) -> None:
    office.bodies.put(chat("r0", prompt="Where is it?", answer="Paris"))
    said = await shown(office, f"{PATH}/{found(office)}")
    for fact in (
        FELL.sentence,
        "State open critical",
        "Of mid/mid",
        "Evidence 5,300",
        "once in 5,300 looks, on average",
        "mean score .81 (.79 to .83) .74 (.71 to .77)",
        "opened by Homeport",
        "Take the version before homeport route versions",
        "Send less to it Go there",
        "mid/mid Its requests Its quality gone/model",
        "r0 Where is it? was answered Paris",
    ):
        assert fact in said, fact
    assert "I look into it" not in said, "a viewer changes nothing"
    assert "Write it down" not in said


async def test_texts_are_for_those_who_may_read_requests(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.bodies.put(chat("r0", prompt="a secret", answer="another secret"))
    path = f"{PATH}/{found(office)}"
    assert "a secret" in await shown(office, path)
    monkeypatch.setattr(page, "may", lambda role, route: route != "GET /console/requests/{id}")
    said = await shown(office, path)
    assert "r0" in said
    assert "secret" not in said


async def test_an_operator_answers_it_and_the_audit_log_has_it(office: Office) -> None:
    incident = found(office)
    path, browser = f"{PATH}/{incident}", await office.enter(Role.OPERATOR)
    assert "I look into it" in words((await browser.get(path)).body)
    done = await browser.post(f"{path}/acknowledge")
    assert (done.status, done.headers["location"]) == (303, f"{path}?done=acknowledged")
    told = words((await browser.get(f"{path}?done=acknowledged")).body)
    assert "It is acknowledged." in told
    assert "I look into it" not in told
    assert (await browser.post(f"{path}/note", {"text": "the prompt\r\nwas changed"})).status == 303
    assert (await browser.post(f"{path}/resolve", {"text": "rolled back"})).status == 303
    over = words((await browser.get(path)).body)
    assert "resolved by operator : rolled back" in over
    assert "Why it is over" not in over
    rows = entries(office.engine, Asked(action="incident"), 10)
    assert [(one.action, one.actor, one.role, one.origin, one.subject) for one in rows] == [
        (f"incident.{what}", "operator", "operator", "console", incident) for what in ("resolve", "note", "acknowledge")
    ]


@pytest.mark.parametrize("text", ["", "   ", "x" * 4_001, "a\x1b[2J"])
async def test_what_cannot_be_said_is_told_and_nothing_changes(office: Office, text: str) -> None:
    incident = found(office)
    browser = await office.enter(Role.OPERATOR)
    for what in ("resolve", "note"):
        answer = await browser.post(f"{PATH}/{incident}/{what}", {"text": text})
        assert answer.status == 400
        assert b'role="alert"' in answer.body
    stored = get_incident(office.engine, incident)
    assert stored is not None
    assert (stored.state, len(stored.notes)) == ("open", 1)


async def test_two_that_resolve_it_at_once(office: Office) -> None:
    incident = found(office)
    browser = await office.enter(Role.OPERATOR)
    assert resolve(office.engine, incident, "ann", "first", NOW)
    answer = await browser.post(f"{PATH}/{incident}/resolve", {"text": "second"})
    assert answer.status == 400
    assert "is resolved already" in words(answer.body)


async def test_a_form_of_another_page_changes_nothing(office: Office) -> None:
    incident = found(office)
    browser = await office.enter(Role.OPERATOR)
    for what in ("acknowledge", "resolve", "note"):
        browser.csrf = "0" * 64  # the page of an error has the right one
        assert (await browser.post(f"{PATH}/{incident}/{what}", {"text": "x"})).status == 403
    stored = get_incident(office.engine, incident)
    assert stored is not None
    assert len(stored.notes) == 1


@pytest.mark.parametrize("name", ["inc_0", "inc_" + "0" * 24, "%00", "..%2f..%2fetc", "%F0%9F%98%80", "' OR 1=1"])
async def test_what_is_not_there(office: Office, name: str) -> None:
    browser = await office.enter(Role.OPERATOR)
    for answer in (await browser.get(f"{PATH}/{name}"), await browser.post(f"{PATH}/{name}/note", {"text": "x"})):
        assert answer.status == 404
        assert b"Not done" in answer.body


@pytest.mark.parametrize("query", ["before=-1", "before=x", f"before={1 << 64}", "done=<script>"])
async def test_what_cannot_be_asked(office: Office, query: str) -> None:
    path = PATH if query.startswith("before") else f"{PATH}/{found(office)}"
    browser = await office.enter(Role.VIEWER)
    assert (await browser.get(f"{path}?{query}")).status == 400


async def test_words_of_others_are_text_and_lead_nowhere(office: Office) -> None:
    office.bodies.put(chat("r0", prompt=HOSTILE, answer=HOSTILE))
    changes = {
        "subject": HOSTILE,
        "sentence": HOSTILE,
        "evidence": (Evidence(name=HOSTILE, before=HOSTILE, now=HOSTILE),),
        "actions": (
            Action(text=HOSTILE, command=HOSTILE, page="https://evil.example/"),
            Action(text="x", page=HOSTILE),
        ),
        "routes": (HOSTILE, f"mid/{HOSTILE}"),
        "examples": ("r0", HOSTILE),
    }
    incident = found(office, **changes)
    browser = await office.enter(Role.OPERATOR)
    await browser.post(f"{PATH}/{incident}/note", {"text": HOSTILE.replace("\x1b", "")})
    for path in (PATH, f"{PATH}/{incident}", "/console/overview"):
        body = (await browser.get(path)).body
        check_hostile(body)
        check_markup(body)
        assert b"evil.example" not in body


async def test_a_part_is_fetched_anew_without_what_is_typed_or_read(office: Office) -> None:
    office.bodies.put(chat("r0", prompt="Where is it?", answer="Paris"))
    incident = found(office)
    browser = await office.enter(Role.OPERATOR)
    listed = (await browser.get(PATH, hx_request="true")).body
    assert FELL.sentence.encode() in listed
    assert b"<h1>" not in listed
    part = (await browser.get(f"{PATH}/{incident}", hx_request="true")).body
    assert b"opened" in part
    for apart in (b"<form", b"Where is it?", b"<h1>"):
        assert apart not in part
