"""A whole answer is cut into a stream and put together again: it is what it was, however the bytes are written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.types import Surface, Usage
from tests.protocols.anthropic.shapes import completion_of, events_of, message_of
from tests.protocols.replay.shapes import anthropic_messages, chats, completions, responses
from tests.protocols.replay.telling import (
    CHAT,
    COMPLETION,
    MESSAGES,
    REPLAYS,
    RESPONSES,
    chunks_of,
    decoded,
    encoded,
    joined,
    stream,
)

ANSWERS: dict[Surface, st.SearchStrategy[dict[str, Any]]] = {
    Surface.CHAT: chats(),
    Surface.COMPLETION: completions(),
    Surface.MESSAGES: anthropic_messages(),
    Surface.RESPONSES: responses(),
}
EVERY = pytest.mark.parametrize("surface", ANSWERS, ids=[surface.name for surface in ANSWERS])
USAGE = Usage(input_tokens=3, output_tokens=4)


def rewritten(events: bytes, way: str) -> bytes:
    """The same stream, as the standard allows it to be written."""
    match way:
        case "crlf":
            return events.replace(b"\n", b"\r\n")
        case "cr":
            return events.replace(b"\n", b"\r")
        case "comments":
            return b": begin\n\n" + events.replace(b"\n\n", b"\n: in between\n\n: awake\n\n")
        case "bom":
            return b"\xef\xbb\xbf" + events
        case "no space":
            return events.replace(b"\ndata: ", b"\ndata:").removesuffix(b"\n")
    return events


@EVERY
@given(data=st.data())
def test_whole_to_stream_to_whole(surface: Surface, data: st.DataObject) -> None:
    answer, replay = data.draw(ANSWERS[surface]), REPLAYS[surface]
    events = joined(replay.frames(encoded(answer), USAGE))
    assert decoded(replay.whole(events)) == answer
    way = data.draw(st.sampled_from(["crlf", "cr", "comments", "bom", "no space"]))
    assert decoded(replay.whole(rewritten(events, way))) == answer


@EVERY
@given(data=st.data())
def test_frames_are_whole_events_and_their_end_is_marked(surface: Surface, data: st.DataObject) -> None:
    answer, replay = data.draw(ANSWERS[surface]), REPLAYS[surface]
    frames = replay.frames(encoded(answer), USAGE)
    assert frames is not None
    assert all(frame.data.endswith(b"\n\n") for frame in frames)
    assert [frame.closing for frame in frames] == sorted(frame.closing for frame in frames)
    assert [frame.usage for frame in frames if frame.usage] == ([USAGE] if answer.get("usage") else [])
    again = replay.stored_frames(joined(frames), USAGE)
    assert joined(again) == joined(frames)
    assert sum(frame.events for frame in again) == sum(frame.events for frame in frames)
    assert [frame for frame in again if frame.closing] == [frame for frame in frames if frame.closing]
    assert [frame.closing for frame in again] == sorted(frame.closing for frame in again)


@pytest.mark.parametrize("colon", [b":", b": ", b" : ", b":  ", b":\t"])
def test_the_usage_ends_a_stream_however_it_is_spaced(colon: bytes) -> None:
    said = b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}], "usage"' + colon + b"null}\n\n"
    used = b'data: {"choices": [], "usage"' + colon + b'{"prompt_tokens": 1}}\n\n'
    frames = REPLAYS[Surface.CHAT].stored_frames(said + used + b"data: [DONE]\n\n", USAGE)
    assert [(frame.usage, frame.closing) for frame in frames] == [(None, False), (USAGE, True), (None, True)]


def test_a_text_comes_in_pieces_of_a_few_words() -> None:
    text = "The contract ends on the last day of March, unless one of both parties asks for more time in writing. " * 9
    message = {"role": "assistant", "content": text, "refusal": None}
    body = {"id": "c", "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}]}
    chunks = chunks_of(CHAT.frames(encoded(body)))
    said = [chunk["choices"][0]["delta"].get("content") for chunk in chunks]
    assert "".join(filter(None, said)) == text
    assert len(said) > 20
    assert all(len(piece) < 60 for piece in said if piece)
    assert all(piece.startswith(" ") for piece in said[2:] if piece)  # between words
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert chunks[-1]["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}


def test_log_probabilities_come_with_the_pieces_they_are_of() -> None:
    tokens = ["Yes", ",", " it", " is", " so", "."]
    entries = [{"token": token, "logprob": -0.5, "top_logprobs": []} for token in tokens]
    choice = {"index": 0, "message": {"role": "assistant", "content": "".join(tokens)}, "finish_reason": "stop"}
    body = {"choices": [{**choice, "logprobs": {"content": entries, "refusal": None}}]}
    for chunk in chunks_of(CHAT.frames(encoded(body))):
        [told] = chunk["choices"]
        piece, logprobs = told["delta"].get("content"), told["logprobs"]
        assert "".join(entry["token"] for entry in logprobs["content"]) == piece if logprobs else not piece


def test_choices_come_side_by_side() -> None:
    choices = [{"index": at, "text": "one two three four five six seven", "finish_reason": "stop"} for at in (1, 0)]
    order = [chunk["choices"][0]["index"] for chunk in chunks_of(COMPLETION.frames(encoded({"choices": choices})))]
    assert order[:4] == [1, 0, 1, 0]


@given(message=anthropic_messages())
def test_a_client_reads_the_message_from_the_stream(message: dict[str, Any]) -> None:
    """Another reader than ours. It knows no citations, so none are drawn for it."""
    message["content"] = [block for block in message["content"] if "citations" not in block]
    events = chunks_of(MESSAGES.frames(encoded(message), USAGE))
    assert message_of(events) == message


@given(message=anthropic_messages(), cuts=st.lists(st.integers(0, 40), max_size=3))
def test_a_stream_of_anthropics_own(message: dict[str, Any], cuts: list[int]) -> None:
    known = ("text", "thinking", "tool_use")
    message["content"] = [block for block in message["content"] if block["type"] in known and "citations" not in block]
    events = events_of(message, cuts)
    assert decoded(MESSAGES.whole(stream(*events, named=True))) == message


@given(answer=chats())
def test_a_client_reads_the_chat_from_the_stream(answer: dict[str, Any]) -> None:
    """Another reader than ours, of one choice and the fields that it knows."""
    choice = {**answer["choices"][0], "logprobs": None}
    names = ("role", "content", "refusal", "reasoning_content")
    message = {name: choice["message"].get(name) for name in names}
    answer |= {"choices": [{**choice, "message": message}], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}
    seen = completion_of(chunks_of(CHAT.frames(encoded(answer))))["choices"][0]
    for name in names:
        assert (seen["message"].get(name) or "") == (message[name] or "")
    assert seen["finish_reason"] == choice["finish_reason"]


@given(response=responses())
def test_the_events_of_a_response_make_its_items(response: dict[str, Any]) -> None:
    events = chunks_of(RESPONSES.frames(encoded(response)))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == response["output"]
    for item in response["output"]:
        for part in item.get("content", []):
            pieces = [event["delta"] for event in events if event["type"] == f"response.{part['type']}.delta"]
            assert (part.get("text") or part.get("refusal") or "") in "".join(pieces)
    without = [event if event["type"] != "response.completed" else ended(event) for event in events]
    assert decoded(RESPONSES.whole(stream(*without, named=True))) == response


def ended(event: dict[str, Any]) -> dict[str, Any]:
    """The end as some servers tell it: without the items, which were told before."""
    return {**event, "response": {**event["response"], "output": []}}


@EVERY
def test_an_answer_whose_json_is_in_several_lines(surface: Surface) -> None:
    answer = SIMPLE[surface]
    events = joined(REPLAYS[surface].frames(encoded(answer)))
    broken = events.replace(b'":{"', b'":\ndata: {"').replace(b'":[{', b'":\ndata: [{')
    assert broken != events
    assert decoded(REPLAYS[surface].whole(broken)) == answer


SIMPLE: dict[Surface, dict[str, Any]] = {
    Surface.CHAT: {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Yes.", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
    },
    Surface.COMPLETION: {
        "id": "cmpl-1",
        "object": "text_completion",
        "choices": [{"index": 0, "text": "Yes.", "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1},
    },
    Surface.MESSAGES: {
        "id": "msg_1",
        "type": "message",
        "content": [{"type": "text", "text": "Yes."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"output_tokens": 7},
    },
    Surface.RESPONSES: {
        "id": "resp_1",
        "status": "completed",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "Yes."}]}],
    },
}


def test_json_is_what_it_was_to_the_last_digit() -> None:
    given = '{"size":1.0,"deep":{"n":123456789012345678901234567890,"small":1e-7}}'
    block = '{"type":"tool_use","id":"t","name":"n","input":' + given + "}"
    body = '{"id":"m","type":"message","content":[' + block + '],"stop_reason":"tool_use","stop_sequence":null}'
    whole = MESSAGES.whole(joined(MESSAGES.frames(body.encode())))
    assert whole is not None
    assert given.encode() in whole
    assert json.loads(whole) == json.loads(body)
