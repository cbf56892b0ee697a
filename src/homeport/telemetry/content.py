"""What was said in a request, as attributes of a span: only where somebody opted in, and without what recognizers find.

Source: the JSON schemas of `gen_ai.input.messages`, `gen_ai.output.messages`, `gen_ai.system_instructions` and
`gen_ai.tool.definitions` of OpenTelemetry's conventions for GenAI.
"""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from homeport.core.captured import Captured
from homeport.core.routing import Answer
from homeport.core.types import DataClass, Surface
from homeport.privacy.recognize import LIKELY, Finding, Recognizers
from homeport.privacy.redact import Unredactable, redact
from homeport.privacy.texts import Text, Unreadable, decoded
from homeport.protocols.answers.readings import readings
from homeport.telemetry import semconv as names
from homeport.telemetry.spans import Value

LONGEST = 64 << 10
"""Bytes of one attribute; what is longer is left out, for half of it is no JSON."""

_SYSTEM = frozenset({"system", "developer"})


class Redactor:
    """Puts placeholders where recognizers find something.

    Args:
        recognizers: all that are looked for; those of the configuration may be fewer, for what stays at home.
    """

    def __init__(self, recognizers: Recognizers) -> None:
        self._recognizers = recognizers

    def clean(self, fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The same without what is found; None where that cannot be said, so that nothing may be told of it."""
        raw = {name: Raw(json.dumps(value).encode()) for name, value in fields.items()}
        try:
            redacted = redact(raw, self._find)
            told = raw if redacted is None else redacted.fields
            return {name: decoded(value) for name, value in told.items()}
        except (Unreadable, Unredactable):
            return None

    def _find(self, text: Text) -> list[Finding]:
        return [one for one in self._recognizers.find(text.text) if one.score >= LIKELY]


def content_of(captured: Captured, redactor: Redactor) -> Mapping[str, Value]:
    """Attributes; none for what is private, or cannot be read."""
    if captured.data_class is not DataClass.OPEN:
        return {}
    try:
        fields = msgspec.json.decode(captured.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    said = {**_asked(fields), names.OUTPUT_MESSAGES: _answered(captured)}
    cleaned = redactor.clean({name: value for name, value in said.items() if value})
    return {} if cleaned is None else _written(cleaned)


def _written(said: Mapping[str, Any]) -> Mapping[str, Value]:
    told: dict[str, Value] = {}
    for name, value in said.items():
        if name == names.STOP_SEQUENCES:
            told[name] = tuple(str(one) for one in value)
            continue
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode(errors="replace")) <= LONGEST:
            told[name] = text
    return told


def _asked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The request, in the words of the conventions."""
    messages = _messages(fields)
    system = [part for one in messages if one["role"] in _SYSTEM for part in one["parts"]]
    system += _parts(fields.get("system")) + _parts(fields.get("instructions"))
    stop = fields.get("stop", fields.get("stop_sequences"))
    return {
        names.INPUT_MESSAGES: [one for one in messages if one["role"] not in _SYSTEM],
        names.SYSTEM_INSTRUCTIONS: system,
        names.TOOL_DEFINITIONS: fields.get("tools") if isinstance(fields.get("tools"), list) else None,
        names.STOP_SEQUENCES: [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else None,
    }


def _messages(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    turns = fields.get("messages", fields.get("input", fields.get("prompt")))
    if isinstance(turns, str):
        return [{"role": "user", "parts": _parts(turns)}]
    listed = turns if isinstance(turns, list) else []
    return [
        {"role": str(one.get("role", "user")), "parts": [*_parts(one.get("content")), *_calls(one)]}
        for one in listed
        if isinstance(one, dict)
    ]


def _parts(content: Any) -> list[dict[str, Any]]:
    """The parts of a message: texts as such; of everything else its kind alone."""
    if isinstance(content, str):
        return [{"type": "text", "content": content}] if content else []
    parts = content if isinstance(content, list) else []
    return [_part(part) for part in parts if isinstance(part, dict)]


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    text = part.get("text")
    return {"type": "text", "content": text} if isinstance(text, str) else {"type": str(part.get("type", "unknown"))}


def _calls(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    calls = message.get("tool_calls")
    found = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    return [
        {"type": "tool_call", "name": str(one.get("name", "")), "arguments": one.get("arguments")}
        for one in found
        if isinstance(one, dict)
    ]


def _answered(captured: Captured) -> list[dict[str, Any]]:
    """The answer, in the same words; nothing where there is none, or nothing reads it."""
    reading = readings().get(captured.answered)
    if reading is None or not captured.answer or captured.surface is Surface.EMBEDDING:
        return []
    if captured.stream:
        growing = reading.growing()
        growing.feed(captured.answer)
        answer = growing.answer(whole=True)
    else:
        answer = reading.whole(captured.answer)
    return [_message(answer)]


def _message(answer: Answer) -> dict[str, Any]:
    calls = [
        {"type": "tool_call", "name": name, "arguments": arguments}
        for name, arguments in zip(answer.tools, answer.tool_calls, strict=False)
    ]
    return {"role": "assistant", "parts": [*_parts(answer.text), *calls], "finish_reason": answer.finish or "stop"}
