"""Answers, usage and errors of either family in the other's words, case by case."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import BadAnswer
from homeport.core.types import Usage
from homeport.protocols.anthropic.answer import answer_from_chat, answer_to_chat
from homeport.protocols.anthropic.errors import error_from_chat, error_to_chat, status_of, type_of
from homeport.protocols.anthropic.usage import chat_usage, messages_usage, usage_of_chat, usage_of_messages
from tests.protocols.anthropic.shapes import VALUES, plain


def chat(*content: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"id": "msg_1", "model": "m", "content": content, "stop_reason": "end_turn", **more}
    choice: dict[str, Any] = plain(answer_to_chat(json.dumps(body).encode())[0])["choices"][0]
    return choice


def message(finish: str | None = "stop", *, choice: dict[str, Any] | None = None, **said: Any) -> dict[str, Any]:
    body = {
        "id": "c1",
        "model": "m",
        "choices": [{"index": 0, "finish_reason": finish, "message": said, **(choice or {})}],
    }
    told: dict[str, Any] = plain(answer_from_chat(json.dumps(body).encode())[0])
    return told


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("unheard_of", "stop"),
        (None, "stop"),
    ],
)
def test_why_a_message_ended(stop: str | None, finish: str) -> None:
    assert chat(stop_reason=stop)["finish_reason"] == finish


@pytest.mark.parametrize(
    ("finish", "stop"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("function_call", "tool_use"),
        ("content_filter", "refusal"),
        ("eos", "end_turn"),
        (None, "end_turn"),
    ],
)
def test_why_a_completion_ended(finish: str | None, stop: str) -> None:
    assert message(finish, content="x")["stop_reason"] == stop


def test_a_call_is_a_reason_even_where_the_server_says_stop() -> None:
    calls = [{"id": "a", "type": "function", "function": {"name": "w", "arguments": ""}}]
    told = message("stop", content="", tool_calls=calls)
    assert told["stop_reason"] == "tool_use"
    assert told["content"] == [{"type": "tool_use", "id": "a", "name": "w", "input": {}}]


def test_stop_sequences_are_told() -> None:
    assert chat(stop_reason="stop_sequence", stop_sequence="###")["stop_reason"] == "###"
    told = message("stop", content="x", choice={"stop_reason": "###"})
    assert (told["stop_reason"], told["stop_sequence"]) == ("stop_sequence", "###")
    assert message("stop", content="x", choice={"stop_reason": 128009})["stop_sequence"] is None, "a token is no text"


def test_texts_are_joined_without_a_byte_between() -> None:
    said = chat({"type": "text", "text": "A", "citations": []}, {"type": "text", "text": "ä"}, {"type": "new_kind"})
    assert said["message"]["content"] == "Aä"
    assert message(content=[{"type": "text", "text": "A"}, {"type": "text", "text": "b"}])["content"] == [
        {"type": "text", "text": "Ab"}
    ]


def test_nothing_said() -> None:
    assert chat()["message"] == {"role": "assistant", "content": "", "refusal": None}
    assert message(content=None)["content"] == []


def test_refusals() -> None:
    details = {"type": "refusal", "category": None, "explanation": "No."}
    said = chat(stop_reason="refusal", stop_details=details)
    assert said["message"]["refusal"] == "No."
    told = message("stop", content=None, refusal="No.")
    assert told["content"] == [{"type": "text", "text": "No."}]
    assert told["stop_reason"] == "refusal"


def test_thinking_keeps_its_signature() -> None:
    signed = {"type": "thinking", "thinking": "hm", "signature": "Eq=="}
    sealed = {"type": "redacted_thinking", "data": "opaque"}
    said = chat(signed, sealed, {"type": "text", "text": "Yes"})["message"]
    assert said["reasoning_content"] == "hm"
    assert said["thinking_blocks"] == [signed, sealed]
    assert message(**said)["content"] == [signed, sealed, {"type": "text", "text": "Yes"}]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thinking_of_others_has_no_signature(name: str) -> None:
    thought: dict[str, Any] = {name: "hm"}
    told = message(content="Yes", **thought)["content"]
    assert told == [{"type": "thinking", "thinking": "hm", "signature": ""}, {"type": "text", "text": "Yes"}]


def test_calls_without_an_id_get_one() -> None:
    calls = [{"function": {"name": "w", "arguments": "{}"}}, {"function": {"name": "w", "arguments": " "}}]
    ids = [block["id"] for block in message(content=None, tool_calls=calls)["content"]]
    assert len(set(ids)) == 2
    assert all(ids)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b'{"content":' + b"[" * 20_000,
        b'{"content":"text"}',
        b'{"content":[{"type":"tool_use","id":"a","name":"b","input":[]}]}',
        b'{"content":[{"type":"tool_use","id":"a","name":"b"}]}',
        b'{"content":[{"type":"tool_use","name":"b","input":{}}]}',
        b'{"content":[{"type":"text","text":3}]}',
    ],
)
def test_no_message(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        answer_to_chat(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":[{}]}',
        b'{"choices":[{"message":{"content":3}}]}',
        b'{"choices":[{"message":{"tool_calls":[{"function":{"name":"w","arguments":"[1"}}]}}]}',
        b'{"choices":[{"message":{"tool_calls":[{"function":{"arguments":"{}"}}]}}]}',
        b'{"choices":[{"message":{"content":"\xff"}}]}',
    ],
)
def test_no_completion(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        answer_from_chat(body)


@given(st.dictionaries(st.sampled_from(["content", "id", "stop_reason", "usage", "model"]), VALUES))
def test_hostile_messages_raise_nothing_else(body: Any) -> None:
    with suppress(BadAnswer):
        answer_to_chat(json.dumps(body).encode())


@given(st.dictionaries(st.sampled_from(["content", "refusal", "tool_calls", "reasoning"]), VALUES), VALUES)
def test_hostile_completions_raise_nothing_else(said: Any, usage: Any) -> None:
    with suppress(BadAnswer):
        answer_from_chat(json.dumps({"choices": [{"message": said}], "usage": usage}).encode())


def test_no_token_counts_twice() -> None:
    reported = {
        "input_tokens": 10,
        "cache_read_input_tokens": 200,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
        "output_tokens": 7,
        "output_tokens_details": {"thinking_tokens": 4},
    }
    usage = Usage(
        input_tokens=240,
        cached_input_tokens=200,
        cache_write_tokens=30,
        long_cache_write_tokens=10,
        output_tokens=7,
        reasoning_tokens=4,
    )
    assert usage_of_messages(reported) == usage
    assert messages_usage(usage) == reported
    assert chat_usage(usage) == {
        "prompt_tokens": 240,
        "completion_tokens": 7,
        "total_tokens": 247,
        "prompt_tokens_details": {"cached_tokens": 200, "cache_write_tokens": 30},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }


COUNT = st.integers(0, 10**6)


@given(COUNT, COUNT, COUNT, COUNT)
def test_usage_comes_back(fresh: int, read: int, written: int, output: int) -> None:
    reported = {
        "input_tokens": fresh,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "output_tokens": output,
    }
    usage = usage_of_messages(reported)
    assert usage is not None
    assert usage.input_tokens == fresh + read + written
    assert usage_of_chat(chat_usage(usage)) == usage
    assert usage_of_messages(messages_usage(usage)) == usage


@given(VALUES)
def test_usage_that_makes_no_sense_is_none_or_sound(reported: Any) -> None:
    for read in (usage_of_chat, usage_of_messages):
        usage = read(reported) or Usage()
        assert usage.cached_input_tokens + usage.cache_write_tokens <= usage.input_tokens
        assert usage.long_cache_write_tokens <= usage.cache_write_tokens
        assert usage.reasoning_tokens <= usage.output_tokens


@pytest.mark.parametrize("nonsense", [-1, "5", 1.5, True, None, [], 10**10])
def test_counts_that_make_no_sense(nonsense: Any) -> None:
    assert usage_of_messages({"input_tokens": nonsense, "output_tokens": 1}) is None
    assert usage_of_chat({"prompt_tokens": 5, "completion_tokens": nonsense}) is None
    details = {"cached_tokens": nonsense, "cache_write_tokens": 9}
    assert usage_of_chat({"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": details}) == Usage(
        input_tokens=5, cache_write_tokens=5, output_tokens=1
    )


def test_errors_have_both_shapes() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}'
    told = error_to_chat(body)["error"]
    assert told == {"message": "Overloaded", "type": "overloaded_error", "param": None, "code": None}
    openai = b'{"error":{"message":"No such model","type":"invalid_request_error","code":"model_not_found"}}'
    assert error_from_chat(404, openai, "req_2") == {
        "type": "error",
        "error": {"type": "not_found_error", "message": "No such model"},
        "request_id": "req_2",
    }


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b'{"error":[]}', b'{"error":{"message":3,"type":[]}}', b"[" * 20_000]
)
def test_errors_that_say_nothing(body: bytes) -> None:
    assert error_to_chat(body)["error"]["type"] == "api_error"
    assert error_from_chat(502, body)["error"] == {"type": "api_error", "message": "the upstream gave no reason"}


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_types_of_errors(status: int, name: str) -> None:
    assert type_of(status) == name
    assert type_of(status_of(name)) == name


@pytest.mark.parametrize("nonsense", [None, 3, "unheard_of", []])
def test_an_unknown_type_is_a_failure(nonsense: Any) -> None:
    assert status_of(nonsense) == 500
