"""When each call of a request began and ended, drawn as bars."""

from collections.abc import Sequence

import msgspec

from homeport.traces.detail import Step

WIDTH = 1_000
"""Of the picture, in its own units."""

_NARROWEST = 4


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One call as it is drawn: `x` and `width` of `WIDTH`; nanoseconds since the first call began."""

    target: str
    error: str
    start_ns: int
    took_ns: int
    x: int
    width: int
    cost: int


class Waterfall(msgspec.Struct, frozen=True, kw_only=True):
    """All of them on one scale.

    Attributes:
        whole_ns: what `WIDTH` stands for.
        request: how wide the whole request is.
        first: where the first byte of the answer came; None where that is not known.
    """

    bars: tuple[Bar, ...]
    whole_ns: int
    request: int
    first: int | None


def waterfall(steps: Sequence[Step], latency_ns: int, ttft_ns: int = 0) -> Waterfall:
    """The picture of a request that took so long, its calls in their order; all of them are inside."""
    whole = max(latency_ns, 1, *(step.ended_ns for step in steps))
    return Waterfall(
        bars=tuple(_bar(step, whole) for step in steps),
        whole_ns=whole,
        request=max(_NARROWEST, round(max(0, latency_ns) * WIDTH / whole)),
        first=min(WIDTH - _NARROWEST, round(ttft_ns * WIDTH / whole)) if ttft_ns > 0 else None,
    )


def _bar(step: Step, whole: int) -> Bar:
    took = max(0, step.ended_ns - step.began_ns)
    width = max(_NARROWEST, round(took * WIDTH / whole))
    return Bar(
        target=step.target,
        error=step.error,
        start_ns=step.began_ns,
        took_ns=took,
        x=min(round(step.began_ns * WIDTH / whole), WIDTH - width),
        width=width,
        cost=step.cost,
    )
