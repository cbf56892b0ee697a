"""Recorded agents: OpenTelemetry traces, and turns of conversations, as the calls that they made.

The spans are those of OpenTelemetry's semantic conventions for generative AI (`gen_ai.*` attributes); the turns are
JSON lines of `conversation_id`, `turn`, `role` and `content`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from homeport.core.errors import ConfigError
from homeport.ledger.loops.spans import span_calls

MOST_BYTES = 256 * 1024 * 1024
_WANTED = "an OpenTelemetry trace {trace_id, spans}, or lines of {conversation_id, turn, role, content}"
_ROLES = frozenset({"user", "assistant", "tool", "system", "developer"})
_NAMES = ("name", "tool", "tool_name", "function")
_ARGUMENTS = ("arguments", "args", "input", "parameters")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a model.

    Attributes:
        start_ns, end_ns: since its trace began.
        messages: what it was sent, in the words of OpenAI's chats.
        answer: the text that came back.
        model: "" where the recording does not say.
        input_tokens, output_tokens: None where it does not say.
    """

    start_ns: int
    end_ns: int
    messages: tuple[Mapping[str, Any], ...]
    answer: str
    model: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None


class Recording(msgspec.Struct, frozen=True):
    """A trace or a conversation, its calls in the order of their start."""

    name: str
    calls: tuple[Call, ...]


class _Turn(msgspec.Struct, kw_only=True):
    conversation_id: str | int
    turn: int | float
    role: str
    content: Any = None


def read_recordings(data: bytes, name: str) -> tuple[Recording, ...]:
    """What a file holds.

    Raises:
        ConfigError: recording_invalid; it is empty, too large, not JSON, or of another kind.
    """
    if len(data) > MOST_BYTES:
        raise _invalid(name, f"is larger than {MOST_BYTES} bytes")
    if not data.strip():
        raise _invalid(name, "is empty")
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return tuple(_conversations(_lines(data, name), name))
    documents = document if isinstance(document, list) else [document]
    if documents and all(isinstance(one, dict) and "conversation_id" in one for one in documents):
        return tuple(_conversations(enumerate(documents, 1), name))
    return tuple(_traces(documents, name))


def _traces(documents: Sequence[Any], name: str) -> Iterator[Recording]:
    by_trace: dict[str, list[Call]] = {}
    for document in documents:
        if not isinstance(document, dict) or not ("spans" in document or "resourceSpans" in document):
            raise _invalid(name, "is no trace and no list of turns")
        try:
            for trace, fields in span_calls(document):
                by_trace.setdefault(trace, []).append(Call(**fields))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            # Whatever is not as the conventions say ends here: the shape of a span is not ours.
            raise _invalid(name, f"has a span that cannot be read: {error}") from error
    if not by_trace:
        raise _invalid(name, "has no span with gen_ai.input.messages or of the operation chat")
    for trace, calls in by_trace.items():
        yield Recording(trace, tuple(sorted(calls, key=lambda call: call.start_ns)))


def _lines(data: bytes, name: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            try:
                yield number, msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
                raise _invalid(name, f"is not JSON in line {number}") from error


def _conversations(lines: Iterator[tuple[int, Any]], name: str) -> Iterator[Recording]:
    turns: dict[str, list[_Turn]] = {}
    for number, line in lines:
        try:
            turn = msgspec.convert(line, _Turn)
        except msgspec.ValidationError as error:
            raise _invalid(name, f"has no turn in line {number}: {error}") from error
        if turn.role not in _ROLES:
            raise _invalid(name, f"has an unknown role in line {number}: {turn.role[:40]!r}")
        turns.setdefault(str(turn.conversation_id), []).append(turn)
    for conversation, listed in turns.items():
        yield Recording(conversation, tuple(_turn_calls(sorted(listed, key=lambda turn: turn.turn))))


def _turn_calls(turns: Sequence[_Turn]) -> Iterator[Call]:
    """A call before each turn of the assistant, with all that was said before."""
    said: list[Mapping[str, Any]] = []
    waiting: list[str] = []
    for at, turn in enumerate(turns):
        message = _message(turn, at, waiting)
        if turn.role == "assistant":
            start = at * 1_000_000_000
            answer = json.dumps([message.get("content"), message.get("tool_calls")], sort_keys=True)
            yield Call(start_ns=start, end_ns=start + 500_000_000, messages=tuple(said), answer=answer)
        said.append(message)


def _message(turn: _Turn, at: int, waiting: list[str]) -> Mapping[str, Any]:
    """A turn as a message of a chat; calls that are written as JSON become calls, results find theirs in order."""
    content = _parsed(turn.content)
    if turn.role == "assistant" and (calls := _calls(content, at)):
        waiting[:] = [call["id"] for call in calls]
        return {"role": "assistant", "content": content.get("content"), "tool_calls": calls}
    if turn.role == "tool":
        named = content.get("tool_call_id") if isinstance(content, dict) else None
        told = content.get("content", content) if isinstance(named, str) else turn.content
        asked = named if isinstance(named, str) else waiting.pop(0) if waiting else ""
        return {"role": "tool", "tool_call_id": asked, "content": told if isinstance(told, str) else json.dumps(told)}
    plain = turn.content if isinstance(turn.content, str | list) else json.dumps(turn.content)
    return {"role": turn.role, "content": plain}


def _calls(content: Any, at: int) -> list[dict[str, Any]]:
    if not isinstance(content, dict):
        return []
    listed = content.get("tool_calls", [content])
    found = []
    for number, call in enumerate(listed if isinstance(listed, list) else []):
        asked = call.get("function", call) if isinstance(call, dict) else None
        asked = asked if isinstance(asked, dict) else call
        name = next((asked[key] for key in _NAMES if key in asked), None) if isinstance(asked, dict) else None
        arguments = next((asked[key] for key in _ARGUMENTS if key in asked), None) if isinstance(asked, dict) else None
        if isinstance(name, str) and (arguments is not None or "tool_calls" in content):
            said = call.get("id")
            text = arguments if isinstance(arguments, str) else json.dumps(arguments, sort_keys=True)
            function = {"name": name, "arguments": text}
            found.append({"id": said if isinstance(said, str) else f"turn{at}-{number}", "function": function})
    return found


def _parsed(content: Any) -> Any:
    """JSON that was written as text."""
    if isinstance(content, str) and content.lstrip().startswith("{"):
        try:
            return msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return content
    return content


def _invalid(name: str, problem: str) -> ConfigError:
    return ConfigError(f"{name} {problem}", code="recording_invalid", hint=f"it should be {_WANTED}")
