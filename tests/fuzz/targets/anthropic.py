"""Anthropic's Messages and OpenAI's chat: what both can say survives, and what is nonsense is refused."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from homeport.core.errors import BadAnswer, InvalidRequest
from homeport.protocols.anthropic.answer import answer_from_chat, answer_to_chat
from homeport.protocols.anthropic.errors import error_from_chat, error_to_chat
from homeport.protocols.anthropic.events import read_event
from homeport.protocols.anthropic.request_from_chat import request_from_chat
from homeport.protocols.anthropic.request_to_chat import request_to_chat
from homeport.protocols.anthropic.stream_from_chat import MessageEvents
from homeport.protocols.anthropic.stream_to_chat import ChatChunks
from homeport.providers.message_frames import ChatFramer
from tests.fuzz import chats, hostile
from tests.fuzz.chats import json_object
from tests.fuzz.source import Source
from tests.fuzz.targets.frames import told
from tests.protocols.anthropic.shapes import chunks_from, completion_of, events_from, events_of, message_of, shortest
from tests.protocols.anthropic.test_round_trips import normal


def _text(source: Source) -> dict[str, Any]:
    return {"type": "text", "text": source.text(1)}


def _shown(source: Source) -> dict[str, Any]:
    if source.flag():
        return _text(source)
    url = {"type": "url", "url": f"https://example.org/{source.name()}"}
    return {
        "type": "image",
        "source": source.choice((url, {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="})),
    }


def _use(source: Source) -> dict[str, Any]:
    return {"type": "tool_use", "id": source.name(), "name": source.name(), "input": json_object(source)}


def _result(source: Source) -> dict[str, Any]:
    content = source.choice((None, source.text(1), [_text(source), _text(source)]))
    return {"type": "tool_result", "tool_use_id": source.name(), **({"content": content} if content else {})}


def _turn(source: Source, role: str) -> dict[str, Any]:
    if role == "user":
        blocks = [*source.many(lambda: _result(source), most=2), *source.many(lambda: _shown(source), least=1)]
    else:
        blocks = [*source.many(lambda: _text(source), least=1, most=2), *source.many(lambda: _use(source), most=2)]
    return {"role": role, "content": shortest(blocks)}


def request_of(source: Source) -> dict[str, Any]:
    """A Messages request that both families can say in full."""
    turns = source.integer(1, 3)
    said = [_turn(source, "assistant" if turn % 2 else "user") for turn in range(turns)]
    request: dict[str, Any] = {"model": "m", "max_tokens": source.integer(1, 10_000), "messages": said}
    optional: Mapping[str, Any] = {
        "system": source.choice((source.text(1), [_text(source), _text(source)])),
        "temperature": source.choice((0, 0.5, 1)),
        "top_p": source.choice((0.1, 1)),
        "top_k": source.integer(1, 100),
        "stop_sequences": ["s" + source.text(), "###"],
        "stream": source.flag(),
        "metadata": {"user_id": source.name()},
        "service_tier": source.choice(("auto", "standard_only")),
        "output_config": source.choice(
            ({"effort": "max"}, {"format": {"type": "json_schema", "schema": json_object(source)}})
        ),
    }
    request |= {name: value for name, value in optional.items() if source.flag()}
    calls = any(isinstance(block, dict) and block["type"] == "tool_use" for turn in said for block in turn["content"])
    if calls or source.flag():
        request["tools"] = [
            {"name": source.name(), "input_schema": {"type": "object", "properties": json_object(source)}}
        ]
    return request


def message_of_source(source: Source) -> dict[str, Any]:
    """An answer that both families can say in full."""
    thoughts = source.many(
        lambda: {"type": "thinking", "thinking": source.text(1), "signature": source.choice(("", "c2ln"))}, most=1
    )
    texts = source.many(lambda: _text(source), most=1)
    calls = [{**_use(source), "id": f"t{number}"} for number in range(source.integer(0, 3))]
    ends = (("end_turn", None), ("max_tokens", None), ("stop_sequence", "###"), ("refusal", None))
    reason, sequence = ("tool_use", None) if calls else source.choice(ends)
    written = source.integer(0, 500)
    usage: dict[str, Any] = {
        "input_tokens": source.integer(0, 5_000),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": source.integer(0, 5_000),
        "output_tokens": source.integer(0, 5_000),
    }
    if written:
        usage["cache_creation"] = {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m"}
    ended = {"stop_reason": reason, "stop_sequence": sequence, "usage": usage}
    return {**head, "content": [*thoughts, *texts, *calls], **ended}


def requests(data: bytes) -> None:
    """A request comes back from chat as it was; a chat request says the same on a second journey."""
    source = Source(data)
    request = request_of(source)
    chat = hostile.plain(request_to_chat(hostile.fields(json.dumps(request).encode())))
    assert hostile.plain(request_from_chat(hostile.fields(json.dumps(chat).encode()))) == request
    asked = chats.request_of(source)
    there = hostile.plain(request_from_chat(hostile.fields(json.dumps(asked).encode())))
    missing = [text for text in chats.texts_of(asked) if text not in chats.all_text(there)]
    assert not missing, f"words were lost: {missing}"
    back = hostile.plain(request_to_chat(hostile.fields(json.dumps(there).encode())))
    assert hostile.plain(request_from_chat(hostile.fields(json.dumps(back).encode()))) == there, "it drifts"


def answers(data: bytes) -> None:
    """An answer comes back from chat as it was; its stream, however cut, says what the whole says, both ways."""
    source = Source(data)
    message = message_of_source(source)
    whole, usage = answer_to_chat(json.dumps(message).encode())
    back, same = answer_from_chat(json.dumps(hostile.plain(whole)).encode())
    assert hostile.plain(back) == message
    assert same == usage
    events = events_of(message, source.many(lambda: source.integer(0, 40), most=6))
    assert normal(completion_of(chunks_from(events))) == normal(hostile.plain(whole)), "the stream says something else"
    assert message_of(events_from(chunks_from(events))) == message, "the stream does not come back"
    stream = b"".join(
        b"event: %s\ndata: %s\n\n" % (event["type"].encode(), json.dumps(event).encode()) for event in events
    )
    unsplit = told(ChatFramer(created=1), [stream])
    assert told(ChatFramer(created=1), source.pieces(stream)) == unsplit
    assert unsplit.error is None
    assert unsplit.usage == usage
    _chat_stream(source)


def _chat_stream(source: Source) -> None:
    """A chat's stream, its calls in any order, against the same answer in whole."""
    completion, chunks = chats.answer_of(source)
    whole, _ = answer_from_chat(json.dumps(completion).encode())
    streamed = message_of(events_from(chunks))
    assert streamed == hostile.plain(whole), "the stream says something else than the whole"


def nonsense(data: bytes) -> None:
    """Whatever comes is told or refused, and what is told is JSON."""
    source = Source(data)
    make = source.choice((request_of, chats.request_of))
    body = hostile.written(source, hostile.spoil(source, make(source)))
    for translate in (request_to_chat, request_from_chat):
        with suppress(InvalidRequest):
            hostile.plain(translate(chats.fields_of(body)))
    message = message_of_source(source)
    completion, chunks = chats.answer_of(source)
    answer = hostile.written(source, hostile.spoil(source, source.choice((message, completion))))
    for answered in (answer_to_chat, answer_from_chat):
        with suppress(BadAnswer):
            hostile.plain(answered(answer)[0])
    hostile.plain(error_to_chat(answer))
    hostile.plain(error_from_chat(source.integer(400, 599), answer))
    _streams(source, events_of(message, [3]), chunks)


def _streams(source: Source, events: list[dict[str, Any]], chunks: list[dict[str, Any]]) -> None:
    to_chat, from_chat = ChatChunks(), MessageEvents()
    with suppress(BadAnswer):
        for event in events:
            hostile.plain(list(to_chat.feed(read_event(hostile.written(source, hostile.spoil(source, event))))))
    with suppress(BadAnswer):
        for chunk in chunks:
            hostile.plain(list(from_chat.feed(hostile.written(source, hostile.spoil(source, chunk)))))
        hostile.plain(list(from_chat.end()))
