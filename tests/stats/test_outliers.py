"""The rate of false alarms is the one that is stated, whatever the noise; and what stands out is seen."""

import math
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.stats.outliers import judge_last

PERIOD = 24
HISTORY = 20 * PERIOD
TRIES = 1_500
RATE = 0.05
FOUR_ERRORS = 4 * math.sqrt(RATE * (1 - RATE) / TRIES)
"""0.0225. If the stated rate holds, a seed is outside in one of 16,000."""


def gamma(rng: Random) -> float:
    return rng.gammavariate(4, 0.25)


def heavy(rng: Random) -> float:
    return math.exp(rng.gauss(0, 1.5))


def often_nothing(rng: Random) -> float:
    return rng.expovariate(1) if rng.random() < 0.3 else 0.0


@pytest.mark.parametrize("noise", [gamma, heavy, often_nothing])
def test_the_rate_of_false_alarms_is_the_stated_one(noise: Callable[[Random], float]) -> None:
    """A season of a factor five, and three kinds of noise; ties and dependence may make it lower, not higher."""
    rng = Random(7)
    places = [step % PERIOD for step in range(HISTORY + TRIES)]
    series = [(1.5 + math.sin(place / PERIOD * math.tau)) * noise(rng) for place in places]
    alarms = sum(
        judge_last(series[start : start + HISTORY + 1], places[start : start + HISTORY + 1]).p_value <= RATE
        for start in range(TRIES)
    )
    assert alarms / TRIES <= RATE + FOUR_ERRORS
    if noise is gamma:  # nearly without ties: neither is it lower
        assert alarms / TRIES >= RATE - FOUR_ERRORS


def test_by_hand() -> None:
    """Two places; the last number is at the quiet one, where 5 is much and 100 is usual elsewhere."""
    found = judge_last([100.0, 1.0, 101.0, 1.2, 99.0, 0.8, 100.0, 50.0], [0, 1] * 4)
    assert found.p_value == 1 / 8
    assert found.usual == pytest.approx(1.1)
    assert judge_last([100.0, 1.0, 101.0, 1.2, 99.0, 0.8, 100.0, 0.1], [0, 1] * 4).p_value == 1.0


@given(st.lists(st.floats(0, 1e15), min_size=1, max_size=50), st.integers(1, 24))
def test_a_p_value_is_one(series: list[float], period: int) -> None:
    places = [step % period for step in range(len(series))]
    assert 1 / len(series) <= judge_last(series, places).p_value <= 1


@given(st.lists(st.floats(0, 1e15), min_size=2, max_size=50), st.floats(0, 1e15))
def test_more_is_never_less_unusual(series: list[float], more: float) -> None:
    """At one place the order of the scores is the order of the numbers."""
    places = [0] * len(series)
    raised = [*series[:-1], series[-1] + more]
    assert judge_last(raised, places).p_value <= judge_last(series, places).p_value
