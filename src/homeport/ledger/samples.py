"""What a stretch of traffic shows of one measure: a score that says how bad it is, and the figures for people."""

import math
from collections.abc import Mapping
from statistics import median
from typing import Protocol

import msgspec

from homeport.core.unusual import SHARES, Measure

LEAST_SAMPLES = 10
"""A stretch of fewer requests says nothing; it goes on until it has them."""

_LEAST_FAILED = 2
_MINUTE_NS = 60 * 1_000_000_000
_MOST_KEPT = 2_000
"""Numbers of one stretch; a median of so many is as good as one of all."""

_LEAST_RATE = 1e-12

TOLERANCE: Mapping[Measure, float] = {
    Measure.ERRORS: 0.05,
    Measure.EMPTY: 0.05,
    Measure.LATENCY: math.log(2),
    Measure.TTFT: math.log(2),
    Measure.INPUT_TOKENS: math.log(1.3),
    Measure.OUTPUT_TOKENS: math.log(1.3),
    Measure.SPEND: math.log(3),
}
"""How far above the usual score one must be to be worth telling."""

_FLOOR: Mapping[Measure, float] = {
    Measure.ERRORS: 0.0,
    Measure.EMPTY: 0.0,
    Measure.LATENCY: 0.1,
    Measure.TTFT: 0.1,
    Measure.INPUT_TOKENS: 10,
    Measure.OUTPUT_TOKENS: 10,
    Measure.SPEND: 0.1 / 60,
}
"""And by how much at least: seconds, tokens, dollars a minute (ten cents an hour)."""


class Stretch(msgspec.Struct, frozen=True):
    """One stretch of one measure; `since` in nanoseconds since the epoch, `found` as in `Unusual`.

    Attributes:
        usual: what the same callers had before, where that is known from the requests themselves.
        cost: nano-dollars, where money is what is measured.
    """

    since: int
    score: float
    found: float
    samples: int
    usual: float | None = None
    cost: int = 0

    def usual_beside(self, measure: Measure, middle: float) -> float:
        """What would be usual, where `middle` is the usual score."""
        if self.usual is not None:
            return self.usual
        return middle if measure in SHARES else math.exp(middle)

    def judged(self, measure: Measure, middle: float) -> float:
        """The score; not above the usual one where the difference is too small to matter."""
        small = self.found - self.usual_beside(measure, middle) < _FLOOR[measure]
        # The usual score of callers whose times drift is not 0: what is told is far from what they had, too.
        near = self.usual is not None and self.score < TOLERANCE[measure]
        return min(self.score, middle) if small or near else self.score


class Samples(Protocol):
    """What is gathered of one stretch."""

    @property
    def count(self) -> int: ...

    def stretch(self, since: int, until: int) -> Stretch:
        """What it shows; `count` is at least 1."""


class Shares:
    """How many requests failed, or got an empty answer."""

    def __init__(self) -> None:
        self.count = 0
        self._failed = 0

    def add(self, failed: bool) -> None:
        self.count += 1
        self._failed += failed

    def stretch(self, since: int, until: int) -> Stretch:
        """A single failure among a few requests is no score."""
        share = self._failed / self.count
        return Stretch(since, share if self._failed >= _LEAST_FAILED else 0.0, share, self.count)


class Sizes:
    """Times or tokens of requests, each beside what is usual for its caller."""

    def __init__(self) -> None:
        self.count = 0
        self._logs: list[float] = []
        self._ratios: list[float] = []

    def add(self, log: float, usual: float) -> None:
        """A natural logarithm, and the usual one."""
        self.count += 1
        if self.count <= _MOST_KEPT:
            self._logs.append(log)
            self._ratios.append(log - usual)

    def stretch(self, since: int, until: int) -> Stretch:
        found, score = math.exp(median(self._logs)), median(self._ratios)
        return Stretch(since, score, found, self.count, found / math.exp(score))


class Costs:
    """Money that went."""

    def __init__(self) -> None:
        self.count = 0
        self._nano = 0

    def add(self, nano: int) -> None:
        self.count += 1
        self._nano += nano

    def stretch(self, since: int, until: int) -> Stretch:
        rate = self._nano / 1e9 * _MINUTE_NS / max(1, until - since)
        return Stretch(since, math.log(max(rate, _LEAST_RATE)), rate, self.count, cost=self._nano)


LEAST_KNOWN_NS = 24 * 60 * _MINUTE_NS
"""Spending is not judged before a day of it is known."""

_TIMES_THE_DEAREST = 2


def news_from(dearest: int) -> int:
    """How much must be spent since a change to be news, where the dearest hour cost so much; nano-dollars."""
    return _TIMES_THE_DEAREST * dearest
