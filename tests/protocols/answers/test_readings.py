"""Answers of each API are read for what they say, and lose their log-probabilities without a trace."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.ports import AnswerReading
from homeport.core.routing import Answer, TokenLogprob
from homeport.core.types import Surface
from homeport.protocols.answers.readings import readings

READINGS = readings()
CHAT, COMPLETION = READINGS[Surface.CHAT], READINGS[Surface.COMPLETION]
MESSAGES, RESPONSES = READINGS[Surface.MESSAGES], READINGS[Surface.RESPONSES]
EVERY = pytest.mark.parametrize("reading", READINGS.values(), ids=[surface.name for surface in READINGS])

CONTENT = [
    {"token": "Yes", "logprob": -0.25, "bytes": [89], "top_logprobs": [{"token": "Yes", "logprob": -0.25}]},
    {
        "token": ".",
        "logprob": -1.5,
        "top_logprobs": [{"token": "!", "logprob": -1.0}, {"token": "?", "logprob": -3.0}],
    },
]
TOKENS = (TokenLogprob("Yes", -0.25, None), TokenLogprob(".", -1.5, -1.0))
CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "find", "arguments": '{"a":1}'}}


def encoded(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def stream(*events: Any, named: bool = False) -> bytes:
    said = [(b"event: " + event["type"].encode() + b"\n" if named else b"") for event in events]
    return b"".join(name + b"data: " + encoded(event) + b"\n\n" for name, event in zip(said, events, strict=True))


def grown(reading: AnswerReading, blocks: Iterable[bytes], *, whole: bool = False) -> Answer:
    growing = reading.growing()
    for block in blocks:
        growing.feed(block)
    return growing.answer(whole=whole)


def choice(**more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, **more}], "id": "x"}


def test_a_chat() -> None:
    told = choice(message={"content": "Yes."}, finish_reason="stop", logprobs={"content": CONTENT, "refusal": None})
    assert CHAT.whole(encoded(told)) == Answer(text="Yes.", finish="stop", logprobs=TOKENS)


def test_a_chat_that_calls_a_tool() -> None:
    told = choice(message={"content": None, "tool_calls": [CALL, CALL]}, finish_reason="tool_calls")
    assert CHAT.whole(encoded(told)) == Answer(
        text="", finish="tool_calls", tool_calls=('{"a":1}', '{"a":1}'), tools=("find", "find")
    )


def test_what_is_refused_has_the_finish_of_a_refusal() -> None:
    assert CHAT.whole(encoded(choice(message={"refusal": "No."}, finish_reason="stop"))).finish == "content_filter"
    part = {"type": "refusal", "refusal": "No."}
    told = {"status": "completed", "output": [{"type": "message", "content": [part]}]}
    assert RESPONSES.whole(encoded(told)).finish == "content_filter"
    assert MESSAGES.whole(encoded({"content": [], "stop_reason": "refusal"})).finish == "content_filter"


def test_only_the_first_choice_is_read() -> None:
    told = {"choices": [{"index": 1, "message": {"content": "b"}}, {"index": 0, "message": {"content": "a"}}]}
    assert CHAT.whole(encoded(told)).text == "a"


def test_one_field_that_makes_no_sense_spoils_no_other() -> None:
    told = choice(message={"content": "Yes."}, finish_reason=7, logprobs={"content": "?"}, index="0")
    assert CHAT.whole(encoded({**told, "choices": [{**told["choices"][0], "index": 0}]})).text == "Yes."
    assert COMPLETION.whole(encoded(choice(text="Yes.", finish_reason=[], logprobs=3))).text == "Yes."


def test_a_stream_of_a_chat() -> None:
    blocks = [
        stream(choice(delta={"role": "assistant", "content": None}, finish_reason=None)),
        b": awake\n\n",
        stream(
            choice(delta={"content": "Yes"}, logprobs={"content": CONTENT[:1]}),
            choice(delta={"content": "."}, logprobs={"content": CONTENT[1:]}),
        ),
    ]
    assert grown(CHAT, blocks) == Answer(text="Yes.", logprobs=TOKENS, whole=False)
    blocks += [stream(choice(delta={}, finish_reason="stop")), b"data: [DONE]\n\n"]
    assert grown(CHAT, blocks) == Answer(text="Yes.", finish="stop", logprobs=TOKENS)


def test_a_stream_of_calls() -> None:
    parts = [{"index": 0, "function": {"name": "find", "arguments": ""}}, {"index": 0, "function": {"arguments": "{"}}]
    later = [
        {"index": 1, "function": {"name": "send", "arguments": "[]"}},
        {"index": 0, "function": {"arguments": "}"}},
    ]
    blocks = [stream(choice(delta={"tool_calls": [call]})) for call in (*parts, *later)]
    answer = grown(CHAT, blocks)
    assert (answer.tools, answer.tool_calls) == (("find", "send"), ("{}", "[]"))


@pytest.mark.parametrize("index", [{"index": 0}, {}], ids=["all zero", "none"])
def test_calls_that_only_their_ids_tell_apart(index: dict[str, int]) -> None:
    parts: list[dict[str, Any]] = [
        {"id": "a", "function": {"name": "find", "arguments": "{"}},
        {"function": {"arguments": "}"}},
        {"id": "b", "function": {"name": "send", "arguments": "["}},
        {"function": {"arguments": "]"}},
    ]
    answer = grown(CHAT, [stream(choice(delta={"tool_calls": [{**part, **index}]})) for part in parts])
    assert (answer.tools, answer.tool_calls) == (("find", "send"), ("{}", "[]"))


def test_a_completion_in_both_ways_to_tell_probabilities() -> None:
    told = choice(text="Yes.", finish_reason="length", logprobs={"content": CONTENT})
    assert COMPLETION.whole(encoded(told)) == Answer(text="Yes.", finish="length", logprobs=TOKENS)
    older = {
        "tokens": ["Yes", "."],
        "token_logprobs": [-0.25, -1.5],
        "top_logprobs": [{"Yes": -0.25}, {"!": -1.0, "?": -3.0}],
    }
    told = choice(text="Yes.", finish_reason="length", logprobs=older)
    assert COMPLETION.whole(encoded(told)) == Answer(text="Yes.", finish="length", logprobs=TOKENS)
    blocks = [stream(choice(text="Yes", finish_reason=None)), stream(choice(text=".", finish_reason="stop"))]
    assert grown(COMPLETION, blocks) == Answer(text="Yes.", finish="stop")


def test_a_message() -> None:
    blocks = [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Yes."}]
    called = {"type": "tool_use", "name": "find", "input": {"a": 1}}
    told = {"content": [*blocks, called], "stop_reason": "tool_use"}
    assert MESSAGES.whole(encoded(told)) == Answer(
        text="Yes.", finish="tool_calls", tool_calls=('{"a":1}',), tools=("find",)
    )
    assert MESSAGES.whole(encoded({"content": blocks, "stop_reason": "max_tokens"})).finish == "length"


def test_a_stream_of_a_message() -> None:
    events = [
        {"type": "message_start", "message": {}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Yes."}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "name": "find", "input": {}}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a"'}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ":1}"}},
    ]
    begun = Answer(text="Yes.", tools=("find",), tool_calls=('{"a":1}',), whole=False)
    assert grown(MESSAGES, [stream(*events, named=True)]) == begun
    events += [{"type": "message_delta", "delta": {"stop_reason": "tool_use"}}, {"type": "message_stop"}]
    answer = grown(MESSAGES, [stream(*events, named=True)])
    assert (answer.finish, answer.whole) == ("tool_calls", True)


def response(**more: Any) -> dict[str, Any]:
    part = {"type": "output_text", "text": "Yes.", "annotations": [], "logprobs": CONTENT}
    return {"id": "r", "status": "completed", "output": [{"type": "message", "content": [part]}], **more}


def test_a_response() -> None:
    assert RESPONSES.whole(encoded(response())) == Answer(text="Yes.", finish="stop", logprobs=TOKENS)
    cut = response(status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    assert RESPONSES.whole(encoded(cut)).finish == "length"
    called = response(output=[{"type": "function_call", "name": "find", "arguments": "{}"}])
    assert RESPONSES.whole(encoded(called)) == Answer(text="", finish="tool_calls", tool_calls=("{}",), tools=("find",))


def test_a_stream_of_a_response() -> None:
    events: list[Any] = [
        {"type": "response.created", "response": {"status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message"}},
        {"type": "response.output_text.delta", "output_index": 0, "delta": "Yes", "logprobs": CONTENT[:1]},
        {"type": "response.output_text.delta", "output_index": 0, "delta": ".", "logprobs": CONTENT[1:]},
        {"type": "response.output_item.added", "output_index": 1, "item": {"type": "function_call", "name": "find"}},
        {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": "{}"},
    ]
    begun = Answer(text="Yes.", logprobs=TOKENS, tools=("find",), tool_calls=("{}",), whole=False)
    assert grown(RESPONSES, [stream(*events, named=True)]) == begun
    events.append({"type": "response.completed", "response": response()})
    assert grown(RESPONSES, [stream(*events, named=True)]) == Answer(text="Yes.", finish="stop", logprobs=TOKENS)


@EVERY
def test_a_request_that_asks_already_is_left_alone(reading: AnswerReading) -> None:
    wider = reading.asking({"model": msgspec.Raw(b'"m"')})
    assert wider is None or reading.asking(wider) is None
    assert (wider is None) == (reading is MESSAGES)


def test_llamacpp_has_no_probabilities_in_streams_with_tools() -> None:
    fields = {"tools": msgspec.Raw(b'[{"type":"function"}]'), "stream": msgspec.Raw(b"true")}
    assert CHAT.asking(fields) is None
    assert CHAT.asking({**fields, "tools": msgspec.Raw(b"[]")})
    assert CHAT.asking({**fields, "stream": msgspec.Raw(b"false")})


BARE = choice(message={"content": 'The word "logprobs".'}, finish_reason="stop")


def test_taken_out_of_a_chat_nothing_else_changes() -> None:
    with_them = encoded(BARE).replace(b'"finish', b'"logprobs":' + encoded({"content": CONTENT}) + b',"finish')
    assert CHAT.bare(with_them) == encoded(BARE)
    assert CHAT.bare(encoded(BARE)) == encoded(BARE)


def test_taken_out_of_a_completion_null_stays() -> None:
    told = choice(text="Yes.", logprobs={"content": CONTENT}, finish_reason="stop")
    assert COMPLETION.bare(encoded(told)) == encoded(choice(text="Yes.", logprobs=None, finish_reason="stop"))


def test_taken_out_of_a_response_the_lists_are_empty() -> None:
    bare = json.loads(RESPONSES.bare(encoded(response())))
    assert bare["output"][0]["content"][0] == {"type": "output_text", "text": "Yes.", "annotations": [], "logprobs": []}
    events = stream(
        {"type": "response.output_text.delta", "delta": "Yes", "logprobs": CONTENT},
        {"type": "response.content_part.done", "part": response()["output"][0]["content"][0]},
        {"type": "response.output_item.done", "item": response()["output"][0]},
        {"type": "response.completed", "response": response()},
        named=True,
    )
    bare_events = RESPONSES.bare_events(events)
    assert b"top_logprobs" not in bare_events
    assert bare_events.count(b'"logprobs":[]') == 4
    assert [line for line in bare_events.splitlines() if line.startswith(b"event")] == [
        line for line in events.splitlines() if line.startswith(b"event")
    ]


def test_taken_out_of_a_stream_every_other_byte_stays() -> None:
    plain = b': awake\n\ndata: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n'
    assert CHAT.bare_events(plain) is plain
    token = stream(choice(delta={"content": "Yes"}, logprobs={"content": CONTENT}))
    assert CHAT.bare_events(plain + token) == plain + stream(choice(delta={"content": "Yes"}))
    odd = b'id: 7\r\ndata: {"choices":\r\ndata: [{"logprobs":null,"index":0}]}\r\n\r\n'
    assert CHAT.bare_events(odd) == b'id: 7\ndata: {"choices":[{"index":0}]}\n\n'


# fmt: off
NAMES = (
    "choices", "index", "message", "delta", "content", "text", "logprobs", "tokens", "token", "logprob",
    "top_logprobs", "token_logprobs", "finish_reason", "tool_calls", "function", "name", "arguments", "output",
    "type", "status", "response", "item", "part", "refusal", "stop_reason", "content_block", "partial_json",
    "output_index", "incomplete_details", "reason", "id",
)
# fmt: on
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=20,
)
hostile = json_values.map(encoded) | st.binary(max_size=40) | st.just(b"[" * 5_000)


@EVERY
@given(data=hostile, kind=st.sampled_from(["response.completed", "content_block_start", "message_delta", ""]))
def test_whatever_comes_nothing_is_raised(reading: AnswerReading, data: bytes, kind: str) -> None:
    if kind and data.startswith(b"{"):
        data = b'{"type":"' + kind.encode() + b'",' + data[1:].lstrip(b",") if len(data) > 2 else data
    assert isinstance(reading.whole(data).text, str)
    assert isinstance(grown(reading, [data, b"data: " + data + b"\n\n"]).text, str)
    assert isinstance(reading.bare(data), bytes)
    assert isinstance(reading.bare_events(b"data: " + data + b"\n\n"), bytes)
    fields = {name: msgspec.Raw(data) for name in ("logprobs", "include", "tools", "stream", "top_logprobs")}
    reading.asking(fields)
