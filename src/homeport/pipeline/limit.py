"""How many answers an engine may work on at once: as many as it does nearly as fast as fewer.

Additive increase while answers take about as long as when the engine is half empty, multiplicative decrease when they
take longer; and how long one may wait for a place, so that most answers keep within what is promised of them.

Sources: Chiu, Jain: "Analysis of the Increase and Decrease Algorithms for Congestion Avoidance in Computer Networks",
1989; the comparison with the time at low load is that of Netflix's concurrency-limits (its gradient limit), 2018.
"""

import math

import msgspec

from homeport.pipeline.pace import Pace, Work
from homeport.pipeline.window import Window

_LESS = 0.75
_CALM = 16
"""Answers of an engine that is half empty, before only such ones say how long an answer takes."""
_ROUND = 8
"""Answers after which it is looked again, at least."""
_LATEST = 128
_RECENT = 1 / 16
_LATE = 0.95
_DECAY = 1.2564
"""Of the waiting at half load, for each place: the root of exp(x) = 1 + 2 x."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What a limit keeps to.

    Attributes:
        least, most: places.
        first: places before anything is known.
        stretch: how many times as long as at half load all but the slowest twentieth of the answers may take, with
            their waiting.
    """

    least: int = 1
    most: int = 1
    first: int = 1
    stretch: float = 1.5


class Limit:
    """Learns from answers. Times are nanoseconds.

    Attributes:
        mean: what an answer takes now; 0.0 while nothing is known.
        slowdown: how many times as long as at low load.
        patience: how long one may wait for a place; None while too little is known.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.mean = 0.0
        self.slowdown = 1.0
        self.patience: float | None = None
        self._bounds = bounds
        self._limit = float(bounds.first)
        self._pace = Pace()
        self._latest = Window(_LATEST)
        self._round = self._filled = 0
        self._took = self._expected = 0.0

    @property
    def places(self) -> int:
        return int(self._limit)

    def adopt(self, bounds: Bounds) -> None:
        """Keep to other bounds; what was learned stays."""
        if bounds != self._bounds:
            self._bounds = bounds
            self._limit = min(max(self._limit, bounds.least), bounds.most)

    def answered(self, work: Work, lasted: int, beside: float) -> None:
        """An answer came to its end.

        Args:
            beside: how many were worked on meanwhile, itself among them, on average.
        """
        self.mean = self.mean + _RECENT * (lasted - self.mean) if self.mean else float(lasted)
        calm = beside <= max(1.0, self._bounds.most / 2)
        if calm or self._pace.known < _CALM:
            self._pace.learn(work, lasted)
        self._latest.add(lasted)
        self._took += lasted
        self._expected += self._pace.expected(work)
        self._filled += beside > self.places - 1
        self._round += 1
        if self._round >= max(_ROUND, self.places):
            self._look()

    def _look(self) -> None:
        slowdown = self._took / self._expected if self._expected else 1.0
        self.slowdown = max(1.0, (self.slowdown + slowdown) / 2)
        if slowdown > self._bounds.stretch:
            self._limit = max(self._limit * _LESS, self._bounds.least)
        elif 2 * self._filled > self._round:  # else nobody knows what more would do
            self._limit = min(self._limit + math.sqrt(self._limit) / 4, self._bounds.most)
        late = self._latest.quantile(_LATE)
        self.patience = patience(self.mean, late, self.slowdown, self.places, self._bounds.stretch)
        self._round = self._filled = 0
        self._took = self._expected = 0.0


def patience(mean: float, late: float, slowdown: float, places: int, stretch: float) -> float:
    """How long one may wait for a place.

    Args:
        mean, late: what an answer takes now, and what all but a twentieth of them stay within.
        slowdown: how many times as long as at low load.
        stretch: how many times as long as at half load the answers may take that are not late.
    """
    at_half_load = max(late, mean * (1 + wait_at_half_load(places))) / slowdown
    # Somebody waits at least, else a place that gets free stays empty until the next one comes.
    return max(stretch * at_half_load - late, mean / places)


def wait_at_half_load(places: int) -> float:
    """What all but a twentieth of requests stay within who wait at half load, in times of an answer.

    Erlang's C formula says how many must wait; how long is about exponential, at the rate of answers of one length.
    Source: Tijms: "A First Course in Stochastic Models", 2003, section 9.6 (M/D/c).
    """
    share = _must_wait(places, places / 2)
    return max(0.0, math.log(share / (1 - _LATE)) / (_DECAY * places))


def _must_wait(places: int, offered: float) -> float:
    blocked = 1.0  # Erlang's B formula, by its recursion.
    for number in range(1, places + 1):
        blocked = offered * blocked / (number + offered * blocked)
    load = offered / places
    return blocked / (1 - load + load * blocked)
