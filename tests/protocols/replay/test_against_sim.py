"""What a simulated upstream streams, put together, is what it answers to the same request without a stream."""

import json
from typing import Any

import pytest

from homeport.core.types import Surface
from homeport.sim.anthropic import Anthropic
from homeport.sim.openai import OpenAI
from homeport.sim.reply import Dialect, Event, Knobs, Request
from homeport.sim.responses import Responses
from tests.protocols.replay.telling import ADMISSION, REPLAYS, decoded

ASKED = [{"role": "user", "content": "Which clause ends the contract?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "weather", "parameters": SCHEMA}
CHAT: dict[str, Any] = {"model": "m", "messages": ASKED, "seed": 4}
TOOLS: dict[str, Any] = {"tools": [{"type": "function", "function": FUNCTION}], "tool_choice": "required"}
COMPLETION: dict[str, Any] = {"model": "m", "prompt": "The contract ends", "seed": 4}
MESSAGES: dict[str, Any] = {"model": "m", "messages": ASKED, "max_tokens": 300}
CALLS = {"tools": [{"name": "weather", "input_schema": SCHEMA}], "tool_choice": {"type": "any"}}
RESPONSES: dict[str, Any] = {"model": "m", "input": "Which clause ends the contract?"}
NAMED = {"tools": [{"type": "function", **FUNCTION}], "tool_choice": "required"}
THINKING = {"type": "enabled", "budget_tokens": 1024}

CASES: list[tuple[str, Surface, dict[str, Any], Knobs, str]] = [
    ("chat", Surface.CHAT, CHAT, Knobs(), ""),
    ("chat: n=2", Surface.CHAT, {**CHAT, "n": 2, "logprobs": True, "top_logprobs": 2}, Knobs(cached=3), ""),
    ("chat: tools", Surface.CHAT, {**CHAT, **TOOLS}, Knobs(argument_size=3, reasoning=9), ""),
    ("chat: a running total", Surface.CHAT, CHAT, Knobs(running_usage=True), ""),
    ("chat: no usage", Surface.CHAT, CHAT, Knobs(usage=False), ""),
    ("chat: cut", Surface.CHAT, {**CHAT, "max_tokens": 3}, Knobs(), "cut"),
    ("chat: filtered", Surface.CHAT, CHAT, Knobs(filtered=True), "filtered"),
    ("completion", Surface.COMPLETION, {**COMPLETION, "n": 2}, Knobs(), ""),
    ("completion: logprobs", Surface.COMPLETION, {**COMPLETION, "logprobs": 2}, Knobs(), ""),
    ("completion: cut", Surface.COMPLETION, {**COMPLETION, "max_tokens": 3}, Knobs(), "cut"),
    ("messages", Surface.MESSAGES, MESSAGES, Knobs(cached=2), ""),
    ("messages: thinking", Surface.MESSAGES, {**MESSAGES, "thinking": THINKING}, Knobs(), ""),
    ("messages: tools", Surface.MESSAGES, {**MESSAGES, **CALLS}, Knobs(argument_size=2), ""),
    ("messages: no usage", Surface.MESSAGES, MESSAGES, Knobs(usage=False), ""),
    ("messages: cut", Surface.MESSAGES, {**MESSAGES, "max_tokens": 3}, Knobs(), "cut"),
    ("messages: refused", Surface.MESSAGES, MESSAGES, Knobs(filtered=True), "refused"),
    ("responses", Surface.RESPONSES, RESPONSES, Knobs(), ""),
    ("responses: tools", Surface.RESPONSES, {**RESPONSES, **NAMED}, Knobs(argument_size=3), ""),
    ("responses: cut", Surface.RESPONSES, {**RESPONSES, "max_output_tokens": 3}, Knobs(), "cut"),
    ("responses: filtered", Surface.RESPONSES, RESPONSES, Knobs(filtered=True), "filtered"),
]
EVERY = pytest.mark.parametrize(
    ("surface", "fields", "knobs", "defect"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
_DIALECTS: dict[Surface, Dialect] = {Surface.MESSAGES: Anthropic(), Surface.RESPONSES: Responses()}


def asked(surface: Surface, fields: dict[str, Any], knobs: Knobs) -> Any:
    body, headers = json.dumps(fields).encode(), {"anthropic-version": "2023-06-01"}
    request = Request(method="POST", path=f"/v1/{surface.value}", headers=headers, body=body)
    return _DIALECTS.get(surface, OpenAI()).answer(request, knobs)


def streamed(surface: Surface, fields: dict[str, Any], knobs: Knobs) -> list[Event]:
    options = {} if surface in _DIALECTS else {"stream_options": {"include_usage": True}}
    return list(asked(surface, {**fields, "stream": True, **options}, knobs).events)


def told(events: list[Event]) -> bytes:
    names = (b"event: %b\n" % event.name.encode() if event.name else b"" for event in events)
    return b"".join(name + b"data: " + event.data + b"\n\n" for name, event in zip(names, events, strict=True))


@EVERY
def test_the_stream_is_the_whole(surface: Surface, fields: dict[str, Any], knobs: Knobs, defect: str) -> None:
    whole = asked(surface, fields, knobs).body
    events = told(streamed(surface, fields, knobs))
    assert decoded(REPLAYS[surface].whole(events)) == json.loads(whole)
    assert ADMISSION.defect(surface, whole, streamed=False) == defect
    assert ADMISSION.defect(surface, events, streamed=True) == defect


@EVERY
def test_the_whole_as_a_stream_ends_as_the_stream(
    surface: Surface, fields: dict[str, Any], knobs: Knobs, defect: str
) -> None:
    frames = REPLAYS[surface].frames(asked(surface, fields, knobs).body)
    stored = REPLAYS[surface].stored_frames(told(streamed(surface, fields, knobs)))
    assert frames is not None
    ends = [[(frame.data, frame.usage_only) for frame in told if frame.closing] for told in (frames, stored)]
    assert [usage_only for _, usage_only in ends[0]] == [usage_only for _, usage_only in ends[1]]
    assert ends[0][-1] == ends[1][-1] or surface is Surface.RESPONSES  # whose last event has a number


@EVERY
def test_a_stream_that_broke_off_is_no_answer(
    surface: Surface, fields: dict[str, Any], knobs: Knobs, defect: str
) -> None:
    events = streamed(surface, fields, knobs)
    last = max(at for at, event in enumerate(events) if event.paced)
    for end in (0, 1, len(events) // 2, last):
        assert REPLAYS[surface].whole(told(events[:end])) is None
        assert ADMISSION.defect(surface, told(events[:end]), streamed=True) == "unfinished"
    half = told(events)[: len(told(events[: last + 1])) - 9]
    assert ADMISSION.defect(surface, half, streamed=True) == "unreadable"
