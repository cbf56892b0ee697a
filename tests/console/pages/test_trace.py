"""The page of one request: all that is known of it, and the same asked again of another model."""

import threading
from typing import Any

import msgspec
import pytest

from homeport.api.keys import KeyFields
from homeport.console.figures.spoken import Spoken, spoken
from homeport.console.pages import trace
from homeport.core.captured import Captured
from homeport.core.people import Role
from homeport.core.types import Attempt, DataClass, Surface
from homeport.storage.audit import Asked, entries
from homeport.traces.said import Said
from tests.console.office import Office
from tests.console.pages.reading import HOSTILE, check_hostile, words
from tests.fakes.house import seen
from tests.fakes.upstream import whole
from tests.ledger.requests import MS, add, request
from tests.traces.kept import chat, kept

NOW = 1_700_000_000 * 10**9
PATH = "/console/requests/r0"
TOKENS = [
    {"token": "Par", "logprob": -0.1, "top_logprobs": [{"token": "Rom", "logprob": -2.4}]},
    {"token": "is", "logprob": -0.01, "top_logprobs": []},
]


def fill(office: Office, captured: Captured | None = None, **changes: Any) -> None:
    office.clock.wall = NOW
    attempts = (
        Attempt(target="own", error="upstream_timeout", started_ns=5 * MS, ended_ns=25 * MS),
        Attempt(target="mid", error="", started_ns=25 * MS, ended_ns=45 * MS),
    )
    usual = {
        "attempts": attempts,
        "latency_ns": 45 * MS,
        "local": False,
        "target": "mid",
        "tier": "mid",
        "upstream": "p",
    }
    add(office.engine, request(NOW, **{**usual, **changes}))
    if captured is not None:
        office.bodies.put(captured)


async def shown(office: Office, role: Role = Role.VIEWER, path: str = PATH) -> bytes:
    answer = await (await office.enter(role)).get(path)
    assert answer.status == 200, answer.body
    return answer.body


async def test_all_that_is_known(office: Office) -> None:
    fill(
        office, chat("r0", prompt="Where?", answer="Paris", at=NOW), score=0.25, decided="mid", reason="complexity:mid"
    )
    said = words(await shown(office))
    for fact in (
        "Request r0",
        "own 0 ms 20 ms upstream_timeout",
        "mid 20 ms 20 ms answered",
        "The policy complexity chose the tier mid. Reason complexity:mid",
        "Score 0.250, by router version 0",
        "system be brief user Where?",
        "The answer of mid Paris",
        "It ended with stop",
        "In the ledger hourly $0.000000007",
        'model "auto"',
    ):
        assert fact in said, fact


async def test_tokens_by_how_likely_they_were(office: Office) -> None:
    choice = {"index": 0, "message": {"content": "Paris"}, "logprobs": {"content": TOKENS}, "finish_reason": "stop"}
    fill(office, kept("r0", {"messages": []}, {"choices": [choice]}, at=NOW))
    page = (await shown(office)).decode()
    assert 'class="s8" tabindex="0" data-told="Par 90.5%   Rom 9.1%">Par</button>' in page
    assert 'class="s9" tabindex="-1" data-told="is 99.0%">is</button>' in page


async def test_hostile_text_is_text(office: Office) -> None:
    hostile = chat("r0", prompt=HOSTILE, answer=HOSTILE, at=NOW, upstream=HOSTILE)
    name = HOSTILE[:160]
    fill(office, hostile, target=name, reason=name, end_user=name, trace_id=name, project=name, requested_model=name)
    check_hostile(await shown(office, Role.OPERATOR))


async def test_what_was_not_kept_is_told(office: Office) -> None:
    fill(office)
    said = words(await shown(office, Role.OPERATOR))
    assert "Requests are not kept whole. Set capture.enabled: true" in said
    assert "Ask it again" not in said
    answer = await (await office.enter(Role.OPERATOR)).post(f"{PATH}/replay", {"model": "mid"})
    assert (answer.status, b"replay_not_kept" in answer.body) == (404, True)


async def test_long_texts_do_not_hold_up_the_loop(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []

    def noted(told: Said) -> Spoken:
        threads.append(threading.current_thread().name)
        return spoken(told)

    monkeypatch.setattr(trace, "spoken", noted)
    fill(office, chat("r0", prompt="e" + "\u0301" * 300_000, answer="\u202e" * 300_000, at=NOW))
    assert len(await shown(office)) < 1 << 20
    assert threads
    assert threading.main_thread().name not in threads


async def test_there_is_no_such_request(office: Office) -> None:
    browser = await office.enter(Role.VIEWER)
    for name in ("none", "..%2f..%2fpepper.key", "%00", "%3Cb%3E", "a" * 5_000):
        answer = await browser.get(f"/console/requests/{name}")
        assert (answer.status, b"request_unknown" in answer.body) == (404, True)
        assert b"<b>" not in answer.body


async def test_a_request_is_found_by_its_trace(office: Office) -> None:
    fill(office, trace_id="t-1")
    assert b"<code>r0</code>" in await shown(office, path="/console/requests/t-1")


async def test_the_prompt_as_the_engine_renders_it(office: Office) -> None:
    fill(office, chat("r0", at=NOW), local=True)
    office.behind.rendered = f"<|im_start|>{HOSTILE}"
    page = await shown(office, path=f"{PATH}/rendered")
    check_hostile(page)
    assert b"&lt;|im_start|&gt;" in page
    office.behind.rendered = None
    assert "does not tell how it renders" in words(await shown(office, path=f"{PATH}/rendered"))


class TestReplay:
    """Asking again, on a real request path whose upstream is scripted."""

    @pytest.fixture
    def house(self, office: Office) -> Office:
        key = office.keys.create(KeyFields(name="app")).stored.key
        office.ring.refresh()
        asked = {"messages": [{"role": "user", "content": "Where?"}], "seed": 7}
        body = {"model": "own", "stream": True, "stream_options": {"include_usage": True}, **asked}
        choice = {"index": 0, "message": {"role": "assistant", "content": "Rome"}, "finish_reason": "stop"}
        fill(office, kept("r0", body, {"choices": [choice]}, at=NOW, key_id=key.id), target="own")
        office.behind.ask, office.behind.lend = office.house.pipeline.run, office.ring.lend
        return office

    async def test_both_answers_side_by_side(self, house: Office) -> None:
        house.house.upstreams["mid"].script(whole("Paris"))
        browser = await house.enter(Role.OPERATOR)
        answer = await browser.post(f"{PATH}/replay", {"model": "mid"})
        said = words(answer.body)
        assert (answer.status, "The answer of own Rome" in said, "The answer of mid Paris" in said) == (200, True, True)
        asked = seen(house.house.upstreams["mid"])
        assert asked["messages"] == [{"role": "user", "content": "Where?"}]
        assert (asked["seed"], "stream" in asked) == (7, False)
        [event] = house.house.recorder.events
        assert (event.reason, event.key_id, event.target) == ("replay", house.keys.every()[0].key.id, "mid")
        assert event.cost > 0

    async def test_it_is_written_down(self, house: Office) -> None:
        house.house.upstreams["mid"].script(whole("Paris"))
        await (await house.enter(Role.OPERATOR)).post(f"{PATH}/replay", {"model": "mid"})
        [kept_] = entries(house.engine, Asked(action="request.replay"), 9)
        [event] = house.house.recorder.events
        assert (kept_.actor, kept_.subject) == ("operator", "r0")
        assert kept_.after == {"model": "mid", "request": event.request_id, "cost_nanodollars": event.cost}

    async def test_a_hostile_answer_is_text(self, house: Office) -> None:
        house.house.upstreams["mid"].script(whole(HOSTILE))
        check_hostile((await (await house.enter(Role.OPERATOR)).post(f"{PATH}/replay", {"model": "mid"})).body)

    async def test_what_refuses_it_is_told(self, house: Office) -> None:
        browser = await house.enter(Role.OPERATOR)
        unknown = await browser.post(f"{PATH}/replay", {"model": "<b>other</b>"})
        assert (unknown.status, b"<b>other" in unknown.body) == (400, False)
        house.keys.revoke(house.keys.every()[0].key.id)
        house.ring.refresh()
        gone = await browser.post(f"{PATH}/replay", {"model": "mid"})
        assert (gone.status, b"replay_key_gone" in gone.body) == (404, True)
        assert house.house.calls() == []

    async def test_an_upstreams_error_is_shown(self, house: Office) -> None:
        browser = await house.enter(Role.OPERATOR)
        house.house.admission.resize(0)
        answer = await browser.post(f"{PATH}/replay", {"model": "mid"})
        assert answer.status == 200
        assert "The answer of nobody" in words(answer.body)

    async def test_private_stays_private(self, house: Office) -> None:
        captured = house.bodies.get("r0")
        assert captured is not None
        house.bodies.put(msgspec.structs.replace(captured, data_class=DataClass.PRIVATE, surface=Surface.CHAT))
        answer = await (await house.enter(Role.OPERATOR)).post(f"{PATH}/replay", {"model": "mid"})
        assert house.house.calls() == [], "mid is remote"
        assert "The answer of nobody" in words(answer.body)
