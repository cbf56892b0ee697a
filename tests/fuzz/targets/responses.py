"""OpenAI's Responses API told as a chat: no word is lost, the stream is the whole, nonsense is refused."""

import json
from contextlib import suppress
from typing import Any

from homeport.core.errors import BadAnswer, InvalidRequest
from homeport.protocols.responses.answer import from_chat
from homeport.protocols.responses.request import to_chat
from homeport.protocols.responses.stream import ResponseStream
from homeport.transport.sse import data_of, events
from tests.fuzz import chats, hostile
from tests.fuzz.source import Source

_ASKED = {"model": "m", "input": "Hello", "tools": [], "metadata": {"a": "b"}}


def request_of(source: Source) -> dict[str, Any]:
    """A conversation of items, with calls that are answered."""
    items: list[dict[str, Any]] = []
    for number in range(source.integer(1, 4)):
        items.append({"role": source.choice(("user", "user", "system", "developer")), "content": _content(source)})
        if source.flag():
            content = [{"type": "reasoning_text", "text": source.text(1)}]
            items.append({"type": "reasoning", "summary": [], "content": content})
        if source.flag():
            said = [{"type": "output_text", "text": source.text(1)}]
            items.append({"type": "message", "role": "assistant", "content": said})
        if source.flag():
            arguments = json.dumps(chats.json_object(source))
            items.append({"type": "function_call", "call_id": f"c{number}", "name": "f", "arguments": arguments})
            items.append({"type": "function_call_output", "call_id": f"c{number}", "output": source.text(1)})
    optional = {
        "instructions": source.text(1),
        "temperature": 0.5,
        "max_output_tokens": source.integer(1, 99),
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": chats.json_object(source)}},
    }
    return {"model": "m", "input": items, **{name: value for name, value in optional.items() if source.flag()}}


def _content(source: Source) -> Any:
    if source.flag():
        return source.text(1)
    return [{"type": "input_text", "text": source.text(1)} for _ in range(source.integer(1, 3))]


def _spoken(request: dict[str, Any]) -> str:
    """What was said in order, the system's words and empty lines apart: those at the beginning are joined."""
    parts = [request["instructions"]] if "instructions" in request else []
    for item in request["input"]:
        content = item.get("content") or item.get("output") or []
        is_thought = item.get("type") == "reasoning"
        texts = [content] if isinstance(content, str) else [part["text"] for part in content]
        parts += [] if is_thought else texts
        parts += [item["arguments"]] if "arguments" in item else []
    return _bare("".join(parts))


def _told(messages: list[dict[str, Any]]) -> str:
    parts: list[str] = []
    for message in messages:
        content = message["content"] or ""
        parts += [content] if isinstance(content, str) else [part["text"] for part in content]
        parts += [call["function"]["arguments"] for call in message.get("tool_calls", [])]
    return _bare("".join(parts))


def _bare(text: str) -> str:
    return text.replace("\n", "")


def requests(data: bytes) -> None:
    """Every word of a conversation is in the chat, in its order, and every call has its answer."""
    request = request_of(Source(data))
    chat = hostile.plain(to_chat(hostile.fields(json.dumps(request).encode())))
    assert _told(chat["messages"]) == _spoken(request), "words were lost, invented or moved"
    called = [call["id"] for message in chat["messages"] for call in message.get("tool_calls", [])]
    assert called == [message["tool_call_id"] for message in chat["messages"] if message["role"] == "tool"]


def answers(data: bytes) -> None:
    """A stream has the items of the whole answer; its deltas are its texts; its events are in order."""
    source = Source(data)
    completion, chunks = chats.answer_of(source)
    asked = hostile.fields(json.dumps(_ASKED).encode())
    whole = json.loads(from_chat(json.dumps(completion).encode(), asked, "x"))
    writer = ResponseStream(asked, "x")
    told = b"".join(writer.feed(json.dumps(chunk).encode()) for chunk in chunks) + writer.finish({})
    found = [json.loads(data_of(event) or b"") for event in events(told)]
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert found[-1]["response"] == whole, "the stream says something else than the whole"
    assert _deltas(found, "output_text") == (completion["choices"][0]["message"]["content"] or "")
    assert _deltas(found, "reasoning_text") == completion["choices"][0]["message"].get("reasoning_content", "")
    calls = completion["choices"][0]["message"].get("tool_calls", [])
    items = [item for item in whole["output"] if item["type"] == "function_call"]
    assert [(item["call_id"], item["arguments"]) for item in items] == [
        (call["id"], call["function"]["arguments"]) for call in calls
    ]
    for item in items:
        place = {"item_id": item["id"]}
        assert (
            _deltas([event for event in found if place.items() <= event.items()], "function_call_arguments")
            == item["arguments"]
        )


def _deltas(found: list[dict[str, Any]], kind: str) -> str:
    return "".join(event["delta"] for event in found if event["type"] == f"response.{kind}.delta")


def nonsense(data: bytes) -> None:
    """Whatever comes is told or refused; after whatever came, the end can be told."""
    source = Source(data)
    body = hostile.written(source, hostile.spoil(source, request_of(source)))
    asked = hostile.fields(json.dumps(_ASKED).encode())
    with suppress(InvalidRequest):
        asked = chats.fields_of(body)
        hostile.plain(to_chat(asked))
    completion, chunks = chats.answer_of(source)
    with suppress(BadAnswer):
        hostile.parsed(from_chat(hostile.written(source, hostile.spoil(source, completion)), asked, "x"))
    writer = ResponseStream(asked, "x")
    told = b""
    with suppress(BadAnswer):
        for chunk in chunks:
            told += writer.feed(hostile.written(source, hostile.spoil(source, chunk)))
    told += writer.finish({}) if source.flag() else writer.fail("upstream_stream_cut", "cut")
    found = [hostile.parsed(data_of(event) or b"") for event in events(told)]
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
