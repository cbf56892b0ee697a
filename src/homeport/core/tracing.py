"""Distributed traces: which trace a request is part of, how that is said to others, and what is noted for its spans.

Source: W3C Trace Context, https://www.w3.org/TR/trace-context/, sections 3.2 and 3.3. `baggage` is neither read nor
sent: it may hold anything.
"""

import re
from contextvars import ContextVar

import msgspec

from homeport.core.types import Attempt

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
TRACE_ID_HEADER = "x-homeport-trace-id"

_TRACEPARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-[ -~]*)?", re.ASCII
)
_SAMPLED = 0x01
_STATE_KEY = r"[a-z0-9][_0-9a-z\-*/@]{0,255}"
_STATE_VALUE = r"[ -+\--<>-~]{0,255}[!-+\--<>-~]"
_STATE_MEMBER = re.compile(f"{_STATE_KEY}={_STATE_VALUE}", re.ASCII)
_MOST_MEMBERS, _LONGEST_STATE = 32, 512


class TraceContext(msgspec.Struct, frozen=True):
    """A span, as others are told of it.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: 16 of them.
        sampled: its spans are sent somewhere.
        state: `tracestate`, of whoever began the trace; "" for none.
    """

    trace_id: str
    span_id: str
    sampled: bool
    state: str = ""

    def traceparent(self) -> str:
        """The header that names this span as the parent of another."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


def read_context(traceparent: str | None, tracestate: str | None = None) -> TraceContext | None:
    """The span that headers name; None where they name none, or are not right."""
    match = _TRACEPARENT.fullmatch(traceparent.strip()) if traceparent else None
    if match is None or (match[1] == "00" and match[5]):
        return None
    sampled = bool(int(match[4], 16) & _SAMPLED)
    return TraceContext(match[2], match[3], sampled, _read_state(tracestate))


def _read_state(said: str | None) -> str:
    """As it was said, without the space around its members; "" where any of them is not right."""
    members = [member.strip() for member in (said or "").split(",")]
    members = [member for member in members if member]
    state = ",".join(members)
    if len(members) > _MOST_MEMBERS or len(state) > _LONGEST_STATE:
        return ""
    keys = {member.partition("=")[0] for member in members}
    is_right = all(_STATE_MEMBER.fullmatch(member) for member in members) and len(keys) == len(members)
    return state if is_right else ""


CURRENT: ContextVar[TraceContext | None] = ContextVar("homeport_trace", default=None)
"""The span of the request that the code that runs now is part of: log lines name it."""


class AnswerFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an upstream's answer says of itself. Nothing of it is content.

    Attributes:
        finish_reasons: of each choice, in a chat's words.
        fingerprint: OpenAI's `system_fingerprint`.
    """

    id: str = ""
    model: str = ""
    finish_reasons: tuple[str, ...] = ()
    fingerprint: str = ""


class Traced(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What spans are made of, beside the rest of the event of a request.

    Attributes:
        trace_id, span_id: of the request's own span.
        parent_id: of the caller's span; "" where it named none.
        state: `tracestate` of the caller.
        started_ns: monotonic nanoseconds when it began: the clock of its attempts.
        reached: how far it had come by when: a word, and nanoseconds since it began.
        asked: numbers that the caller asked with, by OpenAI's names.
        chunks: parts of a streamed answer.
        left: calls that were given up, as by a caller who left, before they answered.
        purpose: why we ask ourselves, in the background; "" where a caller asks.
        answer: of the answer that the caller got.
    """

    trace_id: str
    span_id: str
    parent_id: str = ""
    state: str = ""
    started_ns: int = 0
    reached: tuple[tuple[str, int], ...] = ()
    asked: dict[str, int | float] = {}
    chunks: int = 0
    left: tuple[Attempt, ...] = ()
    purpose: str = ""
    answer: AnswerFacts = AnswerFacts()
