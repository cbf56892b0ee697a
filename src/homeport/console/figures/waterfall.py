"""When each call of a request began and ended, drawn as bars."""

from collections.abc import Sequence

import msgspec

from homeport.traces.detail import Step

WIDTH = 1_000
"""Of the picture, in its own units."""

_NARROWEST = 4


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One call as it is drawn: `x` and `width` of `WIDTH`; milliseconds since the first call began."""

    target: str
    error: str
    start_ms: float
    took_ms: float
    x: int
    width: int
    cost: int


def bars(steps: Sequence[Step], latency_ns: int) -> tuple[Bar, ...]:
    """The bars of a request that took so long, in the order of its calls; all of them are inside the picture."""
    whole = max(latency_ns, 1, *(step.ended_ns for step in steps))
    return tuple(_bar(step, whole) for step in steps)


def _bar(step: Step, whole: int) -> Bar:
    took = max(0, step.ended_ns - step.began_ns)
    width = max(_NARROWEST, round(took * WIDTH / whole))
    return Bar(
        target=step.target,
        error=step.error,
        start_ms=step.began_ns / 1e6,
        took_ms=took / 1e6,
        x=min(round(step.began_ns * WIDTH / whole), WIDTH - width),
        width=width,
        cost=step.cost,
    )
