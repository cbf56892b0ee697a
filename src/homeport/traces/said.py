"""What was said in a request that was kept whole, and what was answered, as a person reads it. Total."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from homeport.core.captured import Captured
from homeport.core.routing import Answer
from homeport.protocols.answers.parts import data_events, field, listed, value_of
from homeport.protocols.answers.readings import readings
from homeport.traces.tokens import SaidToken, tokens_of

_PLACES = {"system": "system", "instructions": "system", "messages": "user", "input": "user", "prompt": "user"}
"""Fields of a request in which something is said, and by whom where an item does not say."""
_TEXTS = ("text", "refusal", "thinking", "content", "output", "summary", "input", "arguments")
_ATTACHMENTS = frozenset(
    {"image", "image_url", "input_image", "file", "input_file", "document", "input_audio", "audio", "video_url"}
)
_DEEPEST = 8
_LONGEST_NAME = 200


class Message(msgspec.Struct, frozen=True):
    """One turn. `role` is as the caller named it; a picture or a file is named in the text, and not shown."""

    role: str
    text: str


class ToolCall(msgspec.Struct, frozen=True):
    """A tool that the model called; `arguments` are as it wrote them."""

    name: str
    arguments: str


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation and its answer.

    Attributes:
        finish: why the answer ended, in OpenAI's words; "" where it did not.
        tokens: of the answer, where its log-probabilities were told.
    """

    messages: tuple[Message, ...]
    answer: str
    tool_calls: tuple[ToolCall, ...]
    finish: str
    tokens: tuple[SaidToken, ...]


def said(captured: Captured) -> Said:
    """Everything that is text in a kept request."""
    answer = answered(captured)
    return Said(
        messages=tuple(_messages(captured.body)),
        answer=answer.text,
        tool_calls=tuple(ToolCall(*call) for call in zip(answer.tools, answer.tool_calls, strict=False)),
        finish=answer.finish,
        tokens=tokens_of(captured),
    )


def answered(captured: Captured) -> Answer:
    """The answer alone."""
    reading = readings().get(captured.answered)
    if reading is None or not captured.answer:
        return Answer(text="")
    if not captured.stream:
        return reading.whole(captured.answer)
    growing = reading.growing()
    growing.feed(captured.answer)
    return growing.answer(whole=False)


def system_fingerprint(captured: Captured) -> str:
    """What the upstream says of the system that answered, where it does (OpenAI's `system_fingerprint`)."""
    parts = data_events(captured.answer) if captured.stream else [captured.answer]
    for part in parts:
        told = field(value_of(part), "system_fingerprint") if b"system_fingerprint" in part else None
        if isinstance(told, str) and told:
            return told[:_LONGEST_NAME]
    return ""


def text_of(captured: Captured) -> str:
    """All that was said, for a search."""
    told = said(captured)
    calls = (f"{call.name} {call.arguments}" for call in told.tool_calls)
    return "\n".join([*(message.text for message in told.messages), told.answer, *calls])


def _messages(body: bytes) -> Iterator[Message]:
    fields = value_of(body)
    for name, role in _PLACES.items():
        value = field(fields, name)
        if isinstance(value, str):
            yield Message(role, value)
        for item in listed(value):
            yield _message(item, role)


def _message(item: Any, role: str) -> Message:
    named = field(item, "role") or field(item, "type")
    return Message(named if isinstance(named, str) else role, "\n".join(_texts(item, _DEEPEST)))


def _texts(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth:
        for part in value:
            yield from _texts(part, depth - 1)
    elif isinstance(value, dict) and depth:
        yield from _texts_of(value, depth - 1)


def _texts_of(part: Mapping[str, Any], depth: int) -> Iterator[str]:
    kind = part.get("type")
    if isinstance(kind, str) and kind in _ATTACHMENTS:
        yield f"[{kind}]"
        return
    if isinstance(part.get("name"), str) and ("arguments" in part or kind == "tool_use"):
        yield part["name"]
    for name in _TEXTS:
        inner = part.get(name)
        structured = name in ("input", "arguments") and isinstance(inner, dict)
        yield from [msgspec.json.encode(inner).decode()] if structured else _texts(inner, depth)
    for call in listed(part.get("tool_calls")):
        yield from _texts(field(call, "function"), depth)
