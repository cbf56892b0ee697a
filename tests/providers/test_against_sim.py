"""The translating providers against the simulator, whose dialects know nothing of our translators."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from homeport.core.discovery import load
from homeport.core.ports import Upstream
from homeport.core.types import Frame, UpstreamCall
from homeport.sim.server import SimServer
from homeport.transport.fallback import AiohttpTransport
from tests.providers.calls import call, chunks_of, setup, text_of

HELLO = [{"role": "user", "content": "Which clause ends the contract?"}]
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
FORCED: dict[str, Any] = {"tools": [WEATHER], "tool_choice": "required"}
SCHEMA: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {"name": "clause", "schema": {"type": "object", "properties": {"n": {"type": "integer"}}}},
}


@pytest.fixture
async def sim() -> AsyncIterator[SimServer]:
    async with SimServer() as running:
        yield running


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    made = AiohttpTransport()
    yield made
    await made.close()


def upstream(provider: str, sim: SimServer, transport: AiohttpTransport) -> Upstream:
    base = sim.url.rstrip("/") + ("/v1beta" if provider == "gemini" else "/v1")
    connected: Upstream = load("homeport.providers", provider).connect(setup(transport, base_url=base, api_key="k"))
    return connected


def asked(*, stream: bool = False, model: str = "gemini-2.5-pro", **fields: Any) -> UpstreamCall:
    return call({"messages": HELLO, "seed": 5, **fields}, model=model, stream=stream)


async def frames(provider: Upstream, **fields: Any) -> list[Frame]:
    return [frame async for frame in provider.stream(asked(stream=True, **fields))]


@pytest.mark.parametrize(("provider", "model"), [("gemini", "gemini-2.5-pro"), ("replicate", "acme/model")])
async def test_chats(sim: SimServer, transport: AiohttpTransport, provider: str, model: str) -> None:
    spoken = upstream(provider, sim, transport)
    completion = await spoken.complete(asked(model=model, max_tokens=20))
    [choice] = json.loads(completion.body)["choices"]
    assert choice["message"]["content"]
    told = await frames(spoken, model=model, max_tokens=20)
    assert text_of(told) == choice["message"]["content"]
    assert completion.usage is not None
    assert [frame.usage for frame in told if frame.usage_only] == [completion.usage]
    await spoken.close()


async def test_gemini_tools(sim: SimServer, transport: AiohttpTransport) -> None:
    spoken = upstream("gemini", sim, transport)
    [choice] = json.loads((await spoken.complete(asked(**FORCED))).body)["choices"]
    assert choice["finish_reason"] == "tool_calls"
    [called] = choice["message"]["tool_calls"]
    assert isinstance(json.loads(called["function"]["arguments"])["city"], str)
    deltas = [c["delta"] for chunk in chunks_of(await frames(spoken, **FORCED)) for c in chunk["choices"]]
    [streamed] = [made for delta in deltas for made in delta.get("tool_calls", [])]
    assert streamed["function"] == called["function"]
    result = {"role": "tool", "tool_call_id": called["id"], "content": '{"celsius": 3}'}
    said: dict[str, Any] = {"messages": [*HELLO, choice["message"], result], "tools": [WEATHER]}
    [answer] = json.loads((await spoken.complete(asked(**said))).body)["choices"]
    assert answer["message"]["content"]
    assert answer["finish_reason"] == "stop"


async def test_gemini_schemas(sim: SimServer, transport: AiohttpTransport) -> None:
    spoken = upstream("gemini", sim, transport)
    [choice] = json.loads((await spoken.complete(asked(response_format=SCHEMA))).body)["choices"]
    assert isinstance(json.loads(choice["message"]["content"]), dict)


async def test_gemini_length(sim: SimServer, transport: AiohttpTransport) -> None:
    spoken = upstream("gemini", sim, transport)
    [choice] = json.loads((await spoken.complete(asked(max_completion_tokens=2))).body)["choices"]
    assert choice["finish_reason"] == "length"
