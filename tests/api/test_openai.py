"""Bodies as OpenAI's documentation has them are understood, and go on as they came."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.api.openai import OpenAIDialect
from homeport.core.types import Inference, Surface

USER = {"role": "user", "content": "Hello!"}
CHAT = {"model": "gpt-5.4", "messages": [USER]}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {"type": "string", "description": "The city and state"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["location"],
        },
        "strict": True,
    },
}
CALL = {"id": "call_abc", "type": "function", "function": {"name": "get_current_weather", "arguments": '{"a":1}'}}
SCHEMA = {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"], "additionalProperties": False}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.jpg", "detail": "low"}}

NULLABLE = [
    *("stream", "stream_options", "temperature", "top_p", "n", "seed", "stop", "max_tokens", "logit_bias", "user"),
    *("presence_penalty", "frequency_penalty", "max_completion_tokens", "logprobs", "top_logprobs", "tools"),
    *("tool_choice", "parallel_tool_calls", "response_format"),
]

CHATS: dict[str, dict[str, Any]] = {
    "plain": {},
    "developer": {"messages": [{"role": "developer", "content": "You are helpful."}, USER]},
    "image": {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, IMAGE]}]},
    "audio": {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "UklG"}}]}]},
    "tools": {"tools": [WEATHER], "tool_choice": "auto", "parallel_tool_calls": False},
    "tool choice": {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "f"}}},
    "tool without parameters": {"tools": [{"type": "function", "function": {"name": "now"}}]},
    "custom tool": {"tools": [{"type": "custom", "custom": {"name": "shell"}}]},
    "tool answer": {
        "messages": [
            USER,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_abc", "content": "22"},
        ]
    },
    "refusal": {"messages": [USER, {"role": "assistant", "refusal": "no"}]},
    "function role": {"messages": [USER, {"role": "function", "name": "f", "content": "1"}]},
    "json mode": {"response_format": {"type": "json_object"}},
    "json schema": {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}},
    "logprobs": {"logprobs": True, "top_logprobs": 2},
    "one stop": {"stop": "\n"},
    "stops": {"stop": ["\n", "END"]},
    "sampling": {"temperature": 0, "top_p": 1, "presence_penalty": -2, "frequency_penalty": 2.0, "n": 2, "seed": -1},
    "bias": {"logit_bias": {"50256": -100}},
    "limits": {"max_completion_tokens": 100},
    "nulls": dict.fromkeys(NULLABLE),
    "newer fields": {"reasoning_effort": "low", "metadata": {"a": "b"}, "store": False, "service_tier": "flex"},
    "of other servers": {"top_k": 40, "min_p": 0.05, "guided_json": SCHEMA, "chat_template_kwargs": {"x": True}},
}
PROMPTS: dict[str, Any] = {
    "text": "Say this is a test",
    "texts": ["a", "b"],
    "tokens": [1, 2, 3],
    "lists of tokens": [[1, 2], [3]],
    "empty text": "",
}


def decode(body: dict[str, Any], surface: Surface = Surface.CHAT) -> Inference:
    sent = json.dumps(body).encode()
    inference = OpenAIDialect().decode(surface, sent)
    assert json.loads(msgspec.json.encode(inference.fields)) == body, "every field goes on"
    assert (inference.surface, inference.model) == (surface, body["model"])
    return inference


@pytest.mark.parametrize("case", CHATS)
def test_chat(case: str) -> None:
    inference = decode({**CHAT, **CHATS[case]})
    assert not inference.stream


@pytest.mark.parametrize("case", PROMPTS)
def test_completions(case: str) -> None:
    decode({"model": "m", "prompt": PROMPTS[case], "logprobs": 5, "echo": True, "best_of": 2}, Surface.COMPLETION)


@pytest.mark.parametrize("case", PROMPTS)
def test_embeddings(case: str) -> None:
    decode({"model": "m", "input": PROMPTS[case], "encoding_format": "float", "dimensions": 256}, Surface.EMBEDDING)


@pytest.mark.parametrize(
    ("fields", "stream", "wants_usage"),
    [
        ({}, False, False),
        ({"stream": False}, False, False),
        ({"stream": True}, True, False),
        ({"stream": True, "stream_options": None}, True, False),
        ({"stream": True, "stream_options": {}}, True, False),
        ({"stream": True, "stream_options": {"include_usage": False, "other": 1}}, True, False),
        ({"stream": True, "stream_options": {"include_usage": True}}, True, True),
    ],
)
def test_streams(fields: dict[str, Any], stream: bool, wants_usage: bool) -> None:
    for inference in (decode({**CHAT, **fields}), decode({"model": "m", "prompt": "x", **fields}, Surface.COMPLETION)):
        assert (inference.stream, inference.wants_usage) == (stream, wants_usage)


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": 5},
        {"max_completion_tokens": 7},
        {"max_tokens": 5, "max_completion_tokens": 7},
        {"max_tokens": 5, "max_completion_tokens": None},
    ],
)
def test_limits_reach_the_upstream_as_they_are(fields: dict[str, Any]) -> None:
    decoded = decode({**CHAT, **fields}).fields
    assert {name: json.loads(bytes(decoded[name])) for name in fields} == fields


@pytest.mark.parametrize(
    ("fields", "deterministic"),
    [
        ({"seed": 0, "temperature": 0}, True),
        ({"seed": 7, "temperature": 0.0}, True),
        ({"seed": 7, "temperature": 0.1}, False),
        ({"seed": 7}, False),
        ({"temperature": 0}, False),
        ({"seed": None, "temperature": 0}, False),
    ],
)
def test_deterministic(fields: dict[str, Any], deterministic: bool) -> None:
    assert decode({**CHAT, **fields}).deterministic is deterministic


@pytest.mark.parametrize(
    ("surface", "fields", "characters"),
    [
        (Surface.CHAT, {"messages": [USER, {"role": "system", "content": "Grüße"}]}, 11),
        (Surface.CHAT, {"messages": [{"role": "user", "content": [{"type": "text", "text": "abc"}, IMAGE]}]}, 3),
        (Surface.CHAT, {"messages": [{"role": "assistant", "content": None, "tool_calls": [CALL]}]}, 0),
        (Surface.COMPLETION, {"prompt": "abcd"}, 4),
        (Surface.COMPLETION, {"prompt": ["ab", "c"]}, 3),
        (Surface.COMPLETION, {"prompt": [11, 12, 13]}, 12),
        (Surface.EMBEDDING, {"input": [[1, 2], [3]]}, 12),
    ],
)
def test_the_size_of_the_prompt(surface: Surface, fields: dict[str, Any], characters: int) -> None:
    assert decode({"model": "m", **fields}, surface).input_chars == characters


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(min_size=1).map(lambda name: f"x_{name}"), values, max_size=4), st.sampled_from([None, 2])
)
def test_unknown_fields_survive_byte_for_byte(unknown: dict[str, Any], indent: int | None) -> None:
    written = {name: json.dumps(value, indent=indent).encode() for name, value in unknown.items()}
    pairs = [json.dumps(name).encode() + b" :\t" + value for name, value in written.items()]
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}]' + b"".join(b" , " + pair for pair in pairs) + b"}"
    fields = OpenAIDialect().decode(Surface.CHAT, body).fields
    assert {name: bytes(fields[name]) for name in unknown} == written
    assert list(fields) == ["model", "messages", *unknown]


@pytest.mark.parametrize("number", ["1.10", "1e400", "-0", "123456789012345678901234567890", "1E-7"])
def test_a_number_is_not_rewritten(number: str) -> None:
    body = f'{{"model":"m","messages":[{{"role":"user","content":"x"}}],"new":[{number}]}}'
    fields = OpenAIDialect().decode(Surface.CHAT, body.encode()).fields
    assert bytes(fields["new"]) == f"[{number}]".encode()


def test_of_two_fields_of_one_name_all_see_the_last() -> None:
    body = b'{"model":"a","messages":[{"role":"user","content":"x"}],"model":"b","new":1,"new":2}'
    inference = OpenAIDialect().decode(Surface.CHAT, body)
    assert inference.model == "b"
    assert (bytes(inference.fields["model"]), bytes(inference.fields["new"])) == (b'"b"', b"2")
