"""What can go wrong, by name: the table of faults, and how they are written in a header or an option.

`status=429;retry-after=2` is two faults at once. The names are stable; docs/reference/simulator.md lists them.
"""

import math
from collections.abc import Mapping

import msgspec

from homeport.core.errors import InvalidRequest

FOREVER = 86_400.0
"""Seconds that stand for "until the client leaves"."""

Faults = Mapping[str, float | str]
"""The faults of one request, with their values."""


class Kind(msgspec.Struct, frozen=True):
    """One fault.

    Attributes:
        meaning: one sentence; `VALUE` is the value.
        default: the value where none is written; a fault of numbers has a number, one of words a text.
        low: the least number allowed.
        high: the greatest.
    """

    meaning: str
    default: float | str = 1.0
    low: float = 0
    high: float = FOREVER


_BYTES = 64 << 20

KINDS: Mapping[str, Kind] = {
    # Refusals
    "status": Kind("Answer with HTTP status VALUE and the provider's own error body.", 500, 400, 599),
    "retry-after": Kind("With `status`: a `Retry-After` of VALUE seconds.", 1),
    "retry-after-date": Kind("With `status`: a `Retry-After` that is a date, VALUE seconds ahead.", 1),
    "redirect": Kind("Answer with redirect VALUE to another path of this server.", 307, 300, 399),
    # Time
    "delay": Kind("Say nothing for VALUE seconds, then answer.", FOREVER),
    "first-token": Kind("Send the head at once, and the first byte of the body VALUE seconds later.", FOREVER),
    "stall": Kind("Pause in the middle of the answer for VALUE seconds.", FOREVER),
    "drip": Kind("Send each write byte by byte, VALUE seconds apart.", 0.01, 0, 60),
    "latency": Kind("Time to the first token in milliseconds, instead of the setting."),
    "tps": Kind("Tokens a second, instead of the setting; 0 means all at once.", 0, 0, 1e6),
    # Broken off
    "after": Kind("Where `stall`, `cut`, `reset` and `error-event` strike: after VALUE events; else in the middle.", 1),
    "cut": Kind("End the connection in the middle of the answer (FIN)."),
    "reset": Kind("Reset the connection in the middle of the answer (RST)."),
    "drop": Kind("End the connection without any answer (FIN)."),
    "drop-reset": Kind("Reset the connection without any answer (RST)."),
    "early-end": Kind("A stream ends in proper HTTP, but in the middle of the answer."),
    "error-event": Kind("A stream breaks off with the provider's own error event."),
    # A body that is not an answer
    "garbage": Kind("A body, or an event in the middle of a stream, that is not JSON."),
    "truncated": Kind("A body, or an event in the middle of a stream, that is the first half of its JSON."),
    "not-an-answer": Kind("JSON, but of something else."),
    "wrong-type": Kind("A page of HTML with status 200."),
    "empty": Kind("Status 200 and no body."),
    "invalid-utf8": Kind("Bytes that are not UTF-8 in the text of the answer."),
    "big": Kind("VALUE bytes of text in one event, or in the whole answer.", 2 << 20, 1, _BYTES),
    "big-header": Kind("A response header of VALUE bytes.", 128 << 10, 1, _BYTES),
    # Streams
    "missing-done": Kind("A stream without its last event: `[DONE]`, `message_stop`, `response.completed`."),
    "duplicate-done": Kind("The last event twice."),
    "missing-usage": Kind("No usage."),
    "duplicate-usage": Kind("The event with the usage twice."),
    "running-usage": Kind("Every event of an OpenAI chat has the usage so far."),
    "tool-split": Kind("Arguments of tools in pieces of VALUE characters.", 1, 1, 1000),
    "comments": Kind("A comment before each event."),
    "crlf": Kind("Lines end with CR LF."),
    "cr": Kind("Lines end with CR alone."),
    "multi-line": Kind("The JSON of an event over several `data:` lines."),
    "no-space": Kind("`data:` without the space after it."),
    "bom": Kind("The stream begins with a byte order mark."),
    # HTTP
    "split": Kind("Send the body in writes of VALUE bytes.", 1, 1, _BYTES),
    "odd-chunks": Kind("Chunks of odd sizes, with extensions and trailers."),
    "one-chunk": Kind("The whole stream in one HTTP chunk."),
    "bad-chunk": Kind("A chunk in the middle of a stream whose size is not a number."),
    "two-lengths": Kind("A whole answer with two lengths that contradict each other."),
    "chunked": Kind("A whole answer in chunked encoding."),
    "until-close": Kind("No length and no chunks: the end of the connection ends the body."),
    "continue": Kind("`100 Continue` before the answer, though nobody asked."),
    "close": Kind("End the connection after the answer, without saying so (FIN)."),
    "close-reset": Kind("Reset the connection after the answer (RST)."),
    "close-idle": Kind("End the connection after it was idle for VALUE seconds.", 0.05),
    "close-reuse": Kind("Reset the connection when the next request arrives on it."),
    "refuse": Kind("Refuse other connections for VALUE seconds; this one is answered, and ends.", 1),
    # The answer
    "model": Kind("Say that model VALUE answered.", "swapped"),
    "tokens": Kind("An answer of VALUE tokens, instead of the setting.", 48, 1, 100_000),
    "overlong": Kind("An answer as long as the setting, whatever bound the request sets."),
    "cached": Kind("VALUE input tokens came from a cache.", 16, 0, 1e9),
    "reasoning": Kind("VALUE output tokens of reasoning that nobody sees.", 16, 0, 1e9),
    "filtered": Kind("The answer ends because of a content filter."),
    "none": Kind("Nothing goes wrong, whatever the settings and the dice say."),
}


def parse(text: str) -> dict[str, float | str]:
    """Faults written as `NAME[=VALUE][;NAME[=VALUE]..]`.

    Raises:
        InvalidRequest: sim_fault_invalid, for an unknown name or a value out of its bounds.
    """
    found: dict[str, float | str] = {}
    for part in text.replace(",", ";").split(";"):
        name, given, value = part.strip().partition("=")
        if name:
            known = name.strip().lower().replace("_", "-")
            found[known] = _value(known, value.strip() if given else None)
    return found


def _value(name: str, value: str | None) -> float | str:
    kind = KINDS.get(name)
    if kind is None:
        raise _invalid(f"there is no fault {name!r}")
    if value is None or isinstance(kind.default, str):
        return value or kind.default
    try:
        number = float(value)
    except ValueError:
        raise _invalid(f"the fault {name!r} needs a number") from None
    if not (math.isfinite(number) and kind.low <= number <= kind.high):
        raise _invalid(f"the fault {name!r} needs a number from {kind.low:g} to {kind.high:g}")
    return number


def _invalid(message: str) -> InvalidRequest:
    return InvalidRequest(message, code="sim_fault_invalid", hint="GET /sim/faults lists the faults")


def number(faults: Faults, name: str, otherwise: float = 0) -> float:
    """The value of a fault of numbers; `otherwise` where it is not asked for."""
    value = faults.get(name, otherwise)
    return value if isinstance(value, int | float) else otherwise
