"""Intervals from simulated futures, set right by how the past was met.

Source: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World" (Springer 2005), and for series
Xu and Xie, "Conformal prediction interval for dynamic time-series" (ICML 2021): the quantile of past misses,
each over the width that the model would have stated, scales the next width. Windows of a series overlap, so
the correction counts only as much as there are windows that do not.
"""

import math
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from statistics import NormalDist

import msgspec

from homeport.stats.smoothing import Fit, fit_all, futures, sum_deviation, sum_expected, weights

_MARGIN = 0.05
"""Past misses are looked at a little further out than asked: the quantile of a few windows is too small."""

_PRIOR_WINDOWS = 4.0
"""So many windows of the past would be needed to count as much as the model itself."""

_NARROWEST = 0.1


class Interval(msgspec.Struct, frozen=True):
    """A sum as it is expected (the median), and between which bounds it is with the stated probability."""

    low: float
    median: float
    high: float


def sum_interval(
    series: Sequence[float], horizon: int, *, period: int, coverage: float, rng: Random, first: float = 1.0, count: int
) -> Interval:
    """The sum of the next `horizon` steps of a series of amounts that are never below 0.

    Args:
        period: steps of a season, such as 7 days.
        coverage: probability that the sum is inside, such as 0.8.
        first: share of the first step that is still to come.
        count: futures to simulate.
    """
    if horizon < 1 or not any(series):
        return Interval(0.0, 0.0, 0.0)
    fits = fit_all(series, period)
    sums = futures(fits, horizon, first, rng, count)
    tail = (1 - coverage) / 2
    low, median, high = (sums[min(int(share * count), count - 1)] for share in (tail, 0.5, 1 - tail))
    factor = _correction(series, fits, horizon, period, coverage)
    return Interval(max(0.0, median - (median - low) * factor), median, median + (high - median) * factor)


def _correction(series: Sequence[float], fits: Sequence[Fit], horizon: int, period: int, coverage: float) -> float:
    """By what to multiply the width; 1 where the past is too short to say."""
    if len(series) - horizon < 2 * period:
        return 1.0
    weighed = weights(fits)
    best = fits[weighed.index(max(weighed))]
    misses = _misses(series, best, horizon, period, NormalDist().inv_cdf((1 + coverage) / 2))
    place = min(int((coverage + _MARGIN) * len(misses)), len(misses) - 1)
    windows = (len(series) - period) / horizon - 1
    return math.exp(windows / (windows + _PRIOR_WINDOWS) * math.log(max(misses[place], _NARROWEST)))


def _misses(series: Sequence[float], fit: Fit, horizon: int, period: int, deviations: float) -> list[float]:
    """What was missed from each past step on, over the width that would have been stated, ascending."""
    width = deviations * sum_deviation(fit, horizon)
    if not width:
        return [1.0]
    until = [0.0, *accumulate(series)]
    misses = []
    for step in range(period, len(series) - horizon + 1):
        expected, stated = sum_expected(fit, step, horizon), width
        if not fit.model.speed:
            # A level that never moves was fitted on what came later: take what was known by then.
            expected *= until[step] / step / fit.states[0].level
            stated *= math.sqrt(1 + horizon / step)
        misses.append(abs(until[step + horizon] - until[step] - expected) / stated)
    return sorted(misses)
