"""Every provider against the simulated API that it is made for.

Neither side knows the other: the dialects share nothing with the translators, so what both
understand in the same way is most likely what the documentation says.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from homeport.core.discovery import load
from homeport.core.errors import UpstreamError
from homeport.core.ports import Upstream
from homeport.core.types import Completion, Frame, Timeouts
from homeport.sim.faults import KINDS
from homeport.sim.server import SimServer
from homeport.transport.pool import PooledTransport
from tests.providers.calls import call, chunks_of, setup, text_of

PATHS = {
    "openai": "/v1",
    "openai_compatible": "/v1",
    "azure": "/openai/v1",
    "together": "/v1",
    "fireworks": "/inference/v1",
    "anthropic": "/v1",
    "gemini": "/v1beta",
    "replicate": "/v1",
}
TOOLED = [name for name in PATHS if name != "replicate"]
OPTIONS: dict[str, dict[str, Any]] = {"replicate": {"poll_seconds": 0.001}}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a place.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "minLength": 3},
                "unit": {"type": "string", "enum": ["C", "F"]},
                "days": {"type": ["integer", "null"], "minimum": 1, "maximum": 7},
            },
            "required": ["city", "unit", "days"],
            "additionalProperties": False,
        },
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "large": {"type": "boolean"}},
    "required": ["city", "large"],
    "additionalProperties": False,
}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
TALKS: dict[str, dict[str, Any]] = {
    "plain": {"messages": [{"role": "user", "content": "Which clause ends the contract?"}]},
    "short": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5},
    "stopped": {"messages": [{"role": "user", "content": "hi"}], "stop": ["model"]},
    "system": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "hello"},
            {"role": "user", "content": [{"type": "text", "text": "and now?"}]},
        ],
        "temperature": 0.5,
        "top_p": 0.9,
    },
}


@pytest.fixture
async def transport() -> AsyncIterator[PooledTransport]:
    transport = PooledTransport()
    yield transport
    await transport.close()


def connect(name: str, sim: SimServer, transport: PooledTransport) -> Upstream:
    options = OPTIONS.get(name, {})
    made: Upstream = load("homeport.providers", name).connect(
        setup(transport, base_url=sim.url + PATHS[name], api_key="k", **options)
    )
    return made


async def whole(upstream: Upstream, fields: dict[str, Any]) -> tuple[dict[str, Any], Completion]:
    completion = await upstream.complete(call(fields))
    answer: dict[str, Any] = json.loads(completion.body)
    return answer["choices"][0], completion


async def stream(upstream: Upstream, fields: dict[str, Any]) -> list[Frame]:
    return [frame async for frame in upstream.stream(call(fields, stream=True))]


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("talk", TALKS)
async def test_texts(sim: SimServer, transport: PooledTransport, name: str, talk: str) -> None:
    upstream = connect(name, sim, transport)
    choice, completion = await whole(upstream, TALKS[talk])
    text = choice["message"]["content"]
    assert text.startswith("Simulated: no ")
    assert completion.usage is not None
    assert completion.usage.input_tokens > 0
    assert completion.usage.output_tokens > 0
    if name != "replicate":  # It says nothing about why an answer ended.
        assert choice["finish_reason"] == ("length" if talk == "short" else "stop")
    frames = await stream(upstream, TALKS[talk])
    assert text_of(frames) == text
    told = [frame.usage for frame in frames if frame.usage]
    assert told[-1] == completion.usage
    assert frames[-1].data == b"data: [DONE]\n\n"


@pytest.mark.parametrize("name", TOOLED)
@pytest.mark.parametrize("faults", ["", "tool-split=1", "split=3", "crlf;comments"])
async def test_tools(sim: SimServer, transport: PooledTransport, name: str, faults: str) -> None:
    upstream = connect(name, sim, transport)
    messages: list[dict[str, Any]] = [{"role": "user", "content": "What is the weather in Rome?"}]
    fields = {"messages": messages, "tools": [WEATHER]}
    choice, _ = await whole(upstream, fields)
    [called] = choice["message"]["tool_calls"]
    said = json.loads(called["function"]["arguments"])
    assert (called["function"]["name"], choice["finish_reason"], set(said)) == (
        "get_weather",
        "tool_calls",
        {"city", "unit", "days"},
    )
    sim.queue(faults)
    chunks = chunks_of(await stream(upstream, fields))
    deltas = [part for chunk in chunks for c in chunk["choices"] for part in c["delta"].get("tool_calls") or []]
    arguments = "".join(delta["function"].get("arguments") or "" for delta in deltas)
    assert json.loads(arguments) == said
    assert [delta["function"]["name"] for delta in deltas if delta["function"].get("name")] == ["get_weather"]
    messages += [
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": called["id"], "content": "12 degrees"},
    ]
    after, _ = await whole(upstream, fields)
    assert "12 degrees" in after["message"]["content"]
    assert after["finish_reason"] == "stop"


@pytest.mark.parametrize("name", TOOLED)
async def test_choice_of_tools(sim: SimServer, transport: PooledTransport, name: str) -> None:
    upstream = connect(name, sim, transport)
    fields = {"messages": [{"role": "user", "content": "hello"}], "tools": [WEATHER]}
    named = {"type": "function", "function": {"name": "get_weather"}}
    for wanted, called in (("auto", False), ("required", True), (named, True), ("none", False)):
        choice, _ = await whole(upstream, {**fields, "tool_choice": wanted})
        assert bool(choice["message"].get("tool_calls")) == called


@pytest.mark.parametrize("name", TOOLED)
async def test_json_and_images(sim: SimServer, transport: PooledTransport, name: str) -> None:
    upstream = connect(name, sim, transport)
    form = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA, "strict": True}}
    choice, _ = await whole(upstream, {"messages": [{"role": "user", "content": "?"}], "response_format": form})
    assert set(json.loads(choice["message"]["content"])) == {"city", "large"}
    content = [{"type": "text", "text": "What is this?"}, IMAGE]
    choice, _ = await whole(upstream, {"messages": [{"role": "user", "content": content}]})
    assert "Images seen: 1." in choice["message"]["content"]


@pytest.mark.parametrize("name", PATHS)
async def test_cached_and_reasoning_tokens(sim: SimServer, transport: PooledTransport, name: str) -> None:
    if name == "replicate":
        pytest.skip("Replicate reports no such tokens")
    sim.configure(faults="cached=3;reasoning=5")
    _, completion = await whole(connect(name, sim, transport), TALKS["plain"])
    assert completion.usage is not None
    assert completion.usage.cached_input_tokens == 3
    assert completion.usage.output_tokens == 48 + 5
    assert completion.usage.input_tokens == 7


@pytest.mark.parametrize("name", ["openai_compatible", "anthropic", "gemini", "replicate"])
@pytest.mark.parametrize("fault", KINDS)
async def test_only_upstream_errors_leave(sim: SimServer, transport: PooledTransport, name: str, fault: str) -> None:
    """Whatever goes wrong, a provider answers or raises its own kind of error, and the next call works."""
    value = {"delay": "30", "stall": "30", "first-token": "30", "drip": "0", "big": "9000", "refuse": "0.01"}
    sim.queue(f"{fault}={value[fault]}" if fault in value else fault, times=2)
    upstream = connect(name, sim, transport)
    hasty = Timeouts(connect=5, first_token=0.2, between_tokens=0.2, total=0.4)
    asked = {**TALKS["plain"], "max_tokens": 8}

    async def streamed() -> list[Frame]:
        return [frame async for frame in upstream.stream(call(asked, stream=True, timeouts=hasty))]

    for answer in (upstream.complete(call(asked, timeouts=hasty)), streamed()):
        [fate] = await asyncio.gather(answer, return_exceptions=True)
        assert not isinstance(fate, BaseException) or isinstance(fate, UpstreamError), repr(fate)
    await sim.wait_listening()
    await sim.wait_idle()
    sim.clear()
    choice, _ = await whole(upstream, TALKS["short"])
    assert choice["message"]["content"].startswith("Simulated")
