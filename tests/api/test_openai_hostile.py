"""Whatever is sent, the answer is a request or an `InvalidRequest` that says what is wrong."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.api.openai import OpenAIDialect
from homeport.core.errors import InvalidRequest
from homeport.core.types import Inference, Surface

CODES = {"invalid_json", "invalid_utf8", "json_too_deep", "invalid_value"}
BODIES = {
    Surface.CHAT: '{"model":"m","messages":[{"role":"user","content":"x"}],%s}',
    Surface.COMPLETION: '{"model":"m","prompt":"x",%s}',
    Surface.EMBEDDING: '{"model":"m","input":"x",%s}',
}
every_surface = pytest.mark.parametrize("surface", list(BODIES))


def refusal(body: bytes, surface: Surface = Surface.CHAT) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        OpenAIDialect().decode(surface, body)
    assert caught.value.code in CODES
    assert caught.value.message
    assert len(caught.value.message) < 500
    return caught.value


def with_field(text: str, surface: Surface = Surface.CHAT) -> bytes:
    return (BODIES[surface] % text).encode()


@every_surface
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"}",
        b"nul",
        b'{"model"',
        b"{'model':'m'}",
        b"\xef\xbb\xbf{}",
        b"\x00",
        b"{} {}",
        b"{},",
        b"<a/>",
    ],
)
def test_what_is_not_json(surface: Surface, body: bytes) -> None:
    assert refusal(body, surface).code in {"invalid_json"} | ({"invalid_value"} if body.startswith(b"{}") else set())


@every_surface
@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"1.5", b"true", b"null", b"[{}]"])
def test_what_is_not_an_object(surface: Surface, body: bytes) -> None:
    error = refusal(body, surface)
    assert error.code == "invalid_value"
    assert "Expected `object`" in error.message


@every_surface
@pytest.mark.parametrize(
    "body", [b"\xff", b'{"model":"\xff"}', b'{"x":"\xc3"}', b'{"x":"\xed\xa0\x80"}', b"\xff\xfe{\x00}\x00"]
)
def test_what_is_not_utf8(surface: Surface, body: bytes) -> None:
    assert refusal(body, surface).code == "invalid_utf8"


@every_surface
@pytest.mark.parametrize(
    "literal", ["NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "0x1", "'a'", "undefined", "1_0"]
)
@pytest.mark.parametrize("field", ["x", "seed"])
def test_literals_that_json_does_not_have(surface: Surface, literal: str, field: str) -> None:
    assert refusal(with_field(f'"{field}":{literal}', surface), surface).code == "invalid_json"


@every_surface
@pytest.mark.parametrize("text", [r"\ud800", r"\udc00", r"\ud800A", r"\ud800\ud800", r"\u12", r"\x", "\x01", "\n"])
@pytest.mark.parametrize("field", ["x", "model", "user"])
def test_text_that_is_none(surface: Surface, text: str, field: str) -> None:
    assert refusal(with_field(f'"{field}":"{text}"', surface), surface).code == "invalid_json"


HUGE = "1" * 5_000


@pytest.mark.parametrize("number", ["1e400", "-1e400", HUGE, "-" + HUGE, "1e99999999999999999999"])
@pytest.mark.parametrize(
    "field",
    [
        '"temperature":%s',
        '"seed":%s',
        '"max_tokens":%s',
        '"logit_bias":{"1":%s}',
        '"tools":[{"type":"function","function":{"name":"f","parameters":{"x":%s}}}]',
        '"tool_choice":{"x":[%s]}',
        '"response_format":{"type":"json_schema","json_schema":{"schema":{"maximum":%s}}}',
    ],
)
def test_numbers_beyond_all_bounds(field: str, number: str) -> None:
    assert refusal(with_field(field % number)).code == "invalid_value"


DEEP = "[" * 10_000 + "]" * 10_000
DEEP_OBJECT = '{"a":' * 10_000 + "1" + "}" * 10_000


@pytest.mark.parametrize(
    "deep", [DEEP, DEEP_OBJECT, "[" * 10_000, '[{"a":' * 5_000], ids=["array", "object", "open", "mixed"]
)
@pytest.mark.parametrize(
    "field",
    [
        '"x":%s',
        '"tools":[{"type":"function","function":{"name":"f","parameters":{"x":%s}}}]',
        '"tool_choice":{"x":%s}',
        '"response_format":{"type":"json_schema","json_schema":{"schema":{"x":%s}}}',
    ],
)
def test_nesting_without_end(field: str, deep: str) -> None:
    error = refusal(with_field(field % deep))
    assert error.code == "json_too_deep"
    assert error.hint


@pytest.mark.parametrize("field", ["messages", "stop", "model", "stream_options", "logit_bias", "temperature"])
def test_nesting_where_something_else_belongs(field: str) -> None:
    error = refusal(with_field(f'"{field}":{DEEP}'))
    assert error.code in {"invalid_value", "json_too_deep"}


@pytest.mark.parametrize("deep", [DEEP, DEEP_OBJECT], ids=["array", "object"])
@every_surface
def test_nesting_as_the_whole_body(deep: str, surface: Surface) -> None:
    refusal(deep.encode(), surface)


SAMPLING: dict[str, list[Any]] = {
    "model": [1, None, "", "m" * 257, ["m"], {}],
    "stream": ["true", 1, []],
    "stream_options": [True, "x", [], {"include_usage": "yes"}],
    "temperature": ["hot", -0.1, 2.1, True, [], {}],
    "top_p": [-1, 1.1, "1"],
    "n": [0, 129, 1.5, True, "1"],
    "seed": [1.5, "1", True, 2**63, 10**30],
    "stop": [1, {}, ["a", 1], ["a"] * 17],
    "max_tokens": [0, -1, 1.5, "10", 10**12],
    "presence_penalty": [-2.1, 2.1, "0"],
    "frequency_penalty": [-2.1, 2.1, []],
    "logit_bias": [[], {"1": "x"}, 1],
    "user": [1, {}, []],
}
WRONG: dict[Surface, dict[str, list[Any]]] = {
    Surface.CHAT: {
        **SAMPLING,
        "messages": [None, "hi", {}, [], [1], [None], ["hi"], [{}], [{"content": "x"}], [{"role": "", "content": "x"}]],
        "messages ": [[{"role": 1}], [{"role": "user", "content": 5}], [{"role": "user", "content": [{}]}]],
        "messages  ": [[{"role": "user", "content": [{"type": "text", "text": 5}]}], [{"role": "r" * 65}]],
        "messages   ": [[{"role": "tool", "tool_call_id": 1}], [{"role": "assistant", "tool_calls": [1]}]],
        "messages    ": [[{"role": "assistant", "tool_calls": [{"function": {"name": 1}}]}]],
        "max_completion_tokens": [0, "1"],
        "logprobs": [1, "true"],
        "top_logprobs": [-1, 21, True],
        "tools": [
            {},
            [1],
            [{}],
            [{"type": "function", "function": {}}],
            [{"type": "function", "function": {"name": ""}}],
        ],
        "tools ": [[{"type": "function", "function": {"name": "f", "parameters": []}}]],
        "tool_choice": [1, []],
        "parallel_tool_calls": ["x"],
        "response_format": ["json", {}, {"type": 1}, {"type": "json_schema", "json_schema": {"schema": []}}],
    },
    Surface.COMPLETION: {
        **SAMPLING,
        "prompt": [None, 1, {}, [], [None], [1.5], [-1], [2**31], [[]] * 2049, [["a"]], [[[1]]], [True]],
        "logprobs": [True, -1, 21],
        "echo": [1],
        "suffix": [1],
        "best_of": [0, 21],
    },
    Surface.EMBEDDING: {
        "model": SAMPLING["model"],
        "input": [None, 1, {}, [], [None], ["a"] * 2049],
        "dimensions": [0, 1.5, "256"],
        "encoding_format": [1],
        "user": [1],
    },
}
CASES = [
    (surface, name.strip(), value) for surface in BODIES for name, values in WRONG[surface].items() for value in values
]


@pytest.mark.parametrize(("surface", "field", "value"), CASES, ids=lambda value: repr(value)[:30])
def test_wrong_values_are_told_with_their_field(surface: Surface, field: str, value: Any) -> None:
    body = {**json.loads(BODIES[surface] % '"x":1'), field: value}
    error = refusal(json.dumps(body).encode(), surface)
    assert error.code == "invalid_value"
    assert error.param.startswith(field)
    assert len(repr(value)) < 5 or repr(value) not in error.message


@every_surface
def test_what_is_missing_is_named(surface: Surface) -> None:
    assert "`model`" in refusal(b"{}", surface).message
    main = {Surface.CHAT: "messages", Surface.COMPLETION: "prompt", Surface.EMBEDDING: "input"}[surface]
    assert f"`{main}`" in refusal(b'{"model":"m"}', surface).message


def test_a_message_never_quotes_the_prompt() -> None:
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": {"secret prompt": 1}}],
        "temperature": "secret prompt",
    }
    assert "secret" not in refusal(json.dumps(body).encode()).message


@given(st.sampled_from(list(BODIES)), st.binary(max_size=200))
def test_random_bytes(surface: Surface, body: bytes) -> None:
    decode_or_refuse(surface, body)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
FIELDS = sorted(
    {name.strip() for fields in WRONG.values() for name in fields} | {"role", "content", "type", "function"}
)
likely = st.recursive(
    anything, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5)
)


@given(st.sampled_from(list(BODIES)), st.dictionaries(st.sampled_from(FIELDS), likely, max_size=6), st.booleans())
def test_random_json(surface: Surface, fields: dict[str, Any], complete: bool) -> None:
    body = {**json.loads(BODIES[surface] % '"x":1'), **fields} if complete else fields
    decode_or_refuse(surface, json.dumps(body).encode())


@given(st.sampled_from(list(BODIES)), st.data())
def test_valid_json_that_was_damaged(surface: Surface, data: st.DataObject) -> None:
    body = bytearray(with_field('"stop":["a","\\u00e9"],"temperature":0.5,"new":{"deep":[1,2,{"x":null}]}', surface))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place : place + 1] = data.draw(st.binary(max_size=2))
    decode_or_refuse(surface, bytes(body))


def decode_or_refuse(surface: Surface, body: bytes) -> None:
    """And what is let through is JSON, so that no upstream has to say that it is not."""
    inference, error = _decoded(surface, body)
    if error is not None:
        assert error.code in CODES
        error.message.encode()
    if inference is not None:
        assert inference.input_chars >= 0
        json.loads(msgspec.json.encode(inference.fields))
        inference.model.encode()


def _decoded(surface: Surface, body: bytes) -> tuple[Inference | None, InvalidRequest | None]:
    try:
        return OpenAIDialect().decode(surface, body), None
    except InvalidRequest as error:
        return None, error
