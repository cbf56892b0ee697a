"""Native streams of the simulated upstream that ignore their bound, and end where the money does."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from homeport.core.discovery import load
from homeport.core.types import Frame, Outcome, Surface, Usage
from homeport.pipeline.spending import SpendingRules
from homeport.sim.server import SimServer
from homeport.sim.settings import Settings
from homeport.transport.pool import PooledTransport
from tests.fakes.bank import budget
from tests.fakes.house import API_PRICE, CHAT, PROMPT, House, target
from tests.fakes.wire import Caller
from tests.providers.calls import setup

LIMIT = 3_000_000
MESSAGE: dict[str, Any] = {**CHAT, "stream": True, "max_tokens": 100}
RESPONSE: dict[str, Any] = {"model": "auto", "input": PROMPT, "stream": True, "max_output_tokens": 100}
THINKING: dict[str, Any] = {**MESSAGE, "thinking": {"type": "adaptive"}}


@pytest.fixture
async def transport() -> AsyncIterator[PooledTransport]:
    made = PooledTransport()
    yield made
    await made.close()


def told(caller: Caller) -> list[dict[str, Any]]:
    lines = caller.body.decode().splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


async def cut(
    surface: Surface, body: dict[str, Any], transport: PooledTransport, faults: str = ""
) -> tuple[House, Caller, list[dict[str, Any]]]:
    """A request whose upstream goes on and on; the house, the caller and the events."""
    provider = "anthropic" if surface is Surface.MESSAGES else "openai"
    place = target("mid", price=API_PRICE, surfaces=frozenset({surface}))
    house = House(place, budgets=[budget(limit=LIMIT)], rules=SpendingRules(patience=0))
    settings = Settings(output_tokens=5_000, tokens_per_second=20_000, faults=f"overlong;{faults}")
    async with SimServer(settings) as sim:
        given = setup(transport, base_url=f"{sim.url.rstrip('/')}/v1", api_key="k")
        house.serve("at-mid", load("homeport.providers", provider).connect(given))
        caller = await house.ask(body, surface=surface.value)
    assert caller.status == 200, caller.body
    await house.balanced()
    return house, caller, told(caller)


def check_the_bill(house: House, said: int) -> None:
    """What is told is what is billed, and the cap holds, however much came at once."""
    event = house.event
    assert (event.outcome, event.reason, event.estimated) == (Outcome.COMPLETED, "budget:cut", True)
    assert event.output_tokens == said
    assert event.cost == event.input_tokens * 1_000 + said * 4_000
    assert LIMIT // 2 < event.cost <= LIMIT


@pytest.mark.parametrize("faults", ["", "comments", "crlf"])
@pytest.mark.parametrize("body", [MESSAGE, THINKING], ids=["text", "thoughts"])
async def test_messages(body: dict[str, Any], faults: str, transport: PooledTransport) -> None:
    house, _, events = await cut(Surface.MESSAGES, body, transport, faults)
    kinds = [event["type"] for event in events]
    assert kinds[0] == "message_start"
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert kinds.count("content_block_stop") == kinds.count("content_block_start")
    starts = [event["index"] for event in events if event["type"] == "content_block_start"]
    assert events[-3]["index"] == starts[-1]
    delta = events[-2]
    assert delta["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}
    assert delta["usage"] == {"output_tokens": house.event.output_tokens}
    assert delta["homeport"]["cost_nanodollars"] == house.event.cost
    assert delta["homeport"]["estimated"] is True
    assert house.event.input_tokens == events[0]["message"]["usage"]["input_tokens"]
    check_the_bill(house, house.event.output_tokens)


@pytest.mark.parametrize(("surface", "body"), [(Surface.MESSAGES, MESSAGE), (Surface.RESPONSES, RESPONSE)])
async def test_an_answer_that_comes_all_at_once(
    surface: Surface, body: dict[str, Any], transport: PooledTransport
) -> None:
    """Long before it is known to be too long, it is there."""
    house, _, events = await cut(surface, body, transport, "tps=0;one-chunk")
    assert events[-1]["type"] in {"message_stop", "response.incomplete"}
    check_the_bill(house, house.event.output_tokens)


@pytest.mark.parametrize("faults", ["", "comments", "crlf"])
async def test_responses(faults: str, transport: PooledTransport) -> None:
    house, _, events = await cut(Surface.RESPONSES, RESPONSE, transport, faults)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert "response.completed" not in {event["type"] for event in events}
    last = events[-1]
    response = last["response"]
    assert last["type"] == "response.incomplete"
    assert response["id"] == events[0]["response"]["id"]
    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    usage = response["usage"]
    assert usage["output_tokens"] <= sum(event["type"].endswith(".delta") for event in events)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["output_tokens_details"] == {"reasoning_tokens": 0}
    assert response["homeport"]["cost_nanodollars"] == house.event.cost
    check_the_bill(house, usage["output_tokens"])


async def test_an_end_that_tells_of_too_much_is_the_only_end() -> None:
    """Its tokens are known when it is over: it is not ended once more, and costs what it cost."""
    house = House(target("mid", price=API_PRICE), budgets=[budget(limit=LIMIT)], rules=SpendingRules(patience=0))
    usage = Usage(input_tokens=10, output_tokens=5_000)
    end = b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n'
    house.upstreams["mid"].script([Frame(data=b": x\n\n", events=1), Frame(data=end, usage=usage, closing=True)])
    caller = await house.ask(MESSAGE, surface="messages")
    assert [event["type"] for event in told(caller)] == ["message_delta"]
    assert (house.event.reason, house.event.output_tokens, house.event.estimated) == ("static:mid", 5_000, False)
