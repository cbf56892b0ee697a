"""Tests that may be looked at after every batch: bets against a tolerance, e-detectors, paired replays, e-BH.

An e-value is a number that is at most 1 on average as long as nothing is wrong, so that it reaches 1 / alpha by chance
with probability alpha at most (Markov, and Ville for a whole sequence).

Sources: bets on bounded means, Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting"
(J. R. Statist. Soc. B 86, 2024); begun anew with every batch, Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric
framework for sequential change detection" (New Engl. J. Statist. Data Sci. 2, 2024), here the sum over all starts
(e-SR), whose average run length without a change is at least 1 / alpha; paired answers, McNemar (Psychometrika 12,
1947) as a bet on fair coins; many endpoints at once, Wang and Ramdas, "False discovery rate control with e-values"
(J. R. Statist. Soc. B 84, 2022).

numpy is imported where it is needed: a process that answers requests never does.
"""

import math
from collections.abc import Sequence

from homeport.stats.arrays import Array

FRACTIONS = (0.25, 0.5, 0.75, 0.95)
"""What gamblers stake of all that a bet may cost. The last keeps a twentieth: one calm batch does not ruin it."""

WEIGHTS = (0.2, 0.2, 0.2, 0.4)
"""What share of the money each of them begins with: a mixture of e-values is one."""

EDGES = (0.2, 0.4, 0.6, 0.8, -0.2, -0.4, -0.6, -0.8)
"""Of coins of pairs: by how much `worse` is likelier than `better`, over the two together."""

EDGE_WEIGHTS = (*[1 / 6] * 4, *[1 / 12] * 4)
"""Two thirds are bet on a change for the worse."""


def factors(score: float, tolerance: float, fractions: Sequence[float] = FRACTIONS) -> tuple[float, ...]:
    """What a batch multiplies each gambler's money by: 1 + lambda (X - mu), lambda = fraction / mu.

    On average at most 1 as long as the mean of X, given all that was before, is at most the tolerance.

    Args:
        score: X of the batch, from 0 to 1.
        tolerance: mu, above 0 and below 1.

    Raises:
        ValueError: either is out of its bounds, or no number.
    """
    if not 0 <= score <= 1 or not 0 < tolerance < 1:
        raise ValueError(f"score {score} or tolerance {tolerance} is out of bounds")
    return tuple(1 + fraction * (score / tolerance - 1) for fraction in fractions)


def paired_factors(worse: int, better: int, edges: Sequence[float] = EDGES) -> tuple[float, ...]:
    """What a batch of the same inputs, asked again, multiplies each gambler's money by.

    Of pairs whose grades differ, worse and better are equally likely as long as nothing changed; equal pairs
    say nothing. Each input must be in the batch once: two answers to one input are no two pairs.

    Args:
        worse: inputs that were answered well before, and are not now.
        better: inputs that are answered well now, and were not before.
    """
    return tuple(math.exp(min(worse * math.log1p(edge) + better * math.log1p(-edge), 300.0)) for edge in edges)


class EProcess:
    """Evidence against "the mean is at most the tolerance" from a fixed start on: valid at every time."""

    def __init__(self, weights: Sequence[float] = WEIGHTS) -> None:
        self._weights = tuple(weights)
        self._wealth = [1.0] * len(self._weights)

    @property
    def e_value(self) -> float:
        return math.fsum(weight * wealth for weight, wealth in zip(self._weights, self._wealth, strict=True))

    def add(self, growth: Sequence[float]) -> float:
        """Take the factors of one more batch; the e-value after it."""
        self._wealth = [_capped(wealth * factor) for wealth, factor in zip(self._wealth, growth, strict=True)]
        return self.e_value


class EDetector:
    """The sum of the e-processes that began with each batch: evidence that something changed at any time (e-SR).

    Alarmed when it reaches 1 / alpha, it runs 1 / alpha batches at least on average before a false alarm; the
    probability of one in the first n is at most n alpha.
    """

    def __init__(self, weights: Sequence[float] = WEIGHTS) -> None:
        self._weights = tuple(weights)
        self._wealth = [0.0] * len(self._weights)

    @property
    def evidence(self) -> float:
        """0 before the first batch, and 1 where a batch says nothing and none was before it."""
        return math.fsum(weight * wealth for weight, wealth in zip(self._weights, self._wealth, strict=True))

    def add(self, growth: Sequence[float]) -> float:
        """Take the factors of one more batch; the evidence after it."""
        self._wealth = [_capped((wealth + 1) * factor) for wealth, factor in zip(self._wealth, growth, strict=True)]
        return self.evidence

    def reset(self) -> None:
        """Begin anew: what was is known."""
        self._wealth = [0.0] * len(self._weights)


def _capped(wealth: float) -> float:
    """Money beyond any threshold is enough; infinity would not be JSON."""
    return min(wealth, 1e150)


def detect(growth: "Array", weights: Sequence[float]) -> "Array":
    """`EDetector` over many runs at once.

    Args:
        growth: factors by batch, then run, then gambler.

    Returns:
        the evidence by batch and run.
    """
    import numpy as np

    wealth = np.zeros(growth.shape[1:])
    evidence = np.empty(growth.shape[:-1])
    for batch, factor in enumerate(growth):
        wealth = np.minimum((wealth + 1) * factor, 1e150)
        evidence[batch] = wealth @ np.asarray(weights)
    return evidence


def paired_growth(worse: "Array", better: "Array", edges: Sequence[float] = EDGES) -> "Array":
    """`paired_factors` of many batches at once, with one axis more, for the gamblers."""
    import numpy as np

    edge = np.asarray(edges)
    growth: Array = np.exp(np.minimum(worse[..., None] * np.log1p(edge) + better[..., None] * np.log1p(-edge), 300.0))
    return growth


def e_benjamini_hochberg(e_values: Sequence[float], alpha: float) -> tuple[int, ...]:
    """Which of many hypotheses are rejected, so that at most a share `alpha` of them is so by chance (e-BH).

    Holds however the e-values depend on each other, as those of endpoints of one provider do.

    Returns:
        their places, ascending.
    """
    order = sorted(range(len(e_values)), key=lambda place: -e_values[place])
    needed = len(order) / alpha
    count = max((rank for rank, place in enumerate(order, 1) if rank * e_values[place] >= needed), default=0)
    return tuple(sorted(order[:count]))
