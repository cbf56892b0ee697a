"""A chat's answer as a response: the shapes are checked with OpenAI's own client types."""

import contextlib
import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from homeport.core.errors import BadAnswer
from homeport.protocols.responses.answer import from_chat
from homeport.protocols.responses.stream import ResponseStream
from homeport.transport.sse import EventSplitter, data_of, events
from tests.protocols.values import json_values

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 4,
    "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Bern"}'}}
OTHER = {"id": "call_2", "type": "function", "function": {"name": "time", "arguments": "{}"}}
ASKED = {
    "model": "auto",
    "input": "Hello",
    "instructions": "Be kind.",
    "metadata": {"a": "b"},
    "tools": [{"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}],
    "text": {"verbosity": "low"},
    "previous_response_id": None,
}


def raw(fields: dict[str, Any]) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(json.dumps(fields), type=dict[str, msgspec.Raw])


def whole(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, "logprobs": None}
    body = {"id": "chatcmpl-1", "created": 1700000000, "model": "m-1", "usage": USAGE, **more, "choices": [choice]}
    told = dict(json.loads(from_chat(json.dumps(body).encode(), raw(ASKED), "x")))
    Response.model_validate(told, strict=True)
    return told


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **more}
    return json.dumps({"created": 1700000000, "model": "m-1", "choices": [choice]}).encode()


LAST = json.dumps({"created": 1700000000, "model": "m-1", "choices": [], "usage": USAGE}).encode()


def told_events(data: bytes) -> list[dict[str, Any]]:
    found = []
    for event in events(data):
        payload = data_of(event)
        assert payload is not None
        told = dict(json.loads(payload))
        assert event.startswith(f"event: {told['type']}\ndata: ".encode())
        found.append(told)
    return found


def stream(*chunks: bytes, asked: dict[str, Any] = ASKED) -> list[dict[str, Any]]:
    written = ResponseStream(raw(asked), "x")
    data = b"".join(written.feed(piece) for piece in chunks) + written.finish({"homeport": {"cost_usd": "0.1"}})
    found = told_events(data)
    check_order(found)
    return found


def check_order(found: list[dict[str, Any]]) -> None:
    """What any client may rely on: numbers without gaps, items opened before they grow, done after."""
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert [event["type"] for event in found[:2]] == ["response.created", "response.in_progress"]
    opened: dict[int, str] = {}
    grown: dict[tuple[int, int], str] = {}
    for event in found:
        EVENT.validate_python(event)
        index, part = event.get("output_index", -1), event.get("content_index", 0)
        match event["type"].removeprefix("response."):
            case "output_item.added":
                assert index == len(opened)
                opened[index] = event["item"]["id"]
            case "output_item.done":
                assert opened[index] == event["item"]["id"]
                opened[index] = "done"
            case kind if kind.endswith(".delta"):
                assert opened[index] == event["item_id"]
                grown[index, part] = grown.get((index, part), "") + event["delta"]
            case "output_text.done" | "reasoning_text.done":
                assert grown.get((index, part), "") == event["text"]
            case "refusal.done":
                assert grown[index, part] == event["refusal"]
            case "function_call_arguments.done":
                assert grown.get((index, part), "") == event["arguments"]
    assert set(opened.values()) <= {"done"}


def ended(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The response of the last event, without the receipt."""
    response = dict(found[-1]["response"])
    assert response.pop("homeport") == {"cost_usd": "0.1"}
    assert found[-1]["type"] == f"response.{response['status']}"
    items = [event["item"] for event in found if event["type"] == "response.output_item.done"]
    assert sorted(items, key=lambda item: item["id"]) == sorted(response["output"], key=lambda item: item["id"])
    return response


def test_a_text() -> None:
    told = whole({"content": "Hi there"})
    assert told["output"] == [
        {
            "id": "msg_x_0",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hi there", "annotations": [], "logprobs": []}],
        }
    ]
    assert told["usage"] == {
        "input_tokens": 11,
        "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 15,
    }
    assert (told["id"], told["object"], told["created_at"], told["model"]) == ("resp_x", "response", 1700000000, "m-1")
    assert (told["status"], told["error"], told["incomplete_details"]) == ("completed", None, None)
    assert Response.model_validate(told).output_text == "Hi there"


def test_the_request_is_repeated_and_what_a_chat_cannot_do_is_told() -> None:
    told = whole({"content": "Hi"})
    assert {name: told[name] for name in ("instructions", "metadata", "tools")} == {
        name: ASKED[name] for name in ("instructions", "metadata", "tools")
    }
    assert told["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert (told["tool_choice"], told["parallel_tool_calls"]) == ("auto", True)
    assert (told["store"], told["background"], told["previous_response_id"]) == (False, False, None)


def test_calls() -> None:
    told = whole({"content": None, "tool_calls": [CALL, OTHER]}, "tool_calls")
    assert told["status"] == "completed"
    assert [(item["type"], item["call_id"], item["name"], item["arguments"]) for item in told["output"]] == [
        ("function_call", "call_1", "weather", '{"city":"Bern"}'),
        ("function_call", "call_2", "time", "{}"),
    ]


def test_calls_as_other_servers_write_them() -> None:
    loose = {"function": {"name": "weather", "arguments": {"city": "Bern"}}}
    told = whole({"content": "", "tool_calls": [loose, loose]})["output"]
    assert [item["arguments"] for item in told] == ['{"city":"Bern"}'] * 2
    assert len({item["call_id"] for item in told}) == 2


def test_a_custom_call() -> None:
    told = whole({"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]})["output"]
    assert [(item["type"], item["name"], item["input"]) for item in told] == [("custom_tool_call", "sh", "ls")]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_stands_before_the_message(name: str) -> None:
    told = whole({"content": "9", name: "3 x 3"})["output"]
    assert [item["type"] for item in told] == ["reasoning", "message"]
    assert told[0]["content"] == [{"type": "reasoning_text", "text": "3 x 3"}]


def test_a_refusal() -> None:
    assert whole({"refusal": "No"})["output"][0]["content"] == [{"type": "refusal", "refusal": "No"}]


@pytest.mark.parametrize(("finish", "why"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_an_answer_that_was_cut_short(finish: str, why: str) -> None:
    told = whole({"content": "Hi", "tool_calls": [CALL]}, finish)
    assert (told["status"], told["incomplete_details"]) == ("incomplete", {"reason": why})
    assert [item["status"] for item in told["output"]] == ["completed", "incomplete"]


def test_an_answer_of_nothing_is_an_empty_message() -> None:
    told = whole({"content": ""})
    assert Response.model_validate(told).output_text == ""
    assert [item["type"] for item in told["output"]] == ["message"]


def test_log_probabilities() -> None:
    tokens = [{"token": "Hi", "bytes": [72, 105], "logprob": -0.1, "top_logprobs": []}]
    choice = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop", "logprobs": {"content": tokens}}
    told = json.loads(from_chat(json.dumps({"choices": [choice]}).encode(), raw(ASKED), "x"))
    assert told["output"][0]["content"][0]["logprobs"] == tokens
    found = stream(chunk({"content": "Hi"}, logprobs={"content": tokens}), LAST)
    assert [event["logprobs"] for event in found if "output_text" in event["type"]] == [tokens, tokens]


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": -1, "completion_tokens": 2}, "no", {"prompt_tokens": 1}])
def test_a_usage_that_makes_no_sense_is_none(usage: Any) -> None:
    assert whole({"content": "Hi"}, usage=usage)["usage"] is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"choices":[]}',
        b'{"choices":[{"message":null}]}',
        b'{"choices":[{"message":{"content":7}}]}',
        b'{"choices":[{"message":{"tool_calls":{}}}]}',
        b'{"choices":[{"message":{"content":"\xff"}}]}',
        b'{"choices":[{"message":{"content":"\\ud800"}}]}',
        b'{"choices":' + b"[" * 100_000,
    ],
)
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        from_chat(body, raw(ASKED), "x")


def test_a_stream() -> None:
    found = stream(
        chunk({"role": "assistant", "content": ""}), chunk({"content": "Hi"}), chunk({"content": " you"}), LAST
    )
    assert [event["type"].removeprefix("response.") for event in found] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert ended(found) == whole({"content": "Hi you"})


def test_calls_in_pieces_that_take_turns() -> None:
    def piece(index: int, arguments: str, **more: Any) -> bytes:
        return chunk({"tool_calls": [{"index": index, **more, "function": {"arguments": arguments}}]})

    found = stream(
        chunk({"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "weather", "arguments": ""}}]}),
        piece(0, '{"ci'),
        chunk({"tool_calls": [{"index": 1, "id": "call_2", "function": {"name": "time", "arguments": "{"}}]}),
        piece(0, 'ty":"Bern"}'),
        piece(1, "}", id="call_2"),
        chunk({}, "tool_calls"),
        LAST,
    )
    assert ended(found) == whole({"tool_calls": [CALL, OTHER]}, "tool_calls")


def test_calls_without_places_are_told_apart_by_their_ids() -> None:
    found = stream(chunk({"tool_calls": [CALL]}), chunk({"tool_calls": [OTHER]}), LAST)
    assert ended(found) == whole({"tool_calls": [CALL, OTHER]})


def test_thought_after_words_is_a_new_item() -> None:
    found = stream(chunk({"content": "a"}), chunk({"reasoning": "b"}), chunk({"content": "c"}), LAST)
    assert [item["type"] for item in ended(found)["output"]] == ["message", "reasoning", "message"]


def test_other_choices_are_not_told() -> None:
    other = json.dumps({"choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "length"}]}).encode()
    assert ended(stream(chunk({"content": "yes"}), other, LAST)) == whole({"content": "yes"})


def test_a_stream_that_breaks() -> None:
    written = ResponseStream(raw(ASKED), "x")
    data = written.feed(chunk({"content": "Hi"})) + written.fail("upstream_stream_cut", "it ended")
    found = told_events(data)
    assert [event["type"] for event in found[-2:]] == ["error", "response.failed"]
    assert (found[-2]["code"], found[-2]["message"]) == ("upstream_stream_cut", "it ended")
    assert found[-1]["response"]["status"] == "failed"
    assert found[-1]["response"]["error"] == {"code": "server_error", "message": "it ended"}
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    for event in found:
        EVENT.validate_python(event)


def pieces(text: str) -> st.SearchStrategy[list[str]]:
    cuts = st.lists(st.integers(0, len(text)), max_size=4).map(lambda places: [0, *sorted(places), len(text)])
    return cuts.map(lambda places: [text[start:end] for start, end in itertools.pairwise(places)])


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


@given(
    st.data(),
    texts | st.just(""),
    texts,
    st.lists(texts, max_size=3),
    st.sampled_from(["stop", "length", "tool_calls"]),
)
def test_a_stream_says_what_the_whole_says(
    data: st.DataObject, thought: str, text: str, arguments: list[str], finish: str
) -> None:
    calls = [
        {"id": f"call_{place}", "type": "function", "function": {"name": "f", "arguments": said}}
        for place, said in enumerate(arguments)
    ]
    chunks = [chunk({"reasoning_content": piece}) for piece in data.draw(pieces(thought))]
    chunks += [chunk({"content": piece}) for piece in data.draw(pieces(text))]
    for place, call in enumerate(calls):
        chunks.append(chunk({"tool_calls": [{**call, "index": place, "function": {"name": "f", "arguments": ""}}]}))
        for piece in data.draw(pieces(arguments[place])):
            chunks.append(chunk({"tool_calls": [{"index": place, "function": {"arguments": piece}}]}))
    found = stream(*chunks, chunk({}, finish), LAST)
    assert ended(found) == whole({"reasoning_content": thought, "content": text, "tool_calls": calls}, finish)


def test_events_survive_any_cut() -> None:
    written = ResponseStream(raw(ASKED), "x")
    data = written.feed(chunk({"content": "Zürich\n\n\r\n"})) + written.finish({})
    expected = told_events(data)
    for size in range(1, len(data)):
        splitter = EventSplitter()
        joined = b"".join(splitter.feed(data[start : start + size]) for start in range(0, len(data), size))
        assert told_events(joined) == expected


fields = st.dictionaries(
    st.sampled_from(["choices", "usage", "created", "model", "service_tier"]), json_values, max_size=3
)
deltas = st.dictionaries(st.sampled_from(["content", "refusal", "reasoning", "tool_calls"]), json_values, max_size=3)
choices = st.lists(st.fixed_dictionaries({"index": st.integers(0, 1), "delta": deltas, "message": deltas}), max_size=2)


@given(st.lists(st.tuples(fields, choices), max_size=3))
def test_whatever_comes_is_told_or_a_bad_answer(answers: list[tuple[dict[str, Any], list[Any]]]) -> None:
    written = ResponseStream(raw(ASKED), "x")
    for given_fields, given_choices in answers:
        for body in ({**given_fields, "choices": given_choices}, given_fields):
            try:
                written.feed(json.dumps(body).encode())
                from_chat(json.dumps(body).encode(), raw(ASKED), "x")
            except BadAnswer:
                continue
    assert told_events(written.finish({}))


def test_log_probabilities_that_are_almost_too_deep_are_told_or_a_bad_answer() -> None:
    for depth in range(900, 1_000):
        written = ResponseStream(raw(ASKED), "x")
        data = chunk({"content": "a"}, logprobs={"content": ["DEEP"]}).replace(b'"DEEP"', b"[" * depth + b"]" * depth)
        with contextlib.suppress(BadAnswer):
            written.feed(data)
        assert written.finish({})


def test_a_text_format_that_is_almost_too_deep_is_told_whole_or_not_at_all() -> None:
    counts = []
    for depth in (500, *range(900, 1_000)):
        nested = b"[" * depth + b"]" * depth
        asked = {"model": msgspec.Raw(b'"auto"'), "text": msgspec.Raw(b'{"format":' + nested + b',"verbosity":null}')}
        written = ResponseStream(asked, "x")
        told = written.feed(chunk({"content": "a"})) + written.finish({})
        counts.append(
            told.count(b'"text":{"format":' + nested + b"}") or -told.count(b'"text":{"format":{"type":"text"}}')
        )
    assert counts[0] == 3, "created, in progress, completed"
    assert set(counts) <= {3, -3}
