"""What both families can say survives the way there and back, whole and streamed."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from homeport.protocols.anthropic.answer import answer_from_chat, answer_to_chat
from homeport.protocols.anthropic.request_from_chat import request_from_chat
from homeport.protocols.anthropic.request_to_chat import request_to_chat
from tests.protocols.anthropic.shapes import (
    chunks_from,
    completion_of,
    events_from,
    events_of,
    fields,
    message_of,
    messages,
    messages_requests,
    plain,
)

CUTS = st.lists(st.integers(0, 40), max_size=6)


@given(messages_requests())
def test_a_request_comes_back(request: dict[str, Any]) -> None:
    assert plain(request_from_chat(request_to_chat(fields(request)))) == request


@given(messages())
def test_an_answer_comes_back(message: dict[str, Any]) -> None:
    chat, usage = answer_to_chat(json.dumps(message).encode())
    back, same = answer_from_chat(json.dumps(plain(chat)).encode())
    assert plain(back) == message
    assert same == usage


@given(messages(), CUTS)
def test_a_stream_says_in_chat_what_the_whole_says(message: dict[str, Any], cuts: list[int]) -> None:
    whole, _ = answer_to_chat(json.dumps(message).encode())
    assert normal(completion_of(chunks_from(events_of(message, cuts)))) == normal(plain(whole))


@given(messages(), CUTS)
def test_a_stream_comes_back(message: dict[str, Any], cuts: list[int]) -> None:
    chunks = chunks_from(events_of(message, cuts))
    assert message_of(events_from(chunks)) == message


def normal(completion: dict[str, Any]) -> dict[str, Any]:
    """Arguments as values, for white space between them means nothing."""
    for choice in completion["choices"]:
        for call in choice["message"].get("tool_calls", []):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return completion
