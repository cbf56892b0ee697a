"""Evidence that a mean fell, from scores before and scores now: an e-value, whatever the mean was before.

Someone bets on every output: before that it is above a level, now that it is below. The stakes are such that over all
outputs both bets cost the same, so as long as the mean is the same before and now, nothing is won on average,
whatever that mean is. Nothing about it has to be known, and that it is not known costs what it must: with few outputs
before, little can be won.

Why: the product of 1 + a (x - level) over N outputs before and of 1 - b (x + tolerance - level) over M outputs now is
at most exp(N a (mean - level) - M b (mean + tolerance - level)) on average, and N a = M b. An output that is looked at
with probability p counts 1 / p where it is, and its factor is 1 where it is not: so N and M are of all outputs.

Sources: Turner, Ly and Grünwald, "Generic e-variables for exact sequential k-sample tests that allow for optional
stopping" (J. Statist. Plan. Inference 230, 2024), whose likelihood ratios are bets here, so that scores may be anything
from 0 to 1 (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", J. R. Statist. Soc. B
86, 2024); weights by Horvitz and Thompson (JASA 1952).

numpy is imported where it is needed: a process that answers requests never does.
"""

import math
from collections.abc import Sequence

import msgspec

from homeport.stats.arrays import Array

EFFECTS = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Falls that are bet on, in standard deviations of a score."""

EFFECT_WEIGHTS = (0.3, 0.3, 0.2, 0.1, 0.1)
"""What part of the money is bet on each: a large fall is seen with little."""

_MOST_LOST = 0.9
"""Of the money, by one output."""

_LARGEST = 700.0


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """Outputs of a time, and the scores of those that were looked at.

    Attributes:
        outputs: all that could have been looked at.
        values: scores from 0 to 1, shape (R,).
        weights: (R,); one over the probability with which each was looked at, times any constant that is the same in
            all that is compared.
        counts: (R,); how many outputs have this score and this weight.
    """

    outputs: float
    values: "Array"
    weights: "Array"
    counts: "Array"

    @property
    def looked_at(self) -> float:
        return float(self.counts.sum())

    @property
    def mean(self) -> float:
        """By weight; NaN where nothing was looked at."""
        total = float((self.counts * self.weights).sum())
        return float((self.counts * self.weights * self.values).sum()) / total if total else math.nan


class Scale(msgspec.Struct, frozen=True):
    """What bets are made with: about where the mean is, and how far scores are from it. Wrong ones win less."""

    level: float
    deviation: float


def scale_of(scores: Scores) -> Scale:
    """From outputs that are in neither of the two that are compared.

    A half more of each of good and bad is added: a metric that never failed may fail one day.
    """
    heavy = scores.counts * scores.weights
    total = float(heavy.sum()) + 1
    level = (float((heavy * scores.values).sum()) + 0.5) / total
    squares = float((scores.counts * (scores.weights * (scores.values - level)) ** 2).sum())
    added = 0.5 * level**2 + 0.5 * (1 - level) ** 2
    return Scale(level, math.sqrt((squares + added) / (scores.looked_at + 1)))


def decline(before: Scores, now: Scores, scale: Scale, *, tolerance: float = 0.0, spread: float = 1.0) -> float:
    """The e-value: at most 1 on average unless the mean now is more than `tolerance` below that before.

    Args:
        scale: of other outputs.
        spread: how many times as far days are apart as chance alone puts them, as a variance, 1 or more: evidence
            is so much weaker. An e-value to a power of at most 1 is one (Jensen); where the power is learned from the
            same outputs, it is below 2 on average at worst.

    Returns:
        1 where either has nothing that was looked at.
    """
    if not before.looked_at or not now.looked_at or not before.outputs or not now.outputs:
        return 1.0
    logs = [_log(before, now, scale, effect, tolerance) / max(1.0, spread) for effect in EFFECTS]
    return math.fsum(weight * math.exp(min(one, _LARGEST)) for weight, one in zip(EFFECT_WEIGHTS, logs, strict=True))


def _log(before: Scores, now: Scores, scale: Scale, effect: float, tolerance: float) -> float:
    import numpy as np

    whole = before.outputs + now.outputs
    stake = effect / scale.deviation
    of_before, of_now = stake * now.outputs / whole, stake * before.outputs / whole
    heaviest = max(float(before.weights.max()), float(now.weights.max()))
    dearest = heaviest * max(of_before * scale.level, of_now * (1 + tolerance - scale.level))
    smaller = min(1.0, _MOST_LOST / dearest)
    above = before.weights * (before.values - scale.level)
    below = now.weights * (scale.level - tolerance - now.values)
    won = before.counts * np.log1p(smaller * of_before * above)
    return float(won.sum() + (now.counts * np.log1p(smaller * of_now * below)).sum())


def spread_of(*times: Sequence[Scores]) -> float:
    """How far the means of days are apart within each time, over what chance alone would make of it; 1 or more.

    Cochran's statistic over its degrees of freedom ("The combination of estimates from different experiments",
    Biometrics 10, 1954), added up over the times. Days without anything that was looked at are left out.
    """
    found = [_apart([day for day in days if day.looked_at > 1]) for days in times]
    freedom = sum(degrees for _, degrees in found)
    return max(1.0, math.fsum(squares for squares, _ in found) / freedom) if freedom else 1.0


def _apart(days: Sequence[Scores]) -> tuple[float, int]:
    """The statistic, and its degrees of freedom."""
    whole = merged(days)
    if len(days) < 2:
        return 0.0, 0
    mean = whole.mean
    variance = float((whole.counts * (whole.weights * (whole.values - mean)) ** 2).sum()) / whole.looked_at
    if not variance:
        return 0.0, 0
    weight = float((whole.counts * whole.weights).sum()) / whole.looked_at
    return math.fsum(day.looked_at * (weight * (day.mean - mean)) ** 2 / variance for day in days), len(days) - 1


def merged(days: Sequence[Scores]) -> Scores:
    """All of them together."""
    import numpy as np

    none = np.zeros(0)
    return Scores(
        outputs=math.fsum(day.outputs for day in days),
        values=np.concatenate([none, *(day.values for day in days)]),
        weights=np.concatenate([none, *(day.weights for day in days)]),
        counts=np.concatenate([none, *(day.counts for day in days)]),
    )
