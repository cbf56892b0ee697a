"""Signs of a change that cost nothing: what answers say of themselves, and what the ledger counts a day.

They are told, and raise no alarm: a provider renames a model that stays the same, and traffic changes by itself.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from homeport.drift.baselines import Asked

LEAST_DAYS = 7
"""Of figures a day, so many are needed before the last is judged."""

_FAR = 5.0
"""Median absolute deviations, scaled to a normal's standard deviations."""
_SCALE = 1.4826
_LEAST_SPREAD = 0.02
"""Of the median: what differs by less is rounding."""


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not what it was.

    Attributes:
        name: such as `response.model`.
        since: the batch or the day it was seen first.
    """

    name: str
    before: str
    now: str
    since: str


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """A model's figures of a day, each None where there is nothing to count.

    Attributes:
        day: ISO date.
        ttft_ms, tpot_ms: mean time to the first token, and of each after it.
        length: mean output tokens.
        refusals: share of the answers that refuse.
    """

    day: str
    requests: int
    ttft_ms: float | None = None
    tpot_ms: float | None = None
    length: float | None = None
    refusals: float | None = None


_FIGURES: Mapping[str, str] = {
    "ttft_ms": "time to first token, ms",
    "tpot_ms": "time per output token, ms",
    "length": "output tokens",
    "refusals": "share of refusals",
}


def of_answers(lines: Iterable[Asked]) -> tuple[Signal, ...]:
    """Changes of the model's name, of its system's fingerprint, and of the tokens of a fixed prompt."""
    seen: dict[tuple[str, str], str] = {}
    found: dict[tuple[str, str], Signal] = {}
    for line in lines:
        told = {
            ("response.model", ""): line.model,
            ("system_fingerprint", ""): line.fingerprint,
            ("input tokens", line.probe): str(line.input_tokens or ""),
        }
        for key, value in told.items():
            before = seen.get(key, value) if value else value
            if value and before and before != value:
                found[key[0], value] = Signal(name=key[0], before=before, now=value, since=line.batch)
            if value:
                seen[key] = value
    return tuple(found.values())


def of_days(days: Sequence[Day]) -> tuple[Signal, ...]:
    """Figures of the last day that are far from those of the days before it; the earliest day first."""
    found = []
    for field, name in _FIGURES.items():
        values = [getattr(day, field) for day in days if getattr(day, field) is not None]
        if len(values) <= LEAST_DAYS or getattr(days[-1], field) is None:
            continue
        *before, now = values
        middle = statistics.median(before)
        spread = max(_SCALE * statistics.median(abs(one - middle) for one in before), _LEAST_SPREAD * abs(middle), 1e-9)
        if abs(now - middle) > _FAR * spread:
            found.append(Signal(name=name, before=f"{middle:.4g}", now=f"{now:.4g}", since=days[-1].day))
    return tuple(found)
