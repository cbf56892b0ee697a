"""Bets on batches: their stated rate of false alarms holds for whatever keeps the tolerance, and changes are found."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator

from homeport.stats.sequential import (
    EDGE_WEIGHTS,
    EDGES,
    FRACTIONS,
    WEIGHTS,
    EDetector,
    EProcess,
    detect,
    e_benjamini_hochberg,
    factors,
    paired_factors,
    paired_growth,
)

TOLERANCE = 0.2

Array = np.ndarray[Any, np.dtype[Any]]
Noise = Callable[[Generator, tuple[int, ...]], Array]


def rare(rng: Generator, shape: tuple[int, ...]) -> Array:
    """All or nothing, at the tolerance exactly."""
    return (rng.random(shape) < TOLERANCE).astype(float)


def even(rng: Generator, shape: tuple[int, ...]) -> Array:
    return 2 * TOLERANCE * rng.random(shape)


def constant(rng: Generator, shape: tuple[int, ...]) -> Array:
    return np.full(shape, TOLERANCE)


def growth(scores: Array) -> Array:
    return 1 + np.asarray(FRACTIONS) * (scores[..., None] / TOLERANCE - 1)


def test_shares_of_the_money_are_all_of_it() -> None:
    assert math.fsum(WEIGHTS) == pytest.approx(1)
    assert math.fsum(EDGE_WEIGHTS) == pytest.approx(1)
    assert (len(WEIGHTS), len(EDGE_WEIGHTS)) == (len(FRACTIONS), len(EDGES))


@pytest.mark.parametrize("noise", [rare, even, constant])
def test_false_alarms_come_as_rarely_as_stated_where_the_mean_is_the_tolerance_itself(noise: Noise) -> None:
    """At a rate that can be measured: in 50 batches at a threshold of 1,000, one run of twenty may be alarmed."""
    scores = noise(np.random.default_rng(3), (50, 4_000))
    alarmed = (detect(growth(scores), WEIGHTS) >= 1_000).any(axis=0).mean()
    assert alarmed <= 50 / 1_000
    if noise is rare:
        assert alarmed > 0, "a test that never alarms would prove nothing"


def test_an_e_process_is_at_most_one_on_average() -> None:
    rng = np.random.default_rng(5)
    ends = []
    for _ in range(3_000):
        process = EProcess()
        for score in even(rng, (6,)):
            process.add(factors(float(score), TOLERANCE))
        ends.append(process.e_value)
    assert np.mean(ends) == pytest.approx(1, abs=0.15)


def test_a_change_is_found_in_a_few_batches() -> None:
    detector = EDetector()
    for _ in range(200):
        assert detector.add(factors(0.0, 0.03)) < 1
    evidence = [detector.add(factors(0.6, 0.03)) for _ in range(4)]
    assert sorted(evidence) == evidence
    assert evidence[0] < 1_000 < evidence[2]
    detector.reset()
    assert detector.evidence == 0


def test_one_batch_alone_is_no_alarm() -> None:
    assert EDetector().add(factors(1.0, 0.02)) < 1_000


def test_many_runs_at_once_are_as_each_by_itself() -> None:
    scores = np.random.default_rng(1).random((9, 5))
    together = detect(growth(scores), WEIGHTS)
    for run in range(5):
        detector = EDetector()
        alone = [detector.add(factors(float(score), TOLERANCE)) for score in scores[:, run]]
        assert alone == pytest.approx(list(together[:, run]))


@pytest.mark.parametrize(
    ("score", "tolerance"), [(-0.1, 0.5), (1.1, 0.5), (math.nan, 0.5), (0.5, 0), (0.5, 1), (0.5, math.nan)]
)
def test_what_is_out_of_bounds_is_refused(score: float, tolerance: float) -> None:
    with pytest.raises(ValueError, match="out of bounds"):
        factors(score, tolerance)


@given(st.lists(st.floats(0, 1), max_size=400), st.floats(0.001, 0.999))
def test_evidence_is_a_finite_number(scores: list[float], tolerance: float) -> None:
    detector, process = EDetector(), EProcess()
    for score in [*scores, *[1.0] * 300]:
        growth_of_one = factors(score, tolerance)
        assert 0 <= detector.add(growth_of_one) < math.inf
        assert 0 <= process.add(growth_of_one) < math.inf


@pytest.mark.parametrize("pairs", [0, 1, 2, 7])
def test_pairs_of_fair_coins_win_nothing(pairs: int) -> None:
    """Exactly: over all ways in which so many pairs can fall."""
    ways = itertools.product((0, 1), repeat=pairs)
    mean = np.mean([paired_factors(sum(way), pairs - sum(way)) for way in ways], axis=0)
    assert mean == pytest.approx(np.ones(len(EDGES)))


def test_pairs_tell_worse_sooner_than_better_and_neither_from_both() -> None:
    def e_value(worse: int, better: int) -> float:
        return float(np.dot(paired_factors(worse, better), EDGE_WEIGHTS))

    assert e_value(20, 2) > e_value(2, 20) > 100
    assert e_value(11, 11) < 1
    assert e_value(0, 0) == pytest.approx(1)
    assert e_value(10**6, 0) < math.inf
    many = paired_growth(np.array([20.0, 2.0]), np.array([2.0, 20.0]))
    assert many[0] == pytest.approx(paired_factors(20, 2))


def test_of_many_endpoints_those_are_named_that_hold_together() -> None:
    assert e_benjamini_hochberg([], 0.1) == ()
    assert e_benjamini_hochberg([9.0], 0.1) == ()
    assert e_benjamini_hochberg([10.0], 0.1) == (0,)
    assert e_benjamini_hochberg([1.0, 20.0, 0.0, 20.0], 0.1) == (1, 3)
    assert e_benjamini_hochberg([1.0, 20.0, 0.0, 19.0], 0.1) == ()
    assert e_benjamini_hochberg([1.0, 40.0, 0.0, 19.0], 0.1) == (1,)


def test_few_of_the_endpoints_named_are_named_by_chance() -> None:
    """Sixteen null endpoints that all move together, and four that changed."""
    rng = np.random.default_rng(8)
    false, runs = 0.0, 2_000
    for _ in range(runs):
        null = 50.0 if rng.random() < 1 / 50 else 0.0
        named = e_benjamini_hochberg([*[100.0] * 4, *[null] * 16], 0.1)
        false += sum(place >= 4 for place in named) / max(len(named), 1)
    assert false / runs <= 0.1
