"""The stated rate of false alarms holds whatever the distribution; a change is seen in a few scores, and its end."""

import itertools
import math
from collections.abc import Callable, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.stats.change import ChangeDetector, Turn


def turns(detector: ChangeDetector, scores: Sequence[float]) -> list[tuple[int, Turn]]:
    found = ((place, detector.add(score)) for place, score in enumerate(scores))
    return [(place, turn) for place, turn in found if turn is not None]


def steady(rng: Random) -> float:
    return rng.gauss(0, 1)


def heavy(rng: Random) -> float:
    return math.exp(rng.gauss(0, 2))


def tied(rng: Random) -> float:
    return float(rng.random() < 0.2)


@pytest.mark.parametrize("noise", [steady, heavy, tied])
@pytest.mark.parametrize("least", [20, 200])
def test_the_rate_of_false_alarms_is_at_most_the_stated_one(noise: Callable[[Random], float], least: int) -> None:
    """At a rate of 1 in 200 that can be measured: 60,000 scores may have 300 alarms."""
    rng, alarms, judged = Random(11), 0, 0
    while judged < 60_000:
        detector = ChangeDetector(0.0, false_alarms=1 / 200, least=least, most=2 * least)
        for _ in range(least):
            detector.add(noise(rng))
        for _ in range(3_000):
            judged += 1
            if detector.add(noise(rng)) is Turn.BEGAN:
                alarms += 1
                break
    assert alarms / judged <= 1 / 200
    if noise is steady:
        assert alarms, "a test that never alarms would prove nothing"


def test_a_change_is_seen_in_six_scores_and_its_end_in_six() -> None:
    rng = Random(3)
    detector = ChangeDetector(0.5)
    before = [rng.gauss(0, 0.1) for _ in range(400)]
    during = [rng.gauss(2, 0.1) for _ in range(30)]
    after = [rng.gauss(0, 0.1) for _ in range(30)]
    (began, first), (ended, second) = turns(detector, before + during + after)
    assert (first, second) == (Turn.BEGAN, Turn.OVER)
    assert began - 400 in range(5, 8)
    assert ended - 430 == 5


def test_with_little_history_it_takes_a_little_longer() -> None:
    detector = ChangeDetector(0.5)
    ((began, turn),) = turns(detector, [0.0] * 30 + [2.0] * 12)
    assert turn is Turn.BEGAN
    assert began - 29 in range(6, 10)
    assert detector.run == began - 29


def test_what_is_less_than_the_tolerance_is_not_told() -> None:
    rng = Random(5)
    scores = [rng.gauss(0, 0.01) for _ in range(400)] + [rng.gauss(0.4, 0.01) for _ in range(100)]
    assert turns(ChangeDetector(0.5), scores) == []
    assert turns(ChangeDetector(0.2), scores) != []


def test_single_scores_that_stand_out_are_not_told() -> None:
    rng = Random(5)
    scores = [9.0 if place % 8 == 0 and place > 200 else rng.gauss(0, 0.1) for place in range(600)]
    assert turns(ChangeDetector(0.5), scores) == []


def test_nothing_is_judged_before_enough_is_known() -> None:
    detector = ChangeDetector(0.5)
    assert turns(detector, [0.0] * 20 + [5.0] * 9) == []
    assert not detector.learned


def test_what_lasts_becomes_the_usual() -> None:
    detector = ChangeDetector(0.5, settles=50)
    found = turns(detector, [0.0] * 100 + [2.0] * 300)
    assert [turn for _, turn in found] == [Turn.BEGAN, Turn.SETTLED]
    assert detector.median == 2.0


def test_where_nothing_settles_it_lasts_until_it_is_over() -> None:
    detector = ChangeDetector(0.5, settles=None)
    found = turns(detector, [0.0] * 100 + [2.0] * 2_000 + [0.0] * 20)
    assert found[1] == (2_105, Turn.OVER)
    assert len(found) == 2


def test_what_is_presumed_is_usual_before_anything_came() -> None:
    detector = ChangeDetector(0.05, presumed=(0.0,) * 30, false_alarms=1e-9)
    ((began, turn),) = turns(detector, [1.0] * 20)
    assert turn is Turn.BEGAN
    assert began < 12


def test_a_change_does_not_hide_itself() -> None:
    """What came with a change is not learned: the same change is seen again."""
    detector = ChangeDetector(0.5)
    found = turns(detector, ([0.0] * 60 + [2.0] * 12) * 8)
    assert [turn for _, turn in found] == [Turn.BEGAN, Turn.OVER] * 7 + [Turn.BEGAN]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=200))
def test_any_scores(scores: list[float]) -> None:
    detector = ChangeDetector(0.5, least=5, most=20)
    found = [turn for _, turn in turns(detector, scores)]
    assert all(one is not Turn.BEGAN or other is not Turn.BEGAN for one, other in itertools.pairwise(found))
    assert detector.alarmed == (bool(found) and found[-1] is Turn.BEGAN)
