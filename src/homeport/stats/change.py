"""Has a series of scores left its usual range for good? A sequential test with a stated rate of false alarms.

Sources: conformal tests of exchangeability by betting (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random
World", 2005, chapter 7; Vovk, "Testing randomness online", Statist. Sci. 36, 2021) and e-detectors (Shin, Ramdas and
Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", New Engl. J. Statist. Data Sci. 2,
2024). If nothing has changed, each new score is as likely as any before it to be among the greatest. So with a line
at the k-th greatest of N old scores, and j of the i scores since above it, the next one is above it with probability
(k + j) / (N + 1 + i), whatever the distribution. A bet at these odds wins nothing on average: what a gambler who
began with 1 has is an e-value. One starts with every score; their best has `1 / false_alarms` by chance at
most once in so many scores.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from enum import Enum

_GREATEST = 0.05
"""The share of the usual scores that are above the line."""

_STAKE = 0.9
"""What is bet of all one has. The rest keeps one usual score among unusual ones from ending it all."""

_LAG = 18
"""Scores that are not yet part of what is usual: for so long a change in progress does not hide itself."""


class Turn(Enum):
    """What a score decided.

    Members:
        BEGAN: it is not as usual any more.
        OVER: it is as usual again.
        SETTLED: it has been otherwise for so long that this is the usual now.
    """

    BEGAN = "began"
    OVER = "over"
    SETTLED = "settled"


class ChangeDetector:
    """One series of scores, greater meaning worse.

    Args:
        tolerance: how far above the median of the usual a score must be to count; less is not worth telling.
        least: scores that are only learned from.
        most: scores that are remembered.
        false_alarms: an unchanged series is alarmed at most once in 1 / false_alarms scores.
        calm: so many usual scores in a row end an alarm.
        settles: after so many scores an alarm ends in any case; None: it does not.
        presumed: scores that count as usual before any came.
    """

    def __init__(
        self,
        tolerance: float,
        *,
        least: int = 30,
        most: int = 360,
        false_alarms: float = 1e-7,
        calm: int = 6,
        settles: int | None = 360,
        presumed: Sequence[float] = (),
    ) -> None:
        self._tolerance = tolerance
        self._least = least
        self._most = most
        self._enough = 1 / false_alarms
        self._calms = calm
        self._settles = settles
        self._usual: deque[float] = deque()
        self._sorted: list[float] = []
        self._recent: deque[float] = deque()
        self._wealth = 1.0
        self._run = 0
        self._line = 0.0
        self._above = 0
        self._quiet = 0
        self.alarmed = False
        for score in presumed:
            self._learn(score)

    @property
    def learned(self) -> bool:
        """Whether it knows enough to judge."""
        return len(self._usual) >= self._least

    @property
    def wealth(self) -> float:
        """What the best gambler has: the evidence that something changed."""
        return self._wealth

    @property
    def calm(self) -> int:
        """How many usual scores in a row there were since it was alarmed."""
        return self._quiet

    @property
    def run(self) -> int:
        """How many scores this evidence is of, the last one included."""
        return self._run

    @property
    def median(self) -> float:
        """The usual score; 0 before there is one."""
        return self._sorted[len(self._sorted) // 2] if self._sorted else 0.0

    def add(self, score: float) -> Turn | None:
        """Judge a score and learn from it."""
        if self.alarmed:
            return self._add_alarmed(score)
        if not self.learned:
            self._learn(score)
            return None
        self._bet(score)
        self._recent.append(score)
        if self._wealth >= self._enough:
            return self._begin()
        if len(self._recent) > _LAG:
            self._learn(self._recent.popleft())
        return None

    def _bet(self, score: float) -> None:
        k = max(1, int(_GREATEST * (len(self._sorted) + 1)))
        edge = self._sorted[-k]
        self._line = max(edge, self.median + self._tolerance)
        odds = (k + sum(one > edge for one in self._recent)) / (len(self._sorted) + 1 + len(self._recent))
        won = score > self._line
        if self._wealth <= 1:
            self._wealth, self._run = 1.0, 0
        self._wealth *= 1 - _STAKE + _STAKE * won / odds
        self._run = self._run + 1 if self._wealth > 1 else 0

    def _begin(self) -> Turn:
        """What was before the change is usual; what came with it is not learned."""
        for _ in range(len(self._recent) - self._run):
            self._learn(self._recent.popleft())
        self._recent.clear()
        self.alarmed, self._above, self._quiet = True, 0, 0
        return Turn.BEGAN

    def _add_alarmed(self, score: float) -> Turn | None:
        self._above += 1
        self._quiet = 0 if score > self._line else self._quiet + 1
        if self._quiet >= self._calms:
            return self._end(Turn.OVER)
        if self._settles is not None and self._above >= self._settles:
            self._usual.clear()
            self._sorted.clear()
            return self._end(Turn.SETTLED)
        return None

    def _end(self, turn: Turn) -> Turn:
        self.alarmed, self._wealth, self._run = False, 1.0, 0
        return turn

    def end(self) -> None:
        """There is nothing more to judge it by: end an alarm."""
        self._end(Turn.OVER)

    def _learn(self, score: float) -> None:
        self._usual.append(score)
        insort(self._sorted, score)
        if len(self._usual) > self._most:
            del self._sorted[bisect_left(self._sorted, self._usual.popleft())]
