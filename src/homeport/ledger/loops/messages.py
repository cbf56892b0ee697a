"""Messages of the three conversation surfaces as what the loop guard needs of them: who said what to whom.

Each message is read once and kept as digests; agents send their whole history again with every call.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from homeport.ledger.loops import texts
from homeport.ledger.loops.texts import Mood, Text

_NAME_CHARS = 64
_DEEPEST = 6
_LONGEST_ACT = 20_000
_LONGEST_PAUSE = 64
_VOLATILE_FIELDS = frozenset(
    ["request_id", "requestid", "nonce", "timestamp", "ts", "now", "idempotency_key", "trace_id", "call_id"]
) | frozenset(["correlation_id", "uuid", "attempt", "retry"])
# Agents without tools in the API write their calls into the text: ReAct's lines (Yao et al., 2022), tags, JSON with
# thoughts beside the command, or one code block.
_ACTION = re.compile(r"^[ *#]*action(?: input)?[ *]*:[ *]*(.+)$", re.IGNORECASE | re.MULTILINE)
_TAG = re.compile(r"<(?:tool_call|function_call|tool_use|invoke|function=)")
_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
# A pause between two looks at something: by the tool's name, or by a command that does nothing else.
_PAUSE = re.compile(r"(?:^|[_.-])(?:sleep|wait|pause|delay)(?:$|[_.-])", re.IGNORECASE)
_SLEEP = re.compile(r"[^\w]*(?:\w+[^\w]+)?sleep\s+[\d.]+[smh]?[^\w]*")
_COMMANDS = ("command", "action", "action_input", "tool", "tool_name", "tool_input", "tool_calls", "function_call")


class Kind(StrEnum):
    """USER and SYSTEM text, an answer's text (SAID), a tool's CALL and its RESULT."""

    SYSTEM = "system"
    USER = "user"
    SAID = "said"
    CALL = "call"
    RESULT = "result"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in a message.

    Attributes:
        id: joins a call to its result; "" where there is none.
        name: the tool's, for a CALL.
        mood: what a RESULT speaks of, or a USER's text that may be one; a CALL that only pauses WAITS.
    """

    kind: Kind
    text: Text
    id: str = ""
    name: str = ""
    mood: Mood = Mood.PLAIN


_NOTHING = Item(kind=Kind.SAID, text=Text())
"""An answer without any word is an answer."""


class Fact(msgspec.Struct, frozen=True):
    """What is kept of one message. `key` is the same for the same message, whatever its ids."""

    key: int = 0
    items: tuple[Item, ...] = ()


def fact(message: Any) -> Fact:
    """What is kept of a message of a chat, of Messages or of Responses' `input`; nothing of what is none of them."""
    if not isinstance(message, dict):
        return Fact(hash(str(type(message))))
    items = tuple(_items(message))
    return Fact(hash(tuple([(item.kind, item.name, item.text.key) for item in items])), items)


def _items(message: Mapping[str, Any]) -> Iterator[Item]:
    kind, role = message.get("type"), message.get("role")
    if isinstance(kind, str) and role is None:
        yield from _response_item(message, kind)
    elif role == "assistant":
        yield from _said(message)
    elif role in ("tool", "function"):
        yield _result(message.get("content"), _text(message.get("tool_call_id")))
    elif role in ("user", "system", "developer"):
        yield from _content(message.get("content"), Kind.USER if role == "user" else Kind.SYSTEM)


def _said(message: Mapping[str, Any]) -> Iterator[Item]:
    said = list(_content(message.get("content"), Kind.SAID))
    listed = message.get("tool_calls")
    calls = [call for call in listed if isinstance(call, dict)] if isinstance(listed, list) else []
    if isinstance(message.get("function_call"), dict):
        calls.append({"function": message["function_call"]})
    yield from said or ([] if calls else [_NOTHING])
    for call in calls:
        asked = call.get("function") or call.get("custom")
        if isinstance(asked, dict):
            yield _call(asked.get("name"), asked.get("arguments", asked.get("input")), _text(call.get("id")))


def _response_item(item: Mapping[str, Any], kind: str) -> Iterator[Item]:
    """An item of Responses: calls end in `_call`, their results in `_call_output`."""
    name = _text(item.get("call_id")) or _text(item.get("id"))
    if kind.endswith("_output"):
        yield _result(item.get("output"), name)
    elif kind.endswith("_call"):
        asked = item.get("arguments", item.get("input", item.get("action")))
        yield _call(item.get("name") or kind, asked, name)


def _content(content: Any, kind: Kind) -> Iterator[Item]:
    """The text of a message in one item, then the calls and results that Anthropic puts beside it."""
    words: list[str] = []
    tools: list[Item] = []
    for part in content if isinstance(content, list) else [content]:
        match part:
            case str():
                words.append(part)
            case {"type": "tool_use" | "server_tool_use"}:
                tools.append(_call(part.get("name"), part.get("input"), _text(part.get("id"))))
            case {"type": str() as name, "tool_use_id": str() as asked} if name.endswith("tool_result"):
                tools.append(_result(part.get("content"), asked, failed=part.get("is_error") is True))
            case {"text": str() as text}:
                words.append(text)
            case {"type": str() as name} if name not in ("thinking", "redacted_thinking", "reasoning"):
                words.append(f"{name} {hash(_written(part))}")  # Another image is another message.
    text = "\n".join(words)
    if text.strip():
        yield _spoken(text, kind)
    yield from tools


def _spoken(text: str, kind: Kind) -> Item:
    acted = _acted(text) if kind is Kind.SAID else ""
    if acted:
        return _call("action", acted, "")
    kept, mood = texts.read(text)
    return Item(kind=kind, text=kept, mood=mood if kind is Kind.USER else Mood.PLAIN)


def _acted(text: str) -> str:
    """The calls that an answer's text makes; "" for plain words."""
    text = text[:_LONGEST_ACT]
    lines = _ACTION.findall(text) if "ction" in text else []
    lines = lines or (list(_tagged(text)) if "</" in text else [])
    if lines:
        return "\n".join(lines)
    if text.lstrip().startswith("{"):
        return _commanded(_parsed(text))
    blocks = _BLOCK.findall(text) if "```" in text else []
    return blocks[0] if len(blocks) == 1 else ""


def _tagged(text: str) -> Iterator[str]:
    """What is between a tag of a call and the next end of a tag."""
    end = 0
    while (found := _TAG.search(text, end)) is not None and (end := text.find("</", found.end())) >= 0:
        yield text[found.end() : end]


def _commanded(said: Any) -> str:
    found = {name: said[name] for name in _COMMANDS if name in said} if isinstance(said, dict) else {}
    return _written(found) if found else ""


def _call(name: Any, arguments: Any, asked: str) -> Item:
    if isinstance(arguments, str):
        arguments = _parsed(arguments)
    plain = _without_volatile(arguments, 0)
    written, tool = _written(plain), _text(name)[:_NAME_CHARS] or "a tool"
    pauses = _PAUSE.search(tool) or (len(written) < _LONGEST_PAUSE and _SLEEP.fullmatch(written))
    mood = Mood.WAITS if pauses else Mood.PLAIN
    return Item(kind=Kind.CALL, text=texts.exact(written), id=asked, name=tool, mood=mood)


def _result(content: Any, asked: str, *, failed: bool = False) -> Item:
    text = content if isinstance(content, str) else _result_text(content)
    kept, mood = texts.result(text)
    return Item(kind=Kind.RESULT, text=kept, id=asked, mood=Mood.FAILS if failed else mood)


def _result_text(content: Any) -> str:
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        return "\n".join(
            part if isinstance(part, str) else str(hash(_written(whole)))
            for part, whole in zip(parts, content, strict=True)
        )
    return "" if content is None else _written(content)


def _parsed(arguments: str) -> Any:
    try:
        return msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return arguments


def _without_volatile(value: Any, depth: int) -> Any:
    """Arguments without the fields that only number a call."""
    if isinstance(value, dict) and depth < _DEEPEST:
        kept = {name: each for name, each in value.items() if str(name).lower() not in _VOLATILE_FIELDS}
        return {name: _without_volatile(each, depth + 1) for name, each in sorted(kept.items())}
    return value


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return msgspec.json.encode(value, order="deterministic").decode()
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return str(type(value))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
