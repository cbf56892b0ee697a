"""Which answers may be given to somebody else, and what cannot be told in another form."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.types import Frame, Surface, Usage
from tests.protocols.replay.shapes import anthropic_messages, chats, completions, responses
from tests.protocols.replay.telling import (
    ADMISSION,
    CHAT,
    COMPLETION,
    MESSAGES,
    REPLAYS,
    RESPONSES,
    decoded,
    encoded,
    joined,
    stream,
)
from tests.protocols.values import json_values

CODES = {
    *("", "unreadable", "failed", "unfinished", "unmergeable", "cut", "filtered", "refused", "empty"),
    *("broken_call", "odd_finish"),
}
EVERY = pytest.mark.parametrize("surface", REPLAYS, ids=[surface.name for surface in REPLAYS])
CALL = {"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}}


def chat(finish: Any = "stop", **message: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def chunk(finish: Any = None, index: int = 0, **delta: Any) -> dict[str, Any]:
    return {"id": "x", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def response(status: str = "completed", **more: Any) -> dict[str, Any]:
    part = {"type": "output_text", "text": "Yes."}
    return {"status": status, "output": [{"type": "message", "content": [part]}], **more}


def message(reason: str | None, *blocks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "content": list(blocks) or [{"type": "text", "text": "Yes."}], "stop_reason": reason}


TWO: dict[str, Any] = {
    "choices": [*chat(content="Yes.")["choices"], {**chat("length", content="No")["choices"][0], "index": 1}]
}
WHOLE: list[tuple[Surface, Any, str]] = [
    (Surface.CHAT, chat(content="Yes."), ""),
    (Surface.CHAT, chat("eos", content="Yes."), ""),
    (Surface.CHAT, chat("tool_calls", content=None, tool_calls=[CALL]), ""),
    (Surface.CHAT, chat("function_call", function_call={"name": "find", "arguments": ""}), ""),
    (Surface.CHAT, chat("tool_calls", tool_calls=[{**CALL, "function": {"arguments": '{"a": '}}]), "broken_call"),
    (Surface.CHAT, chat("function_call", function_call={"name": "find", "arguments": '["'}), "broken_call"),
    (Surface.CHAT, chat(content=" \n"), "empty"),
    (Surface.CHAT, chat(content="", tool_calls=[]), "empty"),
    (Surface.CHAT, chat(reasoning_content="Hm."), "empty"),
    (Surface.CHAT, chat(content=[{"type": "text", "text": "Yes."}]), ""),
    (Surface.CHAT, chat(content=None, refusal="No."), "refused"),
    (Surface.CHAT, chat("length", content="Y"), "cut"),
    (Surface.CHAT, chat("content_filter", content="Y"), "filtered"),
    (Surface.CHAT, chat(None, content="Y"), "unfinished"),
    (Surface.CHAT, chat("whim", content="Y"), "odd_finish"),
    (Surface.CHAT, TWO, "cut"),
    (Surface.CHAT, {"choices": []}, "empty"),
    (Surface.CHAT, {"choices": [7]}, "unreadable"),
    (Surface.CHAT, {**chat(content="Yes."), "error": {"message": "no"}}, "failed"),
    (Surface.CHAT, [], "unreadable"),
    (Surface.COMPLETION, {"choices": [{"text": "Yes.", "finish_reason": "stop"}]}, ""),
    (Surface.COMPLETION, {"choices": [{"text": "", "finish_reason": "stop"}]}, "empty"),
    (Surface.MESSAGES, message("end_turn"), ""),
    (Surface.MESSAGES, message("stop_sequence"), ""),
    (Surface.MESSAGES, message("tool_use", {"type": "tool_use", "name": "find", "input": {}}), ""),
    (Surface.MESSAGES, message("end_turn", {"type": "thinking", "thinking": "Hm."}), "empty"),
    (Surface.MESSAGES, message("end_turn", {"type": "text", "text": " "}), "empty"),
    (Surface.MESSAGES, message("max_tokens"), "cut"),
    (Surface.MESSAGES, message("refusal"), "refused"),
    (Surface.MESSAGES, message("pause_turn"), "unfinished"),
    (Surface.MESSAGES, message(None), "unfinished"),
    (Surface.MESSAGES, {"type": "error", "error": {"type": "api_error"}}, "failed"),
    (Surface.RESPONSES, response(), ""),
    (Surface.RESPONSES, response("in_progress"), "unfinished"),
    (Surface.RESPONSES, response("failed"), "failed"),
    (Surface.RESPONSES, response(error={"code": "server_error"}), "failed"),
    (Surface.RESPONSES, response("incomplete", incomplete_details={"reason": "max_output_tokens"}), "cut"),
    (Surface.RESPONSES, response("incomplete", incomplete_details={"reason": "content_filter"}), "filtered"),
    (Surface.RESPONSES, response("incomplete", incomplete_details={"reason": []}), "odd_finish"),
    (Surface.RESPONSES, response(output=[{"type": "message", "content": [{"type": "refusal"}]}]), "refused"),
    (Surface.RESPONSES, response(output=[{"type": "message", "status": "incomplete", "content": []}]), "unfinished"),
    (Surface.RESPONSES, response(output=[{"type": "reasoning", "summary": []}]), "empty"),
    (Surface.RESPONSES, response(output=[{"type": "function_call", "arguments": "{}"}]), ""),
    (Surface.RESPONSES, response(output=[{"type": "function_call", "arguments": "{"}]), "broken_call"),
    (Surface.EMBEDDING, {"data": [{"embedding": [0.5]}]}, ""),
    (Surface.EMBEDDING, {"data": []}, "empty"),
    (Surface.RERANK, {"results": [{"index": 0}]}, ""),
    (Surface.RERANK, {"results": [{"index": 0}], "error": {"message": "no"}}, "failed"),
    (Surface.MODERATION, {"results": [None]}, "empty"),
    (Surface.RERANK, 7, "unreadable"),
]


@pytest.mark.parametrize(("surface", "answer", "defect"), WHOLE)
def test_what_a_whole_answer_lacks(surface: Surface, answer: Any, defect: str) -> None:
    assert ADMISSION.defect(surface, encoded(answer), streamed=False) == defect


def test_what_has_no_stream_is_not_kept_as_one() -> None:
    body = encoded({"data": [{"embedding": [0.5]}]})
    assert ADMISSION.defect(Surface.EMBEDDING, body, streamed=True) == "unfinished"


STREAMS: list[tuple[list[Any], str]] = [
    ([chunk(content="Yes."), chunk("stop")], ""),
    ([chunk(content="Yes.")], "unfinished"),
    ([chunk(content="Yes."), chunk(index=1, content="No."), chunk("stop")], "unfinished"),
    ([chunk(content="Yes."), chunk("stop"), {"error": {"message": "no"}}], "failed"),
    ([chunk(audio={"data": "QQ=="}), chunk(audio={"data": "Qg=="}), chunk("stop")], "unmergeable"),
    ([chunk(content=["a"]), chunk(content="b"), chunk("stop")], "unmergeable"),
    ([chunk(content="a"), chunk(content=["b"]), chunk("stop")], "unmergeable"),
    ([chunk(thinking_blocks=[{"type": "thinking", "thinking": "H"}]), chunk("stop", content="Y")], "unmergeable"),
    ([chunk(tool_calls=[CALL]), chunk(tool_calls=[{**CALL, "type": "custom"}]), chunk("tool_calls")], "unmergeable"),
    ([{**chunk(content="Y"), "odd": 1}, {**chunk("stop"), "odd": 2}], "unmergeable"),
    ([7], "unreadable"),
    ([{"choices": [{"index": "0", "delta": {}}]}], "unreadable"),
    ([{"choices": [{"index": 0, "delta": []}]}], "unreadable"),
    ([], "unfinished"),
]


@pytest.mark.parametrize(("chunks", "defect"), STREAMS)
def test_what_a_stream_lacks(chunks: list[Any], defect: str) -> None:
    events = stream(*chunks)
    assert ADMISSION.defect(Surface.CHAT, events, streamed=True) == defect
    assert (CHAT.whole(events) is None) == bool(defect)


def test_calls_that_only_their_ids_tell_apart() -> None:
    parts: list[dict[str, Any]] = [
        {"index": 0, "id": "a", "function": {"name": "find", "arguments": "{"}},
        {"index": 0, "id": "a", "function": {"name": "find", "arguments": "}"}},
        {"index": 0, "id": "b", "function": {"name": "send", "arguments": "[]"}},
    ]
    events = stream(*(chunk(tool_calls=[part]) for part in parts), chunk("tool_calls"))
    [choice] = decoded(CHAT.whole(events))["choices"]
    calls = [(call["id"], call["function"]) for call in choice["message"]["tool_calls"]]
    assert calls == [("a", {"name": "find", "arguments": "{}"}), ("b", {"name": "send", "arguments": "[]"})]


def test_what_belongs_to_the_whole_answer_survives() -> None:
    """Azure's first chunk says nothing else; llama.cpp counts with each chunk; vLLM tells why it stopped."""
    first = {"id": "", "created": 0, "model": "", "object": "", "choices": [], "prompt_filter_results": [{"hate": 0}]}
    told = {"object": "chat.completion.chunk", "created": 7, "model": "m", "service_tier": None, "obfuscation": "abc"}
    said = {**chunk(content="Yes.", role="assistant"), **told, "timings": {"predicted_n": 1}}
    last = {**chunk("stop"), **told, "timings": {"predicted_n": 2}, "service_tier": "flex"}
    last["choices"][0] |= {"stop_reason": "###", "content_filter_results": {"hate": {"filtered": False}}}
    answer = decoded(CHAT.whole(stream(first, said, last)))
    assert answer == {
        "id": "x",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "service_tier": "flex",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Yes.", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
                "stop_reason": "###",
                "content_filter_results": {"hate": {"filtered": False}},
            }
        ],
        "prompt_filter_results": [{"hate": 0}],
        "timings": {"predicted_n": 2},
    }


MESSAGE_START = {"type": "message_start", "message": {"id": "m", "content": [], "usage": {"input_tokens": 3}}}
TEXT = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
STOPS = [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}]


@pytest.mark.parametrize(
    ("between", "defect"),
    [
        ([TEXT, {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Y"}}], ""),
        ([TEXT, {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 7}}], "unreadable"),
        ([TEXT, {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta"}}], "unreadable"),
        ([TEXT, {"type": "content_block_delta", "index": 0, "delta": {"type": "new_delta"}}], "unmergeable"),
        ([TEXT, {"type": "content_block_delta", "index": 0, "delta": {"type": []}}], "unmergeable"),
        (
            [
                TEXT,
                {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{"}},
            ],
            "unreadable",
        ),
        ([{"type": "error", "error": {"type": "overloaded_error"}}], "failed"),
        ([{"type": []}, TEXT], "empty"),
    ],
)
def test_what_a_message_lacks(between: list[Any], defect: str) -> None:
    events = stream(MESSAGE_START, *between, *STOPS)
    assert ADMISSION.defect(Surface.MESSAGES, events, streamed=True) == defect


@pytest.mark.parametrize("kind", ["response.failed", "error"])
def test_a_response_that_failed_is_not_told(kind: str) -> None:
    events = stream({"type": kind, "response": response("failed")}, named=True)
    assert RESPONSES.whole(events) is None
    assert ADMISSION.defect(Surface.RESPONSES, events, streamed=True) == "failed"


def test_a_recorded_stream_is_sent_again_as_it_came() -> None:
    usage = Usage(input_tokens=2)
    first, last = stream(chunk(content="Yes."), done=False), stream(chunk("stop"), done=False)
    counted = stream({"id": "x", "choices": [], "usage": {"prompt_tokens": 2}}, done=False)
    done = b"data: [DONE]\n\n"
    frames = CHAT.stored_frames(b"\xef\xbb\xbf" + first + b": awake\n\n" + last + counted + done[:-1], usage)
    assert frames == [
        Frame(data=first + last, events=2),
        Frame(data=counted, usage=usage, closing=True, usage_only=True),
        Frame(data=done[:-1] + b"\n\n", closing=True),
    ]


def test_an_answer_gets_an_id_of_its_own() -> None:
    said = chat(content='the "id":"chatcmpl-old"', tool_calls=[{**CALL, "id": "call_1"}]) | {"id": "chatcmpl-old"}
    body = CHAT.renamed(encoded(said), "new", streamed=False)
    assert decoded(body) == said | {"id": "chatcmpl-new"}
    events = joined(CHAT.frames(encoded(said)))
    assert decoded(CHAT.whole(CHAT.renamed(events, "new", streamed=True)))["id"] == "chatcmpl-new"
    assert b"chatcmpl-new" in CHAT.renamed(b": awake\n\n" + events, "new", streamed=True)
    told = message("end_turn") | {"id": "msg_01AB"}
    events = joined(MESSAGES.frames(encoded(told)))
    assert decoded(MESSAGES.whole(MESSAGES.renamed(events, "new", streamed=True)))["id"] == "msg_new"
    assert decoded(MESSAGES.renamed(encoded(told), "new", streamed=False))["id"] == "msg_new"
    assert decoded(COMPLETION.renamed(b'{"id": "1234"}', "new", streamed=False)) == {"id": "new"}
    stays = encoded(response(id="resp_old"))
    assert RESPONSES.renamed(stays, "new", streamed=False) == stays


ANSWERS = chats() | completions() | anthropic_messages() | responses()
HOSTILE = st.one_of(
    st.binary(max_size=60),
    json_values.map(encoded),
    st.lists(json_values, max_size=4).map(lambda events: stream(*events)),
    ANSWERS.map(encoded),
    st.integers(90, 4000).map(lambda depth: b'{"choices":[{"delta":' + b'{"a":' * depth + b"1" + b"}" * (depth + 3)),
)


@EVERY
@given(data=HOSTILE, streamed=st.booleans())
def test_nothing_makes_a_replay_raise(surface: Surface, data: bytes, streamed: bool) -> None:
    replay = REPLAYS[surface]
    replay.whole(data)
    replay.frames(data)
    replay.stored_frames(data)
    replay.renamed(data, "new", streamed=streamed)
    assert ADMISSION.defect(surface, data, streamed=streamed) in CODES


@EVERY
@given(data=st.data())
def test_an_answer_that_lost_something_makes_no_replay_raise(surface: Surface, data: st.DataObject) -> None:
    """Hostile, and near to what is right: a value of an answer is another one, and bytes of a stream are missing."""
    answer = copy.deepcopy(data.draw(ANSWERS))  # what draws share must not be spoilt for the next
    spoilt(answer, data)
    replay = REPLAYS[surface]
    frames = replay.frames(encoded(answer)) or []
    events = b"".join(frame.data for frame in frames)
    start = data.draw(st.integers(0, len(events)))
    torn = events[:start] + events[start + data.draw(st.integers(0, 40)) :]
    for part in (events, torn):
        replay.whole(part)
        replay.stored_frames(part)
        assert ADMISSION.defect(surface, part, streamed=True) in CODES
    assert ADMISSION.defect(surface, encoded(answer), streamed=False) in CODES


def spoilt(value: Any, data: st.DataObject) -> None:
    """One value somewhere inside becomes another."""
    while isinstance(value, dict | list) and value:
        place = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
        if not (isinstance(value[place], dict | list) and value[place]) or data.draw(st.integers(0, 4)) == 0:
            value[place] = data.draw(json_values)
            return
        value = value[place]


def test_halves_of_events_make_no_whole() -> None:
    """Put side by side with a comma they would."""
    name, rest = encoded(chunk("stop", content="Yes.")).split(b", ", 1)
    assert CHAT.whole(b"data: " + name + b", " + rest + b"\n\n") is not None
    halves = b"data: " + name + b"\n\ndata: " + rest + b"\n\n"
    assert CHAT.whole(halves) is None
    assert ADMISSION.defect(Surface.CHAT, halves, streamed=True) == "unreadable"


def test_a_signature_comes_after_the_thoughts_it_seals() -> None:
    told = message("end_turn", {"type": "thinking", "thinking": "Hm.", "signature": "c2VhbA=="})
    events = joined(MESSAGES.frames(encoded(told)))
    assert b'"content_block":{"type":"thinking","thinking":"","signature":""}' in events
    assert events.index(b'"thinking_delta"') < events.index(b'"signature_delta"')
