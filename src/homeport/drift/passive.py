"""Signs of a change that cost nothing: what answers say of themselves, and what the ledger counts a day.

They are told, and raise no alarm: a provider renames a model that stays the same, and traffic changes by itself.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

import msgspec

from homeport.drift.baselines import Asked
from homeport.storage.model_days import ModelDay

LEAST_DAYS = 14
"""Of figures a day, so many are needed before others are compared with them."""

IN_A_ROW = 2
"""So many days have to be unlike those before: one alone is chance, or an outage."""

MOST_DAYS = 28
"""That are looked at."""

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


class _Figure(NamedTuple):
    """How people read a figure of a day, and the least spread of days, in its unit."""

    name: str
    spread: float


_FIGURES: Mapping[str, _Figure] = {
    "ttft_ms": _Figure("time to first token, ms", 5.0),
    "tpot_ms": _Figure("time per output token, ms", 0.2),
    "length": _Figure("output tokens", 0.5),
    "refusals": _Figure("share of refusals", 0.005),
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


def of_days(days: Sequence[ModelDay]) -> tuple[Signal, ...]:
    """Figures of the last days that are all far from those of the days before, to the same side.

    Args:
        days: the earliest first; a day without a figure is passed over for it.
    """
    found = []
    for field, figure in _FIGURES.items():
        told = [(day.day, getattr(day, field)) for day in days if getattr(day, field) is not None]
        if len(told) < LEAST_DAYS + IN_A_ROW or told[-1][0] != days[-1].day:
            continue
        middle, far = _usual([value for _, value in told[:-IN_A_ROW]], figure.spread)
        side = 1.0 if told[-1][1] > middle else -1.0
        beyond = list(takewhile(lambda one: side * (one[1] - middle) > far, reversed(told)))  # noqa: B023  used at once
        if len(beyond) >= IN_A_ROW:
            now = f"{told[-1][1]:.4g}"
            found.append(Signal(name=figure.name, before=f"{middle:.4g}", now=now, since=beyond[-1][0]))
    return tuple(found)


def _usual(values: Sequence[float], least: float) -> tuple[float, float]:
    """The median of days, and how far a day has to be from it."""
    middle = statistics.median(values)
    deviation = statistics.median(abs(one - middle) for one in values)
    return middle, _FAR * max(_SCALE * deviation, _LEAST_SPREAD * abs(middle), least)
