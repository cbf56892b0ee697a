"""Requests that nobody should send: each is translated or refused by name, and nothing else happens."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from homeport.core.errors import InvalidRequest
from homeport.protocols.anthropic import chat, messages
from homeport.protocols.anthropic.request_from_chat import request_from_chat
from homeport.protocols.anthropic.request_to_chat import request_to_chat
from tests.protocols.anthropic.shapes import VALUES, fields, messages_requests, plain

Translate = Callable[[Mapping[str, Raw]], dict[str, Raw]]
both = pytest.mark.parametrize("translate", [request_to_chat, request_from_chat])

REQUIRED = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}
NAMES = sorted({*messages.MessagesRequest.__struct_fields__, *chat.ChatRequest.__struct_fields__})


def translate_or_refuse(translate: Translate, given: Mapping[str, Raw]) -> None:
    """A refusal says where, or which field is missing."""
    try:
        plain(translate(given))
    except InvalidRequest as error:
        refusal = error
    else:
        return
    assert refusal.param or "field" in refusal.message


@both
@given(more=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3))
def test_fields_of_any_kind(translate: Translate, more: Any) -> None:
    translate_or_refuse(translate, fields({**REQUIRED, **more}))


@st.composite
def disturbed(draw: st.DrawFn) -> dict[str, Any]:
    """A good request with one value somewhere inside replaced or removed."""
    request = deepcopy(draw(messages_requests()))
    holder: Any = request
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = draw(st.sampled_from(keys))
        inner = holder[key]
        if not (isinstance(inner, dict | list) and inner and draw(st.booleans())):
            break
        holder = inner
    if draw(st.booleans()):
        holder[key] = draw(VALUES)
    else:
        del holder[key]
    return request


@both
@given(request=disturbed())
def test_one_thing_wrong(translate: Translate, request: Any) -> None:
    translate_or_refuse(translate, fields(request))


@both
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"user_id":"\xff"}', "invalid_utf8"),
        (b'{"user_id":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "json_too_deep"),
        (b'{"user_id":"\\ud800"}', "invalid_json"),
        (b'{"user_id":NaN}', "invalid_json"),
        (b"", "invalid_json"),
    ],
)
def test_what_is_not_json(translate: Translate, raw: bytes, code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        translate({**fields(REQUIRED), "store": Raw(raw)})
    assert caught.value.code == code


@both
def test_broken_text_inside_a_value_that_is_kept_raw(translate: Translate) -> None:
    with pytest.raises(InvalidRequest) as caught:
        translate({**fields(REQUIRED), "unknown": Raw(b'"\xff"')})
    assert caught.value.code == "invalid_utf8"


def test_numbers_and_the_order_of_keys_survive() -> None:
    """A call's input is the caller's own bytes, so 1.0 stays 1.0 and z stays before a."""
    given = '{"z": 1.0, "a": 12345678901234567890.5}'
    block = f'{{"type":"tool_use","id":"t","name":"w","input":{given}}}'
    raw = Raw(f'[{{"role":"assistant","content":[{block}]}}]'.encode())
    said = json.loads(bytes(request_to_chat({**fields(REQUIRED), "messages": raw})["messages"]))
    assert said[0]["tool_calls"][0]["function"]["arguments"] == given


def test_a_tool_that_is_almost_too_deep_is_told_or_refused() -> None:
    """What one decoder takes may be too deep for the next, which is called from further down."""
    for depth in range(900, 1_000):
        tool = f'[{{"name":"a","input_schema":{{"a":{"[" * depth}{"]" * depth}}}}}]'
        with suppress(InvalidRequest):
            request_to_chat({**fields(REQUIRED), "tools": Raw(tool.encode())})
