"""Turns of conversations, as JSON lines of `conversation_id`, `turn`, `role` and `content`, as the calls of a model."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

_NAMES = ("name", "tool", "tool_name", "function")
_ARGUMENTS = ("arguments", "args", "input", "parameters")
_ROLES = {
    "user": ("user", "human", "customer", "client", "prompter", "person", "enduser"),
    "tool": ("tool", "function", "toolresult", "toolresponse", "functionresponse", "observation", "environment"),
    "system": ("system", "developer"),
}
_ROLE_OF = {other: role for role, others in _ROLES.items() for other in others}
_SEPARATORS = str.maketrans("", "", " _-")
_MARGIN = 100
_SECOND_NS = 1_000_000_000


class Turn(msgspec.Struct, kw_only=True):
    """One line. Calls and ids may stand beside the content, as in a chat's messages.

    Attributes:
        turn: its number, as text too; None where the lines are in order.
    """

    conversation_id: str | int
    turn: int | float | str | None = None
    role: str
    content: Any = None
    tool_calls: Any = None
    tool_call_id: Any = None


def conversations(lines: Iterable[tuple[int, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each conversation's name, and the fields of its calls.

    Raises:
        ValueError: a line is no turn; the message says which and why.
    """
    listed: dict[str, list[tuple[float, Turn]]] = {}
    for number, line in lines:
        try:
            turn = msgspec.convert(line, Turn)
            at = _order(turn, number)
            json.dumps(_wrapped(turn.content))
        except msgspec.ValidationError as error:
            raise ValueError(f"has no turn in line {number}: {error}") from error
        except RecursionError as error:
            raise ValueError(f"is nested too deep in line {number}") from error
        listed.setdefault(str(turn.conversation_id), []).append((at, turn))
    for name, turns in listed.items():
        yield name, list(_calls_of([turn for _, turn in sorted(turns, key=lambda one: one[0])]))


def _order(turn: Turn, number: int) -> float:
    try:
        at = float(number if turn.turn is None else turn.turn)
    except (ValueError, OverflowError):
        at = math.nan
    if not math.isfinite(at):
        raise ValueError(f"has no turn in line {number}: `turn` is no number")
    return at


def _wrapped(content: Any) -> Any:
    """Content as deep as it will be where it is written again, and deeper."""
    for _ in range(_MARGIN):
        content = [content]
    return content


def _role(said: str) -> str:
    """The role of a chat. Who is no person, tool or system is a model: agents that talk are named by what they do."""
    return _ROLE_OF.get(said.casefold().translate(_SEPARATORS), "assistant")


def _calls_of(turns: Sequence[Turn]) -> Iterator[dict[str, Any]]:
    """A call before each turn of the assistant, with all that was said before."""
    waiting: list[str] = []
    said = tuple([_message(turn, at, waiting) for at, turn in enumerate(turns)])
    for at, message in enumerate(said):
        if message["role"] == "assistant":
            start = at * _SECOND_NS
            yield {"start_ns": start, "end_ns": start + _SECOND_NS // 2, "history": said, "sent": at, "answer": message}


def _message(turn: Turn, at: int, waiting: list[str]) -> Mapping[str, Any]:
    """A turn as a message of a chat; calls that are written as JSON become calls, results find theirs in order."""
    role = _role(turn.role)
    content = _parsed(turn.content)
    if role == "assistant" and (calls := _calls(turn.tool_calls, at) or _calls(content, at)):
        waiting[:] = [call["id"] for call in calls]
        text = turn.content if turn.tool_calls else content.get("content") if isinstance(content, dict) else None
        return {"role": "assistant", "content": text, "tool_calls": calls}
    if role == "tool":
        return _result(turn, content, waiting)
    plain = turn.content if isinstance(turn.content, str | list) or turn.content is None else json.dumps(turn.content)
    return {"role": role, "content": plain}


def _result(turn: Turn, content: Any, waiting: list[str]) -> Mapping[str, Any]:
    named = content.get("tool_call_id") if isinstance(content, dict) else None
    told = content.get("content", content) if isinstance(named, str) else turn.content
    named = named if isinstance(named, str) else turn.tool_call_id
    asked = named if isinstance(named, str) else waiting.pop(0) if waiting else ""
    return {"role": "tool", "tool_call_id": asked, "content": told if isinstance(told, str) else json.dumps(told)}


def _calls(content: Any, at: int) -> list[dict[str, Any]]:
    listed = content.get("tool_calls", [content]) if isinstance(content, dict) else content
    sure = isinstance(content, dict) and "tool_calls" in content
    found = []
    for number, call in enumerate(listed if isinstance(listed, list) else []):
        asked = call.get("function", call) if isinstance(call, dict) else None
        asked = asked if isinstance(asked, dict) else call
        name = next((asked[key] for key in _NAMES if key in asked), None) if isinstance(asked, dict) else None
        arguments = next((asked[key] for key in _ARGUMENTS if key in asked), None) if isinstance(asked, dict) else None
        kind = call.get("type", "function") if isinstance(call, dict) else ""
        if isinstance(name, str) and kind == "function" and (arguments is not None or sure):
            said = call.get("id")
            text = arguments if isinstance(arguments, str) else json.dumps(arguments, sort_keys=True)
            function = {"name": name, "arguments": text}
            found.append({"id": said if isinstance(said, str) else f"turn{at}-{number}", "function": function})
    return found


def _parsed(content: Any) -> Any:
    """JSON that was written as text."""
    if isinstance(content, str) and content.lstrip()[:1] in ("{", "["):
        try:
            return msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return content
    return content
