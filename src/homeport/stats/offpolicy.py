"""What a policy would have been worth, from what another one did: off-policy evaluation with logged propensities.

Rewards are known only of the actions that were taken. Where they were taken with known probabilities, each can
stand for those that the other policy would have taken.

Sources: IPS: Horvitz and Thompson, "A generalization of sampling without replacement" (JASA 47, 1952). SNIPS:
Swaminathan and Joachims, "The self-normalized estimator for counterfactual learning" (NeurIPS 2015). Doubly robust:
Dudik, Langford and Li, "Doubly robust policy evaluation and learning" (ICML 2011). Effective sample size: Kish,
"Survey Sampling" (1965). Intervals of means are Student's, moved for the skewness of their terms (Johnson, "Modified
t tests and confidence intervals for asymmetrical populations", JASA 73, 1978); that of SNIPS is by the delta method
(Owen, "Monte Carlo theory, methods and examples", 2013, ch. 9).
"""

import math
from collections.abc import Sequence

import msgspec

LEAST_EFFECTIVE = 30.0
"""Below so many effective samples a normal interval does not hold what it promises."""


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """One decision that was taken, and its reward.

    Attributes:
        propensity: the probability with which what was taken was taken, above 0.
        target: the probability with which the policy in question takes the same.
        reward: of what was taken.
        expected_taken: what a model of rewards expects of what was taken.
        expected: what that model expects under the policy in question. Both 0 for no model.
    """

    propensity: float
    target: float
    reward: float
    expected_taken: float = 0.0
    expected: float = 0.0


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A policy's mean reward: an estimate, and its 95 % interval.

    Attributes:
        effective: how many rewards, drawn by the policy itself, would say as much.
        matched: decisions that the policy might have taken too.
    """

    estimate: float
    low: float
    high: float
    effective: float
    matched: int


class TooLittleOverlap(ValueError):
    """The log says too little of what the policy would have done.

    Attributes:
        effective: what there is.
        needed: about how many logged decisions like these would be enough.
    """

    def __init__(self, effective: float, needed: int) -> None:
        super().__init__(f"{effective:.1f} effective samples, {LEAST_EFFECTIVE:.0f} are needed")
        self.effective = effective
        self.needed = needed


def ips(log: Sequence[Logged]) -> Value:
    """Inverse propensity scoring: unbiased, and wide where weights are large.

    Raises:
        TooLittleOverlap, ValueError: as `check`.
    """
    weights = check(log)
    return _mean([weight * one.reward for weight, one in zip(weights, log, strict=True)], weights)


def snips(log: Sequence[Logged]) -> Value:
    """Self-normalised: consistent, narrower than IPS, and never outside the range of the rewards.

    Raises:
        TooLittleOverlap, ValueError: as `check`.
    """
    weights = check(log)
    total = sum(weights)
    value = sum(weight * one.reward for weight, one in zip(weights, log, strict=True)) / total
    spread = sum((weight * (one.reward - value)) ** 2 for weight, one in zip(weights, log, strict=True))
    count = len(log)
    error = math.sqrt(spread * count / (count - 1)) / total
    return _around(value, error, weights)


def doubly_robust(log: Sequence[Logged]) -> Value:
    """IPS of what a model of rewards misses, on top of what it expects: right if either of both is.

    The model must not have been fitted on these rewards.

    Raises:
        TooLittleOverlap, ValueError: as `check`.
    """
    weights = check(log)
    terms = [
        one.expected + weight * (one.reward - one.expected_taken) for weight, one in zip(weights, log, strict=True)
    ]
    return _mean(terms, weights)


def lift(log: Sequence[Logged]) -> Value:
    """By how much the policy's mean reward is above that of what was taken: doubly robust, decision by decision.

    Raises:
        TooLittleOverlap, ValueError: as `check`.
    """
    weights = check(log)
    terms = [
        one.expected + weight * (one.reward - one.expected_taken) - one.reward
        for weight, one in zip(weights, log, strict=True)
    ]
    return _mean(terms, weights)


def check(log: Sequence[Logged]) -> list[float]:
    """The weight of each decision.

    Raises:
        TooLittleOverlap: they are too few, or too few of them count.
        ValueError: a propensity is no probability above 0, a target is none, or a number is not finite.
    """
    for one in log:
        if not (0 < one.propensity <= 1 and 0 <= one.target <= 1):
            raise ValueError("a propensity is a probability above 0, a target a probability")
        if not all(map(math.isfinite, (one.reward, one.expected_taken, one.expected))):
            raise ValueError("a reward is a finite number")
    weights = [one.target / one.propensity for one in log]
    effective = effective_size(weights)
    if effective < LEAST_EFFECTIVE:
        needed = math.ceil(len(log) * LEAST_EFFECTIVE / effective) if effective else 0
        raise TooLittleOverlap(effective, needed)
    return weights


def effective_size(weights: Sequence[float]) -> float:
    """Kish's effective sample size, (sum w)^2 / sum w^2; 0 for no weight."""
    squares = sum(weight * weight for weight in weights)
    return sum(weights) ** 2 / squares if squares else 0.0


def _mean(terms: Sequence[float], weights: Sequence[float]) -> Value:
    count = len(terms)
    mean = sum(terms) / count
    variance = sum((term - mean) ** 2 for term in terms) / (count - 1)
    third = sum((term - mean) ** 3 for term in terms) / count
    shift = third / (6 * variance * count) if variance else 0.0
    return _around(mean, math.sqrt(variance / count), weights, shift)


def _around(value: float, error: float, weights: Sequence[float], shift: float = 0.0) -> Value:
    effective = effective_size(weights)
    reach = _student(effective - 1) * error
    matched = sum(1 for weight in weights if weight > 0)
    low, high = min(value, value + shift - reach), max(value, value + shift + reach)
    return Value(estimate=value, low=low, high=high, effective=effective, matched=matched)


def _student(freedom: float) -> float:
    """The 97.5 % quantile of Student's t by Hill's expansion (CACM 13, 1970, algorithm 396), for 29 or more."""
    normal = 1.959963984540054
    first = (normal**3 + normal) / 4
    second = (5 * normal**5 + 16 * normal**3 + 3 * normal) / 96
    return normal + first / freedom + second / freedom**2
