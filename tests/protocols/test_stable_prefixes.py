"""A provider's prompt cache is found again by the first bytes of a prompt: no translation may change them.

Two turns of one conversation are translated, each by itself. What the first one said must be what the second begins
with, byte for byte and in the same order; what comes before the messages must not change at all.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from homeport.protocols.anthropic.request_from_chat import request_from_chat
from homeport.protocols.anthropic.request_to_chat import request_to_chat
from homeport.protocols.gemini.request import chat_request, gemini_request
from homeport.protocols.responses.request import to_chat

TOOLS = ["search", "add"]
SCHEMA = {"type": "object", "properties": {"z": {"type": "integer"}, "a": {"type": "string"}}, "required": ["z"]}

Turn = dict[str, Any]
text = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=12).filter(str.strip)
exchange = st.fixed_dictionaries(
    {
        "asked": text,
        "called": st.lists(
            st.tuples(st.sampled_from(TOOLS), st.dictionaries(st.sampled_from("zab"), text, max_size=2), text),
            max_size=2,
        ),
        "answered": text,
    }
)
conversations = st.tuples(text, st.lists(exchange, min_size=1, max_size=4), text)


def encoded(value: Any) -> bytes:
    return msgspec.json.encode(value)


def raw(fields: Mapping[str, Any]) -> dict[str, Raw]:
    return {name: Raw(json.dumps(value).encode()) for name, value in fields.items()}


def names(exchange_number: int, called: Sequence[Any]) -> list[str]:
    return [f"call_{exchange_number}_{number}" for number in range(len(called))]


def as_chat(system: str, exchanges: Sequence[Turn], last: str) -> dict[str, Any]:
    said: list[Turn] = [{"role": "system", "content": system}]
    for number, one in enumerate(exchanges):
        said.append({"role": "user", "content": one["asked"]})
        calls = list(zip(names(number, one["called"]), one["called"], strict=True))
        if calls:
            told = [
                {"id": name, "type": "function", "function": {"name": tool, "arguments": json.dumps(given)}}
                for name, (tool, given, _) in calls
            ]
            said.append({"role": "assistant", "content": None, "tool_calls": told})
            said += [{"role": "tool", "tool_call_id": name, "content": result} for name, (_, _, result) in calls]
        said.append({"role": "assistant", "content": one["answered"]})
    functions = [{"type": "function", "function": {"name": tool, "parameters": SCHEMA}} for tool in TOOLS]
    return {"model": "m", "messages": [*said, {"role": "user", "content": last}], "tools": functions}


def as_messages(system: str, exchanges: Sequence[Turn], last: str) -> dict[str, Any]:
    said: list[Turn] = []
    for number, one in enumerate(exchanges):
        said.append({"role": "user", "content": one["asked"]})
        calls = list(zip(names(number, one["called"]), one["called"], strict=True))
        if calls:
            uses = [{"type": "tool_use", "id": name, "name": tool, "input": given} for name, (tool, given, _) in calls]
            results = [
                {"type": "tool_result", "tool_use_id": name, "content": result} for name, (_, _, result) in calls
            ]
            said += [{"role": "assistant", "content": uses}, {"role": "user", "content": results}]
        said.append({"role": "assistant", "content": [{"type": "text", "text": one["answered"]}]})
    tools = [{"name": tool, "input_schema": SCHEMA} for tool in TOOLS]
    said.append({"role": "user", "content": last})
    return {"model": "m", "max_tokens": 9, "system": system, "tools": tools, "messages": said}


def as_responses(system: str, exchanges: Sequence[Turn], last: str) -> dict[str, Any]:
    said: list[Turn] = []
    for number, one in enumerate(exchanges):
        said.append({"role": "user", "content": one["asked"]})
        for name, (tool, arguments, result) in zip(names(number, one["called"]), one["called"], strict=True):
            said.append({"type": "function_call", "call_id": name, "name": tool, "arguments": json.dumps(arguments)})
            said.append({"type": "function_call_output", "call_id": name, "output": result})
        said.append({"role": "assistant", "content": one["answered"]})
    tools = [{"type": "function", "name": tool, "parameters": SCHEMA, "strict": False} for tool in TOOLS]
    said.append({"role": "user", "content": last})
    return {"model": "m", "instructions": system, "input": said, "tools": tools}


def as_gemini(system: str, exchanges: Sequence[Turn], last: str) -> dict[str, Any]:
    said: list[Turn] = []
    for one in exchanges:
        said.append({"role": "user", "parts": [{"text": one["asked"]}]})
        if one["called"]:
            calls = [{"functionCall": {"name": tool, "args": given}} for tool, given, _ in one["called"]]
            results = [{"functionResponse": {"name": tool, "response": {"r": r}}} for tool, _, r in one["called"]]
            said += [{"role": "model", "parts": calls}, {"role": "user", "parts": results}]
        said.append({"role": "model", "parts": [{"text": one["answered"]}]})
    said.append({"role": "user", "parts": [{"text": last}]})
    declared = [
        {"name": tool, "parameters": {"type": "OBJECT", "properties": {"z": {"type": "INTEGER"}}}} for tool in TOOLS
    ]
    return {
        "systemInstruction": {"parts": [{"text": system}]},
        "contents": said,
        "tools": [{"functionDeclarations": declared}],
    }


def from_gemini(fields: dict[str, Any]) -> dict[str, Any]:
    return chat_request(encoded(fields), model="m", stream=False)


def to_gemini(fields: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(gemini_request(raw(fields), "gemini-3-flash"))
    return body


WAYS: dict[str, tuple[Callable[..., dict[str, Any]], Callable[[dict[str, Any]], Mapping[str, Any]], str]] = {
    "chat to Anthropic": (as_chat, lambda fields: request_from_chat(raw(fields)), "messages"),
    "chat to Gemini": (as_chat, to_gemini, "contents"),
    "Messages to chat": (as_messages, lambda fields: request_to_chat(raw(fields)), "messages"),
    "Responses to chat": (as_responses, lambda fields: to_chat(raw(fields)), "messages"),
    "Gemini to chat": (as_gemini, from_gemini, "messages"),
}


def parts(translated: Mapping[str, Any], turns: str) -> tuple[dict[str, bytes], list[bytes]]:
    """What stands beside the turns, and each turn."""
    said = {name: encoded(value) for name, value in translated.items()}
    listed = msgspec.json.decode(said.pop(turns), type=list[Raw])
    return said, [bytes(turn) for turn in listed]


@pytest.mark.parametrize("way", WAYS)
@given(conversation=conversations, later=exchange, last=text)
def test_a_turn_is_the_beginning_of_the_next(
    way: str, conversation: tuple[str, list[Turn], str], later: Turn, last: str
) -> None:
    make, translate, turns = WAYS[way]
    system, exchanges, asked = conversation
    going_on = [*exchanges, {**later, "asked": asked}]
    beside, first = parts(translate(make(system, exchanges, asked)), turns)
    beside_after, second = parts(translate(make(system, going_on, last)), turns)
    assert list(beside.items()) == list(beside_after.items())
    assert second[: len(first)] == first
    assert len(second) > len(first)


HINT = {"type": "ephemeral", "ttl": "1h"}


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_the_hint_of_a_message_is_that_of_its_last_block(role: str) -> None:
    content = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    messages = [{"role": role, "content": content, "cache_control": HINT}, {"role": "user", "content": "?"}]
    said = msgspec.json.decode(encoded(request_from_chat(raw({"model": "m", "messages": messages}))))
    blocks = said["system"] if role == "system" else said["messages"][0]["content"]
    assert [block.get("cache_control") for block in blocks[:2]] == [None, HINT]


def test_the_hint_of_a_tools_message_is_that_of_the_result() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "4", "cache_control": HINT},
    ]
    said = msgspec.json.decode(encoded(request_from_chat(raw({"model": "m", "messages": messages}))))
    assert said["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "c", "content": "4", "cache_control": HINT}
    ]


def test_a_message_that_says_nothing_has_no_hint() -> None:
    messages = [{"role": "user", "content": "", "cache_control": HINT}, {"role": "user", "content": "?"}]
    said = msgspec.json.decode(encoded(request_from_chat(raw({"model": "m", "messages": messages}))))
    assert said["messages"] == [{"role": "user", "content": "?"}]


def test_a_cached_content_of_gemini_is_named_through_chat() -> None:
    said = to_gemini(
        {
            "model": "m",
            "messages": [{"role": "user", "content": "?"}],
            "prompt_cache_key": "k",
            "prompt_cache_retention": "24h",
            "extra_body": {"google": {"cached_content": "cachedContents/1"}},
        }
    )
    assert said["cachedContent"] == "cachedContents/1"
    assert not any("prompt" in name for name in said)
