"""What is noted of a request for its spans while it is answered: times, and ids. Spans are made of it elsewhere."""

import random
from collections import deque
from collections.abc import Mapping

import msgspec

from homeport.core.tracing import TRACEPARENT, TRACESTATE, AnswerFacts, TraceContext, Traced
from homeport.core.types import Attempt, Frame, Inference, Target
from homeport.pipeline.attribution import Attribution, parent_span

READ, CHECKED, ROUTED, LOOKED, PAID = "read", "checked", "routed", "looked", "paid"
"""How far a request has come: its body is read; it may be answered; it is decided where it goes; it is known what the
cache has; its money is held."""

_RATIO_BITS = 64
_LAST = 4
"""Why a stream ended is told before its usage, and that before its end."""

_NUMBERS = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "seed",
        "n",
        "frequency_penalty",
        "presence_penalty",
    }
)
_NUMBER = msgspec.json.Decoder(int | float)


class TracePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests are traced, and who is told.

    Attributes:
        ratio: the share of those whose caller does not say.
        follow_caller: a caller's `traceparent` says whether its request is.
        to_remote: remote APIs are told which span calls them, too.
    """

    ratio: float = 1.0
    follow_caller: bool = True
    to_remote: bool = False


class Trail:
    """Of one request.

    Args:
        context: its own span.
        parent_id: of the caller's; "" where it named none.

    Attributes:
        chunks: parts of a streamed answer that went by.
        left: calls that were given up before they answered.
    """

    __slots__ = (
        "_dice",
        "_first",
        "_last",
        "_policy",
        "_reached",
        "chunks",
        "context",
        "left",
        "parent_id",
        "started_ns",
    )

    def __init__(
        self, context: TraceContext, parent_id: str, started_ns: int, policy: TracePolicy, dice: random.Random
    ) -> None:
        self.context = context
        self.parent_id = parent_id
        self.started_ns = started_ns
        self.chunks = 0
        self.left: list[Attempt] = []
        self._policy = policy
        self._dice = dice
        self._reached: list[tuple[str, int]] = []
        self._first: bytes = b""
        self._last: deque[bytes] = deque(maxlen=_LAST)

    def reached(self, what: str, now: int) -> None:
        """The request has come so far."""
        self._reached.append((what, now - self.started_ns))

    def call(self) -> str:
        """The id of a new span, of a call of an upstream; "" where the trace is not sampled."""
        return f"{self._dice.getrandbits(64) or 1:016x}" if self.context.sampled else ""

    def headers(self, span_id: str, target: Target) -> Mapping[str, str]:
        """What the upstream of a call is told. `tracestate` is for machines of our own: others put names into it."""
        if not (target.local or self._policy.to_remote):
            return {}
        told = TraceContext(self.context.trace_id, span_id or self.context.span_id, self.context.sampled)
        headers = {TRACEPARENT: told.traceparent()}
        if target.local and self.context.state:
            headers[TRACESTATE] = self.context.state
        return headers

    def hear(self, frame: Frame) -> None:
        """A part of a streamed answer goes by: its beginning and its end say what it is."""
        self.chunks += frame.events
        if not self._first:
            self._first = frame.data
        self._last.append(frame.data)

    @property
    def heard(self) -> bytes:
        """The first and the last parts of a stream."""
        return b"".join((self._first, *self._last))

    def traced(self, inference: Inference | None, answer: AnswerFacts, purpose: str) -> Traced:
        """What the spans are made of."""
        return Traced(
            trace_id=self.context.trace_id,
            span_id=self.context.span_id,
            parent_id=self.parent_id,
            state=self.context.state,
            started_ns=self.started_ns,
            reached=tuple(self._reached),
            asked=_numbers(inference) if inference is not None else {},
            chunks=self.chunks,
            left=tuple(self.left),
            purpose=purpose,
            answer=answer,
        )


class Tracer:
    """Begins trails.

    Args:
        dice: of ids, and of what is sampled.
    """

    def __init__(self, policy: TracePolicy, dice: random.Random) -> None:
        self._policy = policy
        self._dice = dice
        self._below: int = round(policy.ratio * 2**_RATIO_BITS)

    def begin(self, said: Attribution, started_ns: int) -> Trail:
        """Of a request that has just come."""
        parent = parent_span(said)
        trace_id = parent.trace_id if parent is not None else f"{self._dice.getrandbits(128) or 1:032x}"
        sampled = parent.sampled if parent is not None and self._policy.follow_caller else self._draws(trace_id)
        span_id = f"{self._dice.getrandbits(64) or 1:016x}"
        context = TraceContext(trace_id, span_id, sampled, parent.state if parent is not None else "")
        return Trail(context, parent.span_id if parent is not None else "", started_ns, self._policy, self._dice)

    def _draws(self, trace_id: str) -> bool:
        """By the trace's id, so that whoever samples by the same share keeps whole traces.

        Source: OpenTelemetry specification, "TraceIdRatioBased".
        """
        return int(trace_id[-16:], 16) < self._below


def _numbers(inference: Inference) -> dict[str, int | float]:
    numbers: dict[str, int | float] = {}
    for name, raw in inference.fields.items():
        if name in _NUMBERS:
            try:
                numbers[name] = _NUMBER.decode(raw)
            except msgspec.MsgspecError:
                continue  # It is null, or the upstream judges it.
    return numbers
