"""Scores become probabilities that hold."""

import math
import random
from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.stats.calibration import (
    Calibrator,
    Isotonic,
    Platt,
    brier,
    calibrate,
    ece,
    fit_isotonic,
    fit_platt,
    sigmoid,
)

scores = st.one_of(st.just(-math.inf), st.floats(-1e6, 0, allow_nan=False))
rows = st.lists(st.tuples(scores, st.integers(0, 1)), min_size=1, max_size=150)


def sample(count: int, seed: int = 1) -> tuple[list[float], list[int]]:
    """Log-probabilities that say too much: an answer is right with the square of what they say."""
    rng = random.Random(seed)
    said = [math.log(rng.uniform(0.05, 1)) for _ in range(count)]
    return said, [int(rng.random() < math.exp(score) ** 2) for score in said]


@given(rows)
def test_a_curve_never_falls_and_is_a_probability(given_rows: list[tuple[float, int]]) -> None:
    curve = calibrate([score for score, _ in given_rows], [right for _, right in given_rows])
    ladder = sorted([-math.inf, -1e9, *(score for score, _ in given_rows), 0.0, 1.0, math.inf])
    probabilities = [curve.p(score) for score in ladder]
    assert all(0 <= p <= 1 for p in probabilities)
    assert all(low <= high + 1e-12 for low, high in pairwise(probabilities))


@given(rows)
def test_a_curve_survives_being_written_and_read(given_rows: list[tuple[float, int]]) -> None:
    curve = fit_isotonic([score for score, _ in given_rows], [right for _, right in given_rows])
    assert msgspec.json.decode(msgspec.json.encode(curve), type=Calibrator) == curve


@pytest.mark.parametrize("fit", [fit_isotonic, fit_platt, calibrate])
def test_overconfidence_is_taken_back(fit: Callable[[list[float], list[int]], Calibrator]) -> None:
    curve = fit(*sample(4_000))
    said, right = sample(4_000, seed=2)
    before = ece([math.exp(score) for score in said], right)
    after = ece([curve.p(score) for score in said], right)
    assert before > 0.15
    assert after < 0.05


def test_isotonic_is_what_is_known_of_small_cases() -> None:
    curve = fit_isotonic([-3, -2, -1, 0], [0, 1, 0, 1])
    assert curve.knots == (-3.0, -1.5, 0.0)
    assert curve.values == pytest.approx((1 / 6, 0.5, 5 / 6))
    assert curve.p(-0.75) == pytest.approx((0.5 + 5 / 6) / 2)


def test_minus_infinity_has_its_own_rate() -> None:
    said = [-math.inf] * 50 + [-0.1] * 50
    right = [0] * 40 + [1] * 10 + [1] * 50
    for curve in (fit_isotonic(said, right), fit_platt(said, right)):
        assert curve.p(-math.inf) == pytest.approx(0.2, abs=0.02)
        assert curve.p(math.nan) == curve.p(-math.inf)
        assert curve.p(-0.1) > 0.9


def test_nothing_but_minus_infinity_is_a_rate() -> None:
    assert fit_platt([-math.inf] * 8, [1] * 8).p(-1) == pytest.approx(0.9)
    assert fit_isotonic([-math.inf] * 8, [1] * 8).p(-math.inf) == pytest.approx(0.9)


def test_a_score_that_says_the_opposite_says_nothing() -> None:
    curve = fit_platt([-1.0] * 50 + [-2.0] * 50, [0] * 40 + [1] * 10 + [1] * 50)
    assert curve.slope == 0
    assert curve.p(-1) == curve.p(-2) == pytest.approx(0.6, abs=0.02)


def test_platt_finds_the_curve_that_drew_the_labels() -> None:
    rng = random.Random(5)
    said = [rng.uniform(-6, 0) for _ in range(20_000)]
    right = [int(rng.random() < sigmoid(1.5 * score + 3)) for score in said]
    curve = fit_platt(said, right)
    assert (curve.slope, curve.intercept) == pytest.approx((1.5, 3), rel=0.06)


def test_the_error_of_calibration_by_hand() -> None:
    said, right = [0.1] * 10 + [0.9] * 10, [0] * 9 + [1] + [0] * 5 + [1] * 5
    assert ece(said, right, bins=2) == pytest.approx(0.2)
    assert ece(said, right, bins=2, equal_mass=False) == pytest.approx(0.2)
    assert ece([], []) == 0
    assert brier([0.5, 1.0], [1, 1]) == 0.125


def test_a_fit_needs_rows() -> None:
    for fit in (fit_isotonic, fit_platt, calibrate):
        with pytest.raises(ValueError, match="no row"):
            fit([], [])


def test_curves_do_without_knots() -> None:
    assert Isotonic((), (), 0.3).p(5) == 0.3
    assert Platt(1.0, 0.0, 0.1).p(-1e300) == 0.1
