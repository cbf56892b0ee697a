"""Streams of either family in the other's words: calls in any order, cut anywhere, and hostile ones."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import BadAnswer
from homeport.core.types import Usage
from homeport.protocols.anthropic import stream_from_chat
from homeport.protocols.anthropic.events import read_event
from homeport.protocols.anthropic.stream_from_chat import MessageEvents
from homeport.protocols.anthropic.stream_to_chat import ChatChunks
from tests.protocols.anthropic.shapes import OBJECTS, VALUES, chunks_from, completion_of, cut, events_from, message_of

USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5}}


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def piece(index: int | None, arguments: str | None = None, *, call: str = "", name: str = "") -> dict[str, Any]:
    function = {"name": name} if name else {}
    if arguments is not None:
        function["arguments"] = arguments
    numbered = {} if index is None else {"index": index}
    return chunk(tool_calls=[{**numbered, **({"id": call} if call else {}), "function": function}])


def content(*chunks: dict[str, Any]) -> list[dict[str, Any]]:
    """The blocks that a client puts together."""
    blocks: list[dict[str, Any]] = message_of(events_from(list(chunks)))["content"]
    return blocks


def tool(call: str, name: str = "w", **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call, "name": name, "input": given}


def test_a_plain_stream() -> None:
    chunks = [chunk(role="assistant", content=""), chunk(content="Grü"), chunk(content="ße"), chunk("stop")]
    events = events_from([*chunks, {"id": "c1", "model": "m", "choices": [], "usage": USAGE}])
    assert [event["type"] for event in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert message_of(events) == {
        "id": "msg_c1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "Grüße"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 4,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 5,
            "output_tokens": 4,
        },
    }


def test_a_call_is_told_as_it_comes() -> None:
    writer = MessageEvents()
    begun = list(writer.feed(json.dumps(piece(0, "", call="a", name="w")).encode()))
    assert [event["type"] for event in begun] == ["message_start", "content_block_start"]
    [delta] = writer.feed(json.dumps(piece(0, '{"c')).encode())
    assert delta["delta"] == {"type": "input_json_delta", "partial_json": '{"c'}


def test_the_next_call_is_told_as_it_comes() -> None:
    writer = MessageEvents()
    for data in (piece(0, "", call="a", name="w"), piece(0, '{"c": 1}')):
        list(writer.feed(json.dumps(data).encode()))
    told = list(writer.feed(json.dumps(piece(1, '{"d"', call="b", name="v")).encode()))
    assert [event["type"] for event in told] == ["content_block_stop", "content_block_start", "content_block_delta"]


CALLS = st.lists(OBJECTS, min_size=1, max_size=4)


@given(CALLS, st.lists(st.integers(0, 30), max_size=5), st.randoms(use_true_random=False))
def test_calls_in_any_order_lose_nothing(inputs: list[Any], cuts: list[int], order: Any) -> None:
    """However the pieces of several calls interleave, each call is whole and the order is that of their beginning."""
    texts = [json.dumps(given) for given in inputs]
    queues = [[piece(n, part) for part in cut(text, cuts)] for n, text in enumerate(texts)]
    chunks = [piece(n, "", call=f"id{n}", name="w") for n in range(len(texts))]
    while any(queues):
        chunks.append(order.choice([queue for queue in queues if queue]).pop(0))
    assert content(*chunks, chunk("tool_calls")) == [tool(f"id{n}") | {"input": i} for n, i in enumerate(inputs)]


def test_text_after_a_call_that_is_not_whole_waits() -> None:
    chunks = [piece(0, '{"a"', call="a", name="w"), chunk(content="Hm"), piece(0, ": 1}"), chunk(content="!")]
    assert content(*chunks) == [tool("a", a=1), {"type": "text", "text": "Hm!"}]


def test_thinking_text_and_calls_in_turn() -> None:
    said = [chunk(reasoning_content="a"), chunk(content="b"), chunk(reasoning="c"), piece(0, "{}", call="a", name="w")]
    assert content(*said) == [
        {"type": "thinking", "thinking": "a", "signature": ""},
        {"type": "text", "text": "b"},
        {"type": "thinking", "thinking": "c", "signature": ""},
        tool("a"),
    ]


@pytest.mark.parametrize(
    ("chunks", "blocks"),
    [
        ([piece(0, "{}", call="a", name="w"), piece(0, "{}", call="b", name="w")], [tool("a"), tool("b")]),
        ([piece(None, "{}", call="a", name="w"), piece(None, "{}", call="b", name="v")], [tool("a"), tool("b", "v")]),
        ([piece(0, "", call="a", name="w"), piece(0, "{}", call="a", name="w")], [tool("a")]),
        ([piece(0, '{"a"', call="a"), piece(0, ": 1}", name="w")], [tool("a", a=1)]),
        ([piece(0, "{}", name="w")], [tool("toolu_c1_0")]),
        ([piece(0, "", call="a", name="w"), piece(1, "{}", call="b", name="w")], [tool("a"), tool("b")]),
        (
            [piece(0, "{}", call="a", name="w"), chunk(content="x"), piece(0, " ")],
            [tool("a"), {"type": "text", "text": "x"}],
        ),
    ],
    ids=["all are 0", "no number", "name again", "name later", "no id", "no arguments", "space after the end"],
)
def test_habits_of_servers(chunks: list[dict[str, Any]], blocks: list[dict[str, Any]]) -> None:
    assert content(*chunks) == blocks


def test_arguments_after_the_end_of_a_call_are_no_answer() -> None:
    with pytest.raises(BadAnswer):
        content(piece(0, "{}", call="a", name="w"), chunk(content="x"), piece(0, "{}"))


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_from_chat, "MAX_HELD", 10)
    with pytest.raises(BadAnswer):
        content(*[piece(0, "[" * 6, call="a", name="w")] * 2)
    assert content(chunk(content="x" * 100)) == [{"type": "text", "text": "x" * 100}], "a text is not kept"


def test_a_stream_without_usage_is_estimated() -> None:
    told = message_of(events_from([chunk(content="a"), chunk(content="b")], MessageEvents(input_tokens=7)))
    assert told["usage"]["input_tokens"] == 7
    assert told["usage"]["output_tokens"] == 2


def test_a_stream_of_nothing_has_a_beginning_and_an_end() -> None:
    assert message_of(events_from([]))["content"] == []


@given(
    st.lists(st.dictionaries(st.sampled_from(["content", "tool_calls", "reasoning", "refusal"]), VALUES), max_size=4)
)
def test_hostile_chunks_raise_nothing_else(deltas: list[Any]) -> None:
    writer = MessageEvents()
    with suppress(BadAnswer):
        for delta in deltas:
            list(writer.feed(json.dumps(chunk(**delta)).encode()))
    assert list(writer.end())[-1] == {"type": "message_stop"}


HOSTILE_CALL = st.fixed_dictionaries(
    {},
    optional={
        "index": st.integers(-3, 3),
        "id": st.sampled_from(["", "a", "b"]),
        "function": st.fixed_dictionaries(
            {}, optional={"name": st.sampled_from(["", "w"]), "arguments": st.sampled_from(["", "{", "}", "{}", "x"])}
        ),
    },
)


@given(st.lists(HOSTILE_CALL | st.sampled_from(["text", "thought"]), max_size=8))
def test_whatever_the_calls_the_events_are_in_order(said: list[Any]) -> None:
    """The order of events is checked; arguments that are no JSON are the client's to judge."""
    writer = MessageEvents()
    events: list[dict[str, Any]] = []
    words = {"text": {"content": "x"}, "thought": {"reasoning": "y"}}
    with suppress(BadAnswer):
        for item in said:
            delta = words[item] if isinstance(item, str) else {"tool_calls": [item]}
            events += writer.feed(json.dumps(chunk(**delta)).encode())
    events += writer.end()
    told = [event for event in events if event.get("delta", {}).get("type") != "input_json_delta"]
    message_of(told if told[0]["type"] == "message_start" else [])


def start(**usage: int) -> dict[str, Any]:
    return {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": usage}}


def test_the_last_word_on_usage_counts() -> None:
    writer = ChatChunks()
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 12}}
    for event in (start(input_tokens=5, cache_read_input_tokens=3, output_tokens=1), end, {"type": "message_stop"}):
        last = list(writer.feed(read_event(json.dumps(event).encode())))
    assert writer.usage == Usage(input_tokens=8, cached_input_tokens=3, output_tokens=12)
    assert last[0]["choices"] == []
    assert last[0]["usage"]["completion_tokens"] == 12
    assert writer.done


def test_blocks_that_interleave_keep_their_pieces() -> None:
    begun = [
        {"type": "content_block_start", "index": n, "content_block": {**tool(f"t{n}"), "input": {}}} for n in range(2)
    ]
    deltas = [
        {"type": "content_block_delta", "index": n, "delta": {"type": "input_json_delta", "partial_json": part}}
        for n, part in ((0, '{"a":'), (1, '{"b":'), (0, "1}"), (1, "2}"))
    ]
    stops = [{"type": "content_block_stop", "index": n} for n in range(2)]
    done = completion_of(chunks_from([start(), *begun, *deltas, *stops, {"type": "message_stop"}]))
    calls = done["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ['{"a":1}', '{"b":2}']


def test_input_that_comes_with_the_block_is_not_lost() -> None:
    begun = {"type": "content_block_start", "index": 0, "content_block": tool("t", a=1)}
    done = completion_of(chunks_from([start(), begun, {"type": "content_block_stop"}, {"type": "message_stop"}]))
    assert json.loads(done["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]) == {"a": 1}


def test_pings_and_kinds_that_are_not_known_say_nothing() -> None:
    odd: list[dict[str, Any]] = [
        {"type": "ping"},
        {"type": "new"},
        {"type": "content_block_delta", "delta": {"type": "citations_delta"}},
    ]
    assert chunks_from(odd) == []


KINDS = [
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
]
NAMES = st.sampled_from(["index", "delta", "content_block", "message", "usage"])
BLOCKS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "thinking", "tool_use", "redacted_thinking", "x"])},
    optional={"text": VALUES, "thinking": VALUES, "input": VALUES, "id": VALUES, "name": VALUES, "data": VALUES},
)
DELTAS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text_delta", "input_json_delta", "thinking_delta", "signature_delta", "x"])},
    optional={"text": VALUES, "partial_json": VALUES, "thinking": VALUES, "signature": VALUES, "stop_reason": VALUES},
)


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.dictionaries(NAMES, VALUES | BLOCKS | DELTAS)), max_size=6))
def test_hostile_events_raise_nothing_else(events: list[Any]) -> None:
    writer = ChatChunks()
    with suppress(BadAnswer):
        for kind, more in events:
            list(writer.feed(read_event(json.dumps({**more, "type": kind}).encode())))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b'{"type":3}', b'{"type":"ping"', b"[" * 20_000])
def test_no_event(data: bytes) -> None:
    with pytest.raises(BadAnswer):
        read_event(data)
