"""How often `homeport eval gate` is right: thousands of imagined runs, drawn all at once.

A baseline is right in a share of the cases. A candidate gives the baseline's verdict in a share `alike` of them, and
draws anew in the others; then it loses a share of what it has right: 0 for an equal one. With alike = 0 nothing is
gained by asking both the same; two versions of one prompt, or of one model, are alike in most cases.
"""

import math
from collections import Counter
from collections.abc import Mapping

import msgspec
import numpy as np

from homeport.stats.noninferiority import Margin, Verdict, judge
from homeport.stats.paired import binary_pairs

MARGIN = Margin(0.1)
RISK = 0.05
RUNS, ENOUGH = 20, 19


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of two models.

    Attributes:
        accuracy: of the baseline.
        alike: see above.
        loss: the share of its right answers that the candidate loses.
    """

    accuracy: float
    alike: float
    loss: float

    @property
    def shares(self) -> tuple[float, float, float, float]:
        """Of cases that are right in both, in the baseline alone, in the candidate alone, and in neither."""
        drawn = (1 - self.alike) * self.accuracy * (1 - self.loss)
        both = self.accuracy * (self.alike * (1 - self.loss) + drawn)
        won = (1 - self.accuracy) * drawn
        return both, self.accuracy - both, won, 1 - self.accuracy - won


class Odds(msgspec.Struct, frozen=True, kw_only=True):
    """The shares of the verdicts."""

    passed: float
    worse: float
    undecided: float


def odds(world: World, cases: int, draws: int, seed: int = 0, margin: Margin = MARGIN, risk: float = RISK) -> Odds:
    """Of so many imagined runs with so many cases each."""
    rng = np.random.default_rng(seed)
    shares = np.clip(world.shares, 0, 1)
    tables, counts = np.unique(rng.multinomial(cases, shares / shares.sum(), size=draws), axis=0, return_counts=True)
    found: Counter[Verdict] = Counter()
    for table, count in zip(tables.tolist(), counts.tolist(), strict=True):
        found[judge(binary_pairs(*table), margin, risk).verdict] += count
    share: Mapping[Verdict, float] = {verdict: found[verdict] / draws for verdict in Verdict}
    return Odds(passed=share[Verdict.PASSED], worse=share[Verdict.WORSE], undecided=share[Verdict.UNDECIDED])


def enough(share: float) -> float:
    """The probability that 19 of 20 runs, or all, come out as they do with this probability each."""
    counts = range(ENOUGH, RUNS + 1)
    return math.fsum(math.comb(RUNS, right) * share**right * (1 - share) ** (RUNS - right) for right in counts)
