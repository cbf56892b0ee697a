"""OpenAI's own client reads what is told again: a whole answer as a stream, in chats, completions and responses."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest

from homeport.core.types import Surface
from homeport.sim.reply import Knobs
from tests.protocols.replay.telling import REPLAYS, joined
from tests.protocols.replay.test_against_sim import CHAT, COMPLETION, NAMED, RESPONSES, TOOLS, asked


def answer(request: httpx2.Request) -> httpx2.Response:
    """The simulated upstream's whole answer as a stream."""
    surface = Surface(request.url.path.removeprefix("/v1/"))
    fields = {**json.loads(request.content), "stream": False}
    told = joined(REPLAYS[surface].frames(asked(surface, fields, Knobs(argument_size=3)).body))
    return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=told)


@pytest.fixture
async def client() -> AsyncIterator[Any]:
    """`Any`, for the package's overloads want typed dictionaries that say nothing to these tests."""
    transport = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    async with openai.AsyncOpenAI(base_url="http://cache/v1", api_key="k", http_client=transport) as client:
        yield client


@pytest.mark.parametrize("fields", [{**CHAT, "n": 2, "logprobs": True}, {**CHAT, **TOOLS}], ids=["n=2", "tools"])
async def test_a_chat(client: Any, fields: dict[str, Any]) -> None:
    async with client.chat.completions.stream(**fields) as stream:
        got = (await stream.get_final_completion()).to_dict()
    whole = json.loads(asked(Surface.CHAT, fields, Knobs(argument_size=3)).body)
    for seen, choice in zip(got["choices"], whole["choices"], strict=True):
        assert seen["message"]["content"] == choice["message"]["content"]
        assert seen["finish_reason"] == choice["finish_reason"]
        calls = [call["function"] for call in seen["message"].get("tool_calls") or []]
        said = [(call["name"], call["arguments"]) for call in calls]
        expected = choice["message"].get("tool_calls", [])
        assert said == [(call["function"]["name"], call["function"]["arguments"]) for call in expected]
        if choice["logprobs"]:
            assert seen["logprobs"]["content"] == choice["logprobs"]["content"]
    assert got["usage"] == whole["usage"]


async def test_a_completion(client: Any) -> None:
    chunks = [chunk async for chunk in await client.completions.create(**COMPLETION, stream=True)]
    whole = json.loads(asked(Surface.COMPLETION, COMPLETION, Knobs()).body)
    said = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    assert said == whole["choices"][0]["text"]
    assert chunks[-1].usage.to_dict() == whole["usage"]


@pytest.mark.parametrize("fields", [RESPONSES, {**RESPONSES, **NAMED}], ids=["text", "tools"])
async def test_a_response(client: Any, fields: dict[str, Any]) -> None:
    texts, arguments = "", ""
    async with client.responses.stream(**fields) as stream:
        async for event in stream:
            texts += event.delta if event.type == "response.output_text.delta" else ""
            arguments += event.delta if event.type == "response.function_call_arguments.delta" else ""
        got = await stream.get_final_response()
    whole = json.loads(asked(Surface.RESPONSES, fields, Knobs()).body)
    assert got.id == whole["id"]
    assert texts == got.output_text
    assert arguments == "".join(item.get("arguments", "") for item in whole["output"])
    assert [item.to_dict()["type"] for item in got.output] == [item["type"] for item in whole["output"]]
