"""Medians over rounds, ratios within a round, and the order of the contenders. Pure."""

import random
import statistics
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

Item = TypeVar("Item")

_RESAMPLES = 2_000


class Spread(msgspec.Struct, frozen=True):
    """A figure over several rounds."""

    median: float
    min: float
    max: float


def spread(values: Sequence[float | None]) -> Spread | None:
    """Median and bounds of what was measured; None where nothing was."""
    known = [value for value in values if value is not None]
    return Spread(statistics.median(known), min(known), max(known)) if known else None


def ratio(over: float | None, under: float | None) -> float | None:
    """Their quotient; None where one is missing or the divisor is no measurement."""
    return over / under if over is not None and under else None


def difference(value: float | None, base: float | None) -> float | None:
    """What `value` has more than `base`; None where one is missing. Noise can make it negative."""
    return value - base if value is not None and base is not None else None


def per_unit_us(seconds: float, units: int) -> float | None:
    """Microseconds a unit; None without units."""
    return seconds * 1e6 / units if units else None


def rotated(items: Sequence[Item], turn: int) -> list[Item]:
    """The same items, each round another one first, so that no one always follows the same one."""
    start = turn % len(items) if items else 0
    return [*items[start:], *items[:start]]


def spreads(rounds: Sequence[Mapping[str, float | None]]) -> dict[str, Spread | None]:
    """`spread` of each figure that any round has, in order of appearance."""
    names = dict.fromkeys(name for figures in rounds for name in figures)
    return {name: spread([figures.get(name) for figures in rounds]) for name in names}


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of their median, by bootstrap."""
    dice = random.Random(0)
    drawn = sorted(statistics.median(dice.choices(values, k=len(values))) for _ in range(_RESAMPLES))
    return drawn[int(0.025 * _RESAMPLES)], drawn[int(0.975 * _RESAMPLES)]
