"""The loop guard on the request path: warned, delayed, stopped, and let go on with a token."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from homeport.core.types import Outcome
from tests.fakes.agents import START, WORDS, Messages, chat, said
from tests.fakes.house import KEYS, MID, OPEN, House
from tests.fakes.upstream import spoken, whole
from tests.fakes.wire import Caller

FAILURE = "Error: the table of orders is locked"
FIELD = {"chat/completions": "messages", "responses": "input", "messages": "messages"}
MORE = {"messages": {"max_tokens": 100}}


def history(turns: int, words: Callable[..., Messages] = chat) -> Messages:
    start = START if words is chat else START[1:]
    return [*start, *[one for at in range(turns) for one in words(at, "find_order", {"name": "Lee"}, FAILURE)]]


def body(turns: int, surface: str = "chat/completions", **fields: Any) -> dict[str, Any]:
    return {"model": "auto", FIELD[surface]: history(turns, WORDS[surface]), **MORE.get(surface, {}), **fields}


async def run(house: House, surface: str = "chat/completions", turns: int = 6, **fields: Any) -> list[Caller]:
    return [await house.ask(body(at, surface, **fields), surface=surface) for at in range(turns)]


def house(stream: bool = False) -> House:
    made = House(MID)
    made.upstreams["mid"].script(*[spoken("a") if stream else whole() for _ in range(40)])
    return made


@pytest.mark.parametrize("surface", WORDS)
async def test_it_is_warned_delayed_and_stopped(surface: str) -> None:
    place = house()
    answers = await run(place, surface)
    assert [answer.status for answer in answers] == [200] * 5 + [409]
    assert [answer.headers.get("x-homeport-loop", "") for answer in answers] == ["", "", ""] + [
        f"{level}; repeats={repeats}; what=same_result:find_order"
        for level, repeats in (("warning", 3), ("throttle", 4), ("stop", 5))
    ]
    assert place.slept == [0.5]
    refused = answers[-1]
    assert refused.headers["x-should-retry"] == "false"
    for told in ("5 times", "find_order", "Lee", FAILURE, "calls before this one cost $", "x-homeport-loop-override"):
        assert told in refused.error["message"]
    assert len(place.calls()) == 5
    last = place.recorder.events[-1]
    assert (last.outcome, last.status, last.error, last.cost) == (Outcome.REJECTED, 409, "loop_stopped", 0)


async def test_a_stream_is_refused_before_it_begins() -> None:
    place = house(stream=True)
    answers = await run(place, stream=True)
    assert [answer.status for answer in answers] == [200] * 5 + [409]
    assert answers[-1].error["code"] == "loop_stopped"
    assert answers[-3].headers["x-homeport-loop"].startswith("warning;")


def token_of(refused: Caller) -> str:
    return str(refused.error["hint"]).rpartition(" ")[2]


async def test_the_token_lets_the_trace_go_on_for_a_time() -> None:
    place = house()
    refused = (await run(place))[-1]
    override = [("x-homeport-loop-override", token_of(refused))]
    later = await place.ask(body(7), headers=override)
    assert (later.status, later.headers["x-homeport-loop"].partition(";")[0]) == (200, "warning")
    assert place.slept == [0.5], "it is not delayed either"
    place.clock.advance(1_801 * 1_000_000_000)
    assert (await place.ask(body(8), headers=override)).status == 409


async def test_the_token_is_of_no_use_elsewhere() -> None:
    place = house()
    refused = (await run(place))[-1]
    told = token_of(refused)
    until, _, signed = told.partition(".")
    other = body(7)
    other["messages"][1] = {"role": "user", "content": "Find another order."}
    assert (await place.ask(other, headers=[("x-homeport-loop-override", told)])).status == 409
    for wrong in (
        f"{int(until, 16) + 1:x}.{signed}",
        f"{until}.{signed[:-1]}",
        f"-1.{signed}",
        "x" * 4_000,
        "",
        ".",
        "é.é",
    ):
        answer = await place.ask(body(7), headers=[("x-homeport-loop-override", wrong)])
        assert answer.status == 409, wrong


async def test_a_named_trace_is_followed_through_other_requests() -> None:
    place = house()
    one = {"model": "auto", "messages": [{"role": "user", "content": "Say yes."}]}
    answers = [await place.ask(one, headers=[("x-homeport-trace", "t-1")]) for _ in range(12)]
    assert [answer.status for answer in answers] == [200] * 10 + [409] * 2
    assert "sent the same request 10 times" in answers[-1].error["message"]
    unnamed = [await place.ask(one) for _ in range(20)]
    assert {(answer.status, answer.headers.get("x-homeport-loop")) for answer in unnamed} == {(200, None)}


async def test_a_conversation_of_responses_is_a_trace() -> None:
    place = house()
    one = {"model": "auto", "input": "Again.", "conversation": {"id": "conv_1"}}
    place.upstreams["mid"].script(whole())
    answers = [await place.ask(one, surface="responses") for _ in range(12)]
    assert [answer.status for answer in answers] == [200] * 10 + [409] * 2


async def test_it_is_counted() -> None:
    place = house()
    await run(place, turns=8)
    page = place.metrics.page().decode()
    for level, count in (("warning", 1), ("throttle", 1), ("stop", 3)):
        assert f'homeport_loop_signals_total{{level="{level}",signal="same_result"}} {count}.0' in page


async def test_who_runs_the_gateway_is_told_without_content(caplog: pytest.LogCaptureFixture) -> None:
    place = house()
    await run(place)
    [record] = [record for record in caplog.records if record.message == "a loop was stopped"]
    [alert] = place.paged
    told = json.dumps([record.__dict__["homeport_fields"], alert.data(), alert.summary])
    assert '"what": "same_result find_order"' in told
    assert (alert.key_id, alert.repeats, alert.calls) == (KEYS[OPEN].id, 5, 4)
    assert alert.cost > 0
    for content in (OPEN, FAILURE, "Lee"):
        assert content not in told


async def test_a_talk_is_left_alone() -> None:
    place = house()
    messages = list(START)
    for at in range(12):
        answer = await place.ask({"model": "auto", "messages": messages})
        assert (answer.status, answer.headers.get("x-homeport-loop")) == (200, None)
        messages += said(f"It costs ${at * 3}.", f"And article {at}?")
