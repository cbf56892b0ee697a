"""What a person is told: what repeated, how often and what it cost, in the words of the request itself."""

import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Raw

from homeport.core.money import format_usd
from homeport.ledger.loops.guard import Verdict
from homeport.ledger.loops.history import Finding, Signal

_LONGEST = 120
_FIRST = 8
_LIMITS = {
    "calls": "has made as many calls as a trace may (loops.max_calls)",
    "cost": "has cost what a trace may (loops.max_cost_usd)",
    "minutes": "has run as long as a trace may (loops.max_minutes)",
    "turns": "has answered as often without a person's word as it may (loops.max_turns)",
}


def header(verdict: Verdict) -> str:
    """The value of `x-homeport-loop`: level, repeats and what; a tool's name at most, never content."""
    finding = verdict.finding
    if finding is None:
        return ""
    name = f":{quote(finding.name, safe=' ._-')[:_LONGEST]}" if finding.name else ""
    return f"{verdict.level.name.lower()}; repeats={finding.repeats}; what={finding.signal}{name}"


def explanation(verdict: Verdict, messages: Sequence[Raw]) -> str:
    """One sentence with the call and the result themselves: it goes back to whom they came from."""
    finding = verdict.finding
    assert finding is not None, "a stop has a reason"
    so_far = f"; {verdict.calls} calls before this one cost ${format_usd(verdict.cost)}"
    return f"this agent {_what(finding, messages)}{so_far if verdict.calls else ''}"


def root(key: str, trace_name: str, messages: Sequence[Raw]) -> str:
    """A name for the trace that is the same in every process and at every call: by its first user's words."""
    if trace_name:
        return f"{key}\0{trace_name}"
    first = next((words for raw in messages[:_FIRST] if (words := _words(raw, "user"))), "")
    return f"{key}\0{hashlib.sha256(first.encode('utf-8', 'surrogatepass')).hexdigest()}"


def short(root: str) -> str:
    """A name to show for a trace that has none of its own."""
    return f"loop:{hashlib.sha256(root.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _what(finding: Finding, messages: Sequence[Raw]) -> str:
    times, name = finding.repeats, finding.name
    asked, told = _quoted(messages, finding.answer_at, name), _quoted(messages, finding.result_at, "")
    call = f"{name or 'a tool'}: the call{asked}, the result{told}"
    match finding.signal:
        case Signal.LIMIT:
            return _LIMITS[name]
        case Signal.RATE:
            return f"makes {times} times as many requests a minute as this key's average"
        case Signal.REQUEST:
            return f"sent the same request {times} times and got the same answer each time"
        case Signal.ANSWER:
            return f"gave the same answer {times} times{asked}"
        case Signal.EXCHANGE:
            reply = f"got the same reply{told}" if told else "nobody replied"
            return f"gave the same answer{asked} {times} times, and {reply}"
        case Signal.CONTEXT:
            return f"fills its context with what is already there: {times} calls gave nothing new, the last of {call}"
        case Signal.ERROR:
            return f"had the same failure {times} times from {call}"
    return f"made the same call with the same result {times} times, of {call}"


def _quoted(messages: Sequence[Raw], at: int, name: str) -> str:
    words = _words(messages[at], name=name) if 0 <= at < len(messages) else ""
    short = " ".join(words.split())
    return f" '{short[:_LONGEST]}{'...' if len(short) > _LONGEST else ''}'" if short else ""


def _words(raw: Raw, role: str = "", *, name: str = "") -> str:
    """The text of a message, or of the call of a tool in it; "" for one of another role."""
    try:
        message = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""
    if not isinstance(message, dict) or (role and message.get("role") != role):
        return ""
    called = _arguments(message, name) if name else ""
    return called or _plain(message.get("content", message.get("output", message.get("arguments", ""))))


def _arguments(message: dict[str, Any], name: str) -> str:
    listed = message.get("tool_calls") or message.get("content") or [message]
    for call in listed if isinstance(listed, list) else []:
        asked = call.get("function", call) if isinstance(call, dict) else None
        if isinstance(asked, dict) and asked.get("name") == name:
            return _plain(asked.get("arguments", asked.get("input", "")))
    return ""


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        parts = [part.get("text", part.get("content", "")) if isinstance(part, dict) else part for part in value]
        return " ".join(_plain(part) for part in parts if isinstance(part, str | list))
    return "" if value is None else msgspec.json.encode(value).decode()
