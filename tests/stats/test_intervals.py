"""The interval holds what it promises on processes that are known."""

import math
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.stats.intervals import Interval, sum_interval


def interval(series: list[float], horizon: int, seed: int = 1, first: float = 1.0) -> Interval:
    return sum_interval(series, horizon, period=7, coverage=0.8, rng=Random(seed), first=first, count=150)


@given(st.lists(st.floats(0, 1e15), min_size=7, max_size=60), st.integers(1, 31), st.floats(0, 1))
def test_bounds_are_in_order(series: list[float], horizon: int, first: float) -> None:
    found = interval(series, horizon, first=first)
    assert 0 <= found.low <= found.median <= found.high < math.inf


@pytest.mark.parametrize(("series", "horizon"), [([], 3), ([0.0] * 30, 3), ([1.0] * 30, 0)])
def test_nothing_comes_of_nothing(series: list[float], horizon: int) -> None:
    assert interval(series, horizon) == Interval(0.0, 0.0, 0.0)


def test_the_same_dice_give_the_same_interval() -> None:
    series = [Random(place).random() for place in range(40)]
    assert interval(series, 10, seed=4) == interval(series, 10, seed=4) != interval(series, 10, seed=5)


def test_longer_ahead_is_less_certain() -> None:
    rng = Random(2)
    series = [rng.gammavariate(2, 50) for _ in range(60)]
    widths = [found.high - found.low for found in (interval(series, horizon) for horizon in (1, 7, 28))]
    assert widths == sorted(widths)


def noise(rng: Random, step: int) -> float:
    return rng.gammavariate(2, 50)


def weekly(rng: Random, step: int) -> float:
    return (30 if step % 7 > 4 else 130) * math.exp(rng.gauss(0, 0.2))


@pytest.mark.parametrize("process", [noise, weekly])
def test_coverage_on_a_known_process(process: Callable[[Random, int], float]) -> None:
    """80 of 100 are promised; with 150 independent tries 66 % to 94 % is four standard errors either way."""
    hits = 0
    for seed in range(150):
        rng = Random(seed)
        series = [process(rng, step) for step in range(75)]
        found = interval(series[:60], 15, seed)
        hits += found.low <= math.fsum(series[60:]) <= found.high
    assert 0.66 <= hits / 150 <= 0.94


def test_a_past_that_was_missed_by_less_than_stated_makes_the_next_one_narrower() -> None:
    """Every busy day has an idle one behind it, so that weeks differ far less than days."""
    series = [150.0 if step % 2 else 50.0 for step in range(90)]
    found = interval(series, 28)
    assert found.high - found.low < 2.56 * 50 * math.sqrt(28) / 2
