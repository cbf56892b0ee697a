"""From a score to the probability that an answer is right, and how far such probabilities can be trusted.

Sources: isotonic regression, Zadrozny and Elkan, "Transforming classifier scores into accurate multiclass probability
estimates" (KDD 2002); logistic scaling, Platt, "Probabilistic outputs for support vector machines" (1999), with the
Newton steps of Lin, Lin and Weng, "A note on Platt's probabilistic outputs" (Machine Learning, 2007).

A score of minus infinity is the lowest there is; how far it is below the others does not count. Fitting needs
NumPy and SciPy, which a gateway never loads; `p` needs neither.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise

import msgspec

BINS = 15
"""Of the expected calibration error."""

_FEW = 100
"""Below so many labels the shape of an isotonic fit is mostly noise."""

_FOLDS = 5
_STEPS = 100
_RIDGE = 1e-6


class Isotonic(msgspec.Struct, frozen=True, tag="isotonic"):
    """A curve that never falls: straight between knots, level outside.

    Attributes:
        knots: scores, each above the one before.
        values: probabilities at the knots.
        lowest: the probability at minus infinity.
    """

    knots: tuple[float, ...]
    values: tuple[float, ...]
    lowest: float

    def p(self, score: float) -> float:
        if not self.knots or score == -math.inf:
            return self.lowest
        if math.isnan(score):
            return self.lowest
        place = bisect_left(self.knots, score)
        if place == 0:
            return self.values[0]
        if place == len(self.knots):
            return self.values[-1]
        left, right = self.knots[place - 1], self.knots[place]
        share = (score - left) / (right - left)
        return self.values[place - 1] + share * (self.values[place] - self.values[place - 1])


class Platt(msgspec.Struct, frozen=True, tag="platt"):
    """A logistic curve.

    Attributes:
        slope: never below 0.
        lowest: the probability at minus infinity, and the least.
    """

    slope: float
    intercept: float
    lowest: float

    def p(self, score: float) -> float:
        if score == -math.inf or math.isnan(score):
            return self.lowest
        return max(sigmoid(self.slope * score + self.intercept if self.slope else self.intercept), self.lowest)


Calibrator = Isotonic | Platt


def sigmoid(value: float) -> float:
    """Without overflow at either end."""
    if value >= 0:
        return 1 / (1 + math.exp(-min(value, 700)))
    exponential = math.exp(max(value, -700))
    return exponential / (1 + exponential)


def calibrate(scores: Sequence[float], right: Sequence[int]) -> Calibrator:
    """The curve of the two that has the lower Brier score on rows it was not fitted on.

    Raises:
        ValueError: there is no row.
    """
    if len(scores) < _FEW:
        return fit_platt(scores, right)
    kinds: tuple[Callable[[Sequence[float], Sequence[int]], Calibrator], ...] = (fit_isotonic, fit_platt)
    losses = [0.0 for _ in kinds]
    for fold in range(_FOLDS):
        inside = [index for index in range(len(scores)) if index % _FOLDS != fold]
        outside = range(fold, len(scores), _FOLDS)
        for place, fit in enumerate(kinds):
            curve = fit([scores[index] for index in inside], [right[index] for index in inside])
            losses[place] += sum((curve.p(scores[index]) - right[index]) ** 2 for index in outside)
    return kinds[losses.index(min(losses))](scores, right)


def fit_isotonic(scores: Sequence[float], right: Sequence[int]) -> Isotonic:
    """The curve that never falls and has the least squared error, straight between the middles of its steps.

    Raises:
        ValueError: there is no row.
    """
    import numpy as np
    from scipy.optimize import isotonic_regression

    if not len(scores):
        raise ValueError("there is no row to fit on")
    values, where, counts = np.unique(np.asarray(scores, float), return_inverse=True, return_counts=True)
    means = np.bincount(where, weights=np.asarray(right, float)) / counts
    level = isotonic_regression(means, weights=counts).x
    edge = 1 / (len(scores) + 2)  # never quite sure: nobody has seen every answer
    level = np.clip(level, edge, 1 - edge)
    finite = np.isfinite(values)
    lowest = float(level[0])
    values, level, counts = values[finite], level[finite], counts[finite]
    starts = np.flatnonzero(np.r_[True, np.diff(level) > 0]) if len(level) else np.array([], int)
    if not len(starts):
        return Isotonic((), (), lowest)
    totals = np.add.reduceat(counts, starts)
    middles = np.add.reduceat(values * counts, starts) / totals
    keep = np.r_[True, np.diff(middles) > 0]
    return Isotonic(tuple(middles[keep].tolist()), tuple(level[starts][keep].tolist()), lowest)


def fit_platt(scores: Sequence[float], right: Sequence[int]) -> Platt:
    """A logistic curve; labels are drawn in a little, as Platt does, so that no answer is certain.

    Raises:
        ValueError: there is no row.
    """
    if not len(scores):
        raise ValueError("there is no row to fit on")
    finite = [(score, label) for score, label in zip(scores, right, strict=True) if math.isfinite(score)]
    without = [label for score, label in zip(scores, right, strict=True) if not math.isfinite(score)]
    if not finite:
        rate = (sum(without) + 1) / (len(without) + 2)
        return Platt(0.0, math.log(rate / (1 - rate)), rate)
    slope, intercept = _newton([score for score, _ in finite], [label for _, label in finite])
    bottom = Platt(slope, intercept, 0.0).p(min(score for score, _ in finite))
    lowest = min(bottom, (sum(without) + 1) / (len(without) + 2)) if without else bottom
    return Platt(slope, intercept, lowest)


def _newton(scores: Sequence[float], right: Sequence[int]) -> tuple[float, float]:
    import numpy as np

    x = np.asarray(scores, float)
    y = np.asarray(right, float)
    middle, scale = float(np.median(x)), float(x.std()) or 1.0
    # Far tails, as of sums of log-probabilities, may not steer the middle.
    z = np.clip((x - middle) / scale, -8, 8)
    ups = y.sum()
    target = np.where(y > 0, (ups + 1) / (ups + 2), 1 / (len(y) - ups + 2))
    weights = np.array([0.0, math.log((ups + 1) / (len(y) - ups + 1))])
    rows = np.stack([z, np.ones_like(z)], axis=1)

    def loss(at: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
        values = rows @ at
        return float(np.sum(np.logaddexp(0, values) - target * values) + _RIDGE * at[0] ** 2 / 2)

    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(rows @ weights, -500, 500)))
        gradient = rows.T @ (p - target) + np.array([_RIDGE * weights[0], 0])
        hessian = rows.T @ (rows * (p * (1 - p))[:, None]) + _RIDGE * np.eye(2)
        step, size = np.linalg.solve(hessian, gradient), 1.0
        while size > 1e-6 and loss(weights - size * step) > loss(weights):
            size /= 2
        weights = weights - size * step
        if float(np.abs(step).max()) < 1e-9:
            break
    if weights[0] <= 0:  # the score says the opposite of what it is for: then it says nothing
        return 0.0, math.log((ups + 1) / (len(y) - ups + 1))
    return float(weights[0] / scale), float(weights[1] - weights[0] * middle / scale)


def brier(probabilities: Sequence[float], right: Sequence[int]) -> float:
    """Mean squared error of probabilities. Source: Brier, Monthly Weather Review 78 (1950)."""
    return sum((p - label) ** 2 for p, label in zip(probabilities, right, strict=True)) / max(len(right), 1)


def ece(probabilities: Sequence[float], right: Sequence[int], *, bins: int = BINS, equal_mass: bool = True) -> float:
    """Expected calibration error: the mean distance, over bins, of what was said from what was right.

    The headline takes bins of equally many rows, so that none is empty; the classic takes bins of equal width.
    Source: Naeini, Cooper and Hauskrecht (AAAI 2015); equal mass, Nixon et al. (CVPR workshops 2019).
    """
    rows = sorted(zip(probabilities, right, strict=True), key=lambda row: row[0])
    if not rows:
        return 0.0
    if equal_mass:
        edges = [round(place * len(rows) / bins) for place in range(bins + 1)]
    else:
        said = [p for p, _ in rows]
        edges = [0, *(bisect_right(said, place / bins) for place in range(1, bins)), len(rows)]
    return sum(_distance(rows[low:high]) for low, high in pairwise(edges)) / len(rows)


def _distance(rows: Sequence[tuple[float, int]]) -> float:
    return abs(sum(p - label for p, label in rows))
