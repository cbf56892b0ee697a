"""Requests under a budget whose callers set no bound: what is sent instead, and what an upstream may say to it."""

import asyncio
import json
import logging
from typing import Any

import pytest

from homeport.core.discovery import load
from homeport.core.errors import UpstreamRefused
from homeport.core.types import Outcome, Surface, Target, Usage
from homeport.pipeline.dispatch import Resilience
from homeport.pipeline.hedge import HedgePolicy
from homeport.pipeline.retry import RetryPolicy
from homeport.pipeline.spending import SpendingRules
from homeport.providers.base import classify_status
from tests.fakes.bank import budget
from tests.fakes.house import API_PRICE, CHAT, MID, PROMPT, STREAM, House, seen, target
from tests.fakes.transport import ScriptedTransport, answered
from tests.fakes.upstream import Hang, spoken, whole
from tests.providers.calls import setup

USD = 1_000_000_000
SMALL = target("mid", price=API_PRICE, max_output_tokens=400)
TOO_LARGE = (
    b'{"error":{"message":"max_tokens is too large: 16384. This model supports at most 4096 completion tokens, '
    b'whereas you provided 16384.","type":"invalid_request_error","param":"max_tokens","code":null}}'
)
RULES = SpendingRules(patience=0.2)
BOTH = pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
UNBOUNDED = [
    ("chat/completions", CHAT, "max_tokens"),
    ("completions", {"model": "auto", "prompt": PROMPT}, "max_tokens"),
    ("responses", {"model": "auto", "input": PROMPT}, "max_output_tokens"),
]


def refused(body: bytes = TOO_LARGE, status: int = 400) -> UpstreamRefused:
    return classify_status(status, body)


def answering(body: dict[str, Any]) -> Any:
    return spoken("Clause", " 9.") if body is STREAM else whole()


def bounds(house: House, field: str = "max_tokens") -> list[int]:
    return [int(bytes(call.fields[field])) for call in house.upstreams["mid"].calls]


@pytest.mark.parametrize(("default", "sent"), [(16_384, 400), (300, 300)])
@pytest.mark.parametrize(("surface", "body", "field"), UNBOUNDED)
async def test_the_smaller_of_both_bounds_is_sent(
    surface: str, body: dict[str, Any], field: str, default: int, sent: int
) -> None:
    house = House(SMALL, budgets=[budget(limit=USD)], rules=SpendingRules(default_output=default))
    house.upstreams["mid"].script(whole())
    assert (await house.ask(body, surface=surface)).status == 200
    own = 16 if surface == "completions" else sent  # that API documents a default
    assert seen(house.upstreams["mid"]) == {**body, field: min(sent, own)}


@pytest.mark.parametrize(
    ("surface", "body"),
    [
        ("chat/completions", {**CHAT, "max_completion_tokens": 900}),
        ("chat/completions", {**CHAT, "max_tokens": 900}),
        ("completions", {"model": "auto", "prompt": PROMPT, "max_tokens": 900}),
        ("responses", {"model": "auto", "input": PROMPT, "max_output_tokens": 900}),
        ("messages", {**CHAT, "max_tokens": 900}),
    ],
)
async def test_the_callers_own_bound_is_left_as_it_is(surface: str, body: dict[str, Any]) -> None:
    house = House(SMALL, budgets=[budget(limit=USD)], rules=RULES)
    house.upstreams["mid"].script(whole(), refused())
    await house.ask(body, surface=surface)
    assert seen(house.upstreams["mid"]) == body
    assert (await house.ask(body, surface=surface)).status == 400, "and what the upstream says to it is the caller's"
    assert len(house.upstreams["mid"].calls) == 2


async def test_without_a_budget_no_bound_is_added() -> None:
    house = House(SMALL)
    house.upstreams["mid"].script(whole(), refused())
    await house.ask()
    assert seen(house.upstreams["mid"]) == CHAT
    assert (await house.ask()).status == 400


async def held_by(place: Target) -> int:
    """What one request to it holds while it is answered."""
    held: list[int] = []
    house = House(place, budgets=[budget(limit=USD)], rules=RULES)
    house.upstreams["mid"].script(whole())
    house.upstreams["mid"].working = lambda: held.append(sum(house.notes.amounts.values()))
    await house.ask()
    await house.balanced()
    return held[0]


async def test_a_smaller_bound_holds_less() -> None:
    assert await held_by(SMALL) < await held_by(MID) // 10


GEMINI = {"candidates": [{"content": {"parts": [{"text": "9"}]}, "finishReason": "STOP"}]}
MESSAGE = {"id": "m", "type": "message", "content": [{"type": "text", "text": "9"}], "stop_reason": "end_turn"}
PREDICTION = {"id": "p", "status": "succeeded", "output": ["9"], "urls": {}}
CHATTED = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "9"}, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    ("provider", "base_url", "answer", "path"),
    [
        ("openai", "", CHATTED, ["max_completion_tokens"]),
        ("openai_compatible", "https://api.openai.com/v1", CHATTED, ["max_completion_tokens"]),
        ("openai_compatible", "https://llm.example/v1", CHATTED, ["max_tokens"]),
        ("together", "", CHATTED, ["max_tokens"]),
        ("fireworks", "", CHATTED, ["max_tokens"]),
        ("anthropic", "", MESSAGE, ["max_tokens"]),
        ("gemini", "", GEMINI, ["generationConfig", "maxOutputTokens"]),
        ("replicate", "", PREDICTION, ["input", "max_tokens"]),
    ],
)
async def test_every_provider_is_told_in_its_own_word(
    provider: str, base_url: str, answer: dict[str, Any], path: list[str]
) -> None:
    place = target("mid", price=API_PRICE, max_output_tokens=400, surfaces=frozenset({Surface.CHAT}))
    house = House(place, budgets=[budget(limit=USD)], rules=RULES)
    transport = ScriptedTransport(answered(json.dumps(answer).encode()))
    adapter = load("homeport.providers", provider).connect(setup(transport, base_url=base_url, api_key="k"))
    house.serve("at-mid", adapter)
    caller = await house.ask()
    assert caller.status == 200, caller.body
    told = json.loads(transport.requests[0].body)
    names = [name for name in (told.get("generationConfig") or told.get("input") or told) if "tokens" in name.lower()]
    assert names == path[-1:]
    for name in path:
        told = told[name]
    assert told == 400


@BOTH
async def test_a_refusal_of_our_own_bound_is_mended_and_remembered(
    body: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    house = House(MID, budgets=[budget(limit=USD)], rules=RULES)
    house.upstreams["mid"].script(refused(), answering(body), answering(body))
    with caplog.at_level(logging.WARNING):
        assert (await house.ask(body)).status == 200
        assert (await house.ask(body)).status == 200
    assert bounds(house) == [16_384, 4_096, 4_096]
    first, second = house.recorder.events
    assert [attempt.error for attempt in first.attempts] == ["upstream_rejected_request", ""]
    assert [attempt.error for attempt in second.attempts] == [""]
    assert first.attempts[0].cost == 0
    assert first.outcome is Outcome.COMPLETED
    [warning] = [record.getMessage() for record in caplog.records if "max_output_tokens" in record.getMessage()]
    assert "mid answers with at most 4096 tokens" in warning
    await house.balanced()


async def test_only_once() -> None:
    house = House(MID, budgets=[budget(limit=USD)], rules=RULES)
    house.upstreams["mid"].script(refused(), refused())
    caller = await house.ask()
    assert (caller.status, caller.error["code"]) == (400, "upstream_rejected_request")
    assert bounds(house) == [16_384, 4_096]
    await house.balanced()


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":{"message":"messages: at least one is needed"}}',
        b'{"error":{"message":"temperature must be at most 2"}}',
        b'{"error":{"message":"Unsupported parameter: \'max_tokens\' is not supported with this model."}}',
        b"{}",
        b"\xff",
    ],
)
async def test_other_refusals_are_the_callers(body: bytes) -> None:
    house = House(MID, budgets=[budget(limit=USD)], rules=RULES)
    house.upstreams["mid"].script(refused(body))
    assert (await house.ask()).status == 400
    assert len(house.upstreams["mid"].calls) == 1
    await house.balanced()


async def test_a_limit_that_the_prompt_shares_is_for_one_request() -> None:
    house = House(MID, budgets=[budget(limit=USD)], rules=RULES)
    said = (
        b'{"error":{"message":"This model\'s maximum context length is 8192 tokens. However, you requested 16393 '
        b'tokens (9 in the messages, 16384 in the completion). Please reduce the length."}}'
    )
    house.upstreams["mid"].script(refused(said), whole(), whole())
    assert (await house.ask()).status == 200
    assert (await house.ask()).status == 200
    first, second, third = bounds(house)
    assert (first, third) == (16_384, 16_384)
    assert 7_900 < second < 8_192 - 9
    await house.balanced()


async def test_a_call_and_its_hedge_are_both_mended() -> None:
    hedging = Resilience(retry=RetryPolicy(rounds=1), hedge=HedgePolicy(quantile=0.95, budget=1.0))
    house = House(MID, resilience=hedging, budgets=[budget(limit=USD)], rules=RULES)
    house.upstreams["mid"].script(whole())
    house.upstreams["mid"].working = lambda: house.clock.advance(10_000_000)
    for _ in range(20):
        await house.ask({**CHAT, "max_tokens": 30})
    house.upstreams["mid"].calls.clear()
    house.upstreams["mid"].script(Hang(), refused(), whole())
    assert (await asyncio.wait_for(house.ask(), 10)).status == 200
    first, second, third = bounds(house)
    assert min(first, second) > third == 4_096
    await house.balanced()


@pytest.mark.parametrize(
    ("surface", "body", "field", "least"),
    [
        ("responses", {"model": "auto", "input": PROMPT, "max_output_tokens": 900}, "max_output_tokens", 16),
        (
            "messages",
            {**CHAT, "max_tokens": 4_000, "thinking": {"type": "enabled", "budget_tokens": 2_000}},
            "max_tokens",
            2_001,
        ),
        ("messages", {**CHAT, "max_tokens": 900, "thinking": [{"budget_tokens": "x"}]}, "max_tokens", 16),
    ],
)
async def test_no_bound_is_lowered_to_what_its_api_refuses(
    surface: str, body: dict[str, Any], field: str, least: int
) -> None:
    """Answers are known to be short, and the money ends."""
    house = House(MID, budgets=[budget(limit=30_000_000)], rules=SpendingRules(patience=0))
    house.upstreams["mid"].script(whole(usage=Usage(input_tokens=10, output_tokens=1)))
    for _ in range(8):
        assert (await house.ask(body, surface=surface)).status == 200
    house.upstreams["mid"].script(whole(usage=Usage(input_tokens=200, output_tokens=1)))
    for _ in range(300):
        if (await house.ask(body, surface=surface)).status != 200:
            break
    sent = bounds(house, field)
    assert least <= min(sent) < body[field]
    await house.balanced()
