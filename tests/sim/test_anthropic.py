"""Anthropic's dialect against the shapes of its documentation."""

import json
from typing import Any

import pytest

from homeport.sim.server import SimServer
from homeport.sim.settings import Settings
from tests.fakes.sim import Received, ask, get

VERSION = {"anthropic-version": "2023-06-01", "x-api-key": "k"}
TOOL = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
HELLO: dict[str, Any] = {"model": "claude", "max_tokens": 12, "messages": [{"role": "user", "content": "hi"}]}


async def send(
    sim: SimServer, faults: str = "", path: str = "/v1/messages", headers: dict[str, str] | None = None, **fields: Any
) -> Received:
    body = {name: value for name, value in {**HELLO, **fields}.items() if value is not ...}
    return await ask(sim, body, faults, path, VERSION if headers is None else headers)


def events(reply: Received) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for block in reply.body.decode().split("\n\n")[:-1]:
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def test_a_whole_message(sim: SimServer) -> None:
    reply = await send(sim)
    message = reply.fields
    assert message == {
        "id": message["id"],
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [{"type": "text", "text": 'Simulated: no model was called. You asked: "'}],
        "stop_reason": "max_tokens",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 1,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 12,
        },
    }
    assert message["id"].startswith("msg_")
    assert reply.headers["request-id"].startswith("req_")


async def test_a_stream_has_the_documented_sequence(sim: SimServer) -> None:
    whole, stream = (await send(sim)).fields, events(await send(sim, stream=True))
    assert all(name == data["type"] for name, data in stream)
    names = [name for name, _ in stream]
    assert names == [
        "message_start",
        "content_block_start",
        "ping",
        *["content_block_delta"] * 12,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    start = stream[0][1]["message"]
    assert (start["content"], start["stop_reason"], start["usage"]["output_tokens"]) == ([], None, 1)
    assert start["usage"]["input_tokens"] == whole["usage"]["input_tokens"]
    assert stream[1][1] == {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    deltas = [data["delta"] for name, data in stream if name == "content_block_delta"]
    assert "".join(delta["text"] for delta in deltas) == whole["content"][0]["text"]
    assert stream[-2][1]["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}
    assert stream[-2][1]["usage"] == whole["usage"]


@pytest.mark.parametrize("faults", ["", "tool-split=1"])
async def test_tools(sim: SimServer, faults: str) -> None:
    asked = {"role": "user", "content": "the weather?"}
    fields: dict[str, Any] = {"tools": [TOOL], "messages": [asked], "max_tokens": 100}
    whole = (await send(sim, **fields)).fields
    [block] = whole["content"]
    assert (block["type"], block["name"], whole["stop_reason"]) == ("tool_use", "get_weather", "tool_use")
    assert block["id"].startswith("toolu_")
    stream = events(await send(sim, faults, stream=True, **fields))
    assert stream[1][1]["content_block"] == {**block, "input": {}}
    parts = [data["delta"]["partial_json"] for name, data in stream if name == "content_block_delta"]
    assert json.loads("".join(parts)) == block["input"]
    assert parts[0] == ""
    assert not faults or {len(part) for part in parts[1:]} == {1}
    messages = [
        asked,
        {"role": "assistant", "content": [block]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": block["id"], "content": "12 degrees"}]},
    ]
    after = (await send(sim, **{**fields, "messages": messages})).fields
    assert after["stop_reason"] == "end_turn"
    assert "12 degrees" in after["content"][0]["text"]


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ({"type": "any"}, True),
        ({"type": "tool", "name": "get_weather"}, True),
        ({"type": "none"}, False),
        ({"type": "auto"}, False),
    ],
)
async def test_choice_of_tools(sim: SimServer, choice: dict[str, str], called: bool) -> None:
    message = (await send(sim, tools=[TOOL], tool_choice=choice)).fields
    assert (message["content"][0]["type"] == "tool_use") == called


async def test_thinking(sim: SimServer) -> None:
    fields: dict[str, Any] = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2048}
    whole = (await send(sim, **fields)).fields
    assert [block["type"] for block in whole["content"]] == ["thinking", "text"]
    stream = events(await send(sim, stream=True, **fields))
    kinds = [data["delta"]["type"] for name, data in stream if name == "content_block_delta"]
    assert list(dict.fromkeys(kinds)) == ["thinking_delta", "signature_delta", "text_delta"]
    assert stream[-2][1]["usage"] == whole["usage"]


async def test_stop_sequences_images_systems_and_schemas(sim: SimServer) -> None:
    stopped = (await send(sim, stop_sequences=["model"])).fields
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", "model")
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    content = [image, {"type": "text", "text": "hi"}]
    seen = (await send(sim, messages=[{"role": "user", "content": content}], system="be brief")).fields
    assert seen["usage"]["input_tokens"] == 1 + 85 + 2
    form = {"type": "json_schema", "schema": {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]}}
    said = (await send(sim, output_config={"format": form})).fields
    assert json.loads(said["content"][0]["text"]) == {"a": 1}


async def test_cached_tokens_are_not_input_tokens(sim: SimServer) -> None:
    usage = (await send(sim, "cached=1")).fields["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (0, 1)


async def test_counting_tokens(sim: SimServer) -> None:
    reply = await send(sim, path="/v1/messages/count_tokens", max_tokens=...)
    assert reply.fields == {"input_tokens": 1}


async def test_models(sim: SimServer) -> None:
    listed = (await get(sim, "/v1/models", VERSION)).fields
    assert [model["id"] for model in listed["data"]] == ["simulated-small", "simulated-large"]
    assert (listed["has_more"], listed["first_id"]) == (False, "simulated-small")
    assert (await get(sim, "/v1/models/simulated-small", VERSION)).fields["type"] == "model"
    assert (await get(sim, "/v1/models/no", VERSION)).status == 404


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (418, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (529, "overloaded_error"),
    ],
)
async def test_errors(sim: SimServer, status: int, kind: str) -> None:
    reply = await send(sim, f"status={status}")
    assert (reply.status, reply.fields["type"], reply.fields["error"]["type"]) == (status, "error", kind)
    assert set(reply.fields) == {"type", "error", "request_id"}


async def test_an_error_in_a_stream(sim: SimServer) -> None:
    name, data = events(await send(sim, "error-event;after=4", stream=True))[-1]
    assert (name, data["error"]["type"]) == ("error", "overloaded_error")


async def test_faults_of_the_end(sim: SimServer) -> None:
    whole = events(await send(sim, stream=True))
    assert events(await send(sim, "missing-done", stream=True)) == whole[:-1]
    assert events(await send(sim, "duplicate-done", stream=True)) == [*whole, whole[-1]]
    assert events(await send(sim, "duplicate-usage", stream=True)) == [*whole[:-1], whole[-2], whole[-1]]
    assert all("usage" not in data for _, data in events(await send(sim, "missing-usage", stream=True)))
    assert "usage" not in (await send(sim, "missing-usage")).fields


def user(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


USE = {"type": "tool_use", "id": "t", "name": "n", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t", "content": "x"}


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": ...},
        {"max_tokens": 0},
        {"max_tokens": "9"},
        {"model": ...},
        {"model": 7},
        {"messages": ...},
        {"messages": []},
        {"messages": [{"role": "system", "content": "x"}]},
        {"messages": [{"role": "user", "content": ""}]},
        {"messages": [{"role": "user", "content": "x", "name": "y"}]},
        {"messages": [7]},
        {"temperature": 1.5},
        {"stream": "yes"},
        {"system": 7},
        {"n": 2},
        {"stop_sequences": [" "]},
        {"tool_choice": "auto"},
        {"tools": [{"type": "function", "function": {"name": "x"}}]},
        {"tools": [{"name": "x", "input_schema": {}}]},
        {"tools": {}},
        user({"type": "image_url", "image_url": {"url": "x"}}),
        user({"type": "image", "source": {"url": "x"}}),
        user({"type": "text", "text": ""}),
        user(USE),
        user(RESULT),
        {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": [USE]}]},
        {
            "messages": [
                {"role": "user", "content": "x"},
                {"role": "assistant", "content": [USE]},
                {"role": "user", "content": "and?"},
            ]
        },
    ],
    ids=str,
)
async def test_requests_that_anthropic_refuses(sim: SimServer, fields: dict[str, Any]) -> None:
    reply = await send(sim, **fields)
    assert (reply.status, reply.fields["error"]["type"]) == (400, "invalid_request_error")


async def test_the_version_is_required(sim: SimServer) -> None:
    reply = await send(sim, headers={"x-api-key": "k"})
    assert (reply.status, reply.fields["type"]) == (400, "error")
    assert "anthropic-version" in reply.fields["error"]["message"]


async def test_its_own_limits_and_models() -> None:
    async with SimServer(Settings(rpm=1, only_models=True, models=("claude",))) as sim:
        assert (await send(sim)).headers["anthropic-ratelimit-requests-remaining"] == "0"
        limited = await send(sim)
        assert (limited.status, limited.fields["error"]["type"]) == (429, "rate_limit_error")
        assert int(limited.headers["retry-after"]) >= 1
        assert (await send(sim, model="other")).fields["error"]["type"] == "not_found_error"
