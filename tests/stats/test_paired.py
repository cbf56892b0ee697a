"""Differences of paired scores: published examples, coverage, and scores of every kind."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.stats.paired import (
    binary_pairs,
    difference,
    mcnemar,
    mean_interval,
    pairs_of,
    spread,
    student,
)

SCORES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=60)


def test_the_adjusted_interval_of_bonett_and_price() -> None:
    """By hand: 53, 5, 21, 21 of 100: the difference is 0.16; (21 - 5) / 102 -+ 1.984 x sqrt(0.2499 / 101 ...)."""
    found = difference(binary_pairs(both=53, lost=5, won=21, neither=21))
    mean = 16 / 102
    error = math.sqrt((28 / 102 - mean**2) / 101)
    assert found.value == pytest.approx(0.16)
    assert (found.low, found.high) == pytest.approx((mean - 1.98373 * error, mean + 1.98373 * error), abs=1e-4)


def test_counts_and_scores_say_the_same() -> None:
    scores = [(1.0, 1.0)] * 7 + [(1.0, 0.0)] * 2 + [(0.0, 1.0)] * 3 + [(0.0, 0.0)] * 4
    assert pairs_of(scores) == binary_pairs(7, 2, 3, 4)
    assert pairs_of(scores).baseline == pytest.approx(9 / 16)
    assert pairs_of(scores).candidate == pytest.approx(10 / 16)


def test_equal_scores_are_not_certainty() -> None:
    few, many = (difference(pairs_of([(1.0, 1.0)] * count)) for count in (5, 500))
    assert few.value == many.value == 0
    assert few.low < -0.3
    assert -0.01 < many.low < 0


def test_small_differences_of_fine_scores_are_seen() -> None:
    """The imagined cases are as far apart as the farthest that was seen, not as far as scores can be."""
    dice = random.Random(1)
    found = difference(pairs_of((b, b - 0.02 + dice.uniform(-0.01, 0.01)) for b in (dice.random() for _ in range(200))))
    assert found.high < -0.018


def test_nothing_says_nothing() -> None:
    assert (difference(pairs_of([])).low, difference(pairs_of([])).high) == (-1, 1)
    assert math.isnan(difference(pairs_of([])).value)
    assert math.isnan(pairs_of([]).baseline)
    assert mean_interval([]).low == 0


@given(SCORES)
def test_the_value_is_inside_and_turning_round_turns_it_round(scores: list[tuple[float, float]]) -> None:
    found = difference(pairs_of(scores))
    other = difference(pairs_of([(c, b) for b, c in scores]))
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert (other.low, other.value, other.high) == pytest.approx((-found.high, -found.value, -found.low), abs=1e-9)


@pytest.mark.parametrize(("cases", "shares"), [(30, (0.7, 0.1, 0.1, 0.1)), (100, (0.8, 0.08, 0.02, 0.1))])
def test_95_per_cent_hold_the_truth(cases: int, shares: tuple[float, ...]) -> None:
    rng = np.random.default_rng(3)
    truth = shares[2] - shares[1]
    found = [difference(binary_pairs(*row)) for row in rng.multinomial(cases, shares, size=2000).tolist()]
    inside = sum(one.low <= truth <= one.high for one in found) / len(found)
    assert 0.935 <= inside <= 0.995, "with few cases that differ it is rather too wide"


def test_answers_to_one_case_are_no_cases() -> None:
    """Five epochs of ten cases are ten clusters: asking the same again and again does not make it surer."""
    dice = random.Random(2)
    cases = [(dice.random(), dice.random()) for _ in range(10)]
    assert difference(pairs_of(cases)).low < difference(pairs_of(cases * 5)).low


def test_mcnemar_by_hand() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(5, 0) == pytest.approx(2 / 32)
    assert mcnemar(8, 2) == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert mcnemar(3, 3) == 1


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(3, 2.35336), (5, 2.01505), (10, 1.81246), (30, 1.69726), (100, 1.66023)]
)
def test_students_quantile(freedom: int, quantile: float) -> None:
    """The table's values of the 95th percentile."""
    assert student(0.05, freedom) == pytest.approx(quantile, abs=0.011)


def test_a_mean_has_an_interval() -> None:
    found = mean_interval([1.0] * 80 + [0.0] * 20)
    assert found.value == pytest.approx(0.8)
    assert (found.low, found.high) == pytest.approx((0.708, 0.867), abs=0.01)
    assert mean_interval([1.0] * 3).low < 0.6


def test_a_weighed_baseline() -> None:
    found = spread(binary_pairs(80, 10, 0, 10), weight=0.9)
    assert found.mean == pytest.approx((81 - 0.9 * 91) / 102)
    assert found.cases == 102
