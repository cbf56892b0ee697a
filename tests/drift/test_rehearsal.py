"""The weekly check, over drawn weeks: what the rule and the test make of nothing, and of a swap."""

import numpy as np
import pytest

from homeport.drift.graded import Endpoint
from homeport.drift.rehearsal import Plan, rehearse
from homeport.drift.weekly import WEEKLY_ALPHA, evidence, falls, first

PLAN = Plan(runs=600)


def endpoint(before: float, after: float, inputs: int = 1_000) -> Endpoint:
    """Inputs that were good before stay good first."""
    grades = [tuple(int(number < share * inputs) for number in range(inputs)) for share in (before, after)]
    return Endpoint(task="t", model="m", before=grades[0], after=grades[1])


def test_the_rule_of_thumb_is_a_coin() -> None:
    """The design's figures at 85 %: one false alarm in ten weeks, and half of the falls by a twentieth are missed."""
    found = rehearse(endpoint(0.85, 0.8075), PLAN, np.random.default_rng(1))
    assert found.rule.week == pytest.approx(0.106, abs=0.01)
    assert found.rule.short == pytest.approx(1 - (1 - 0.106) ** 8, abs=0.05)
    assert found.rule_power == pytest.approx(0.47, abs=0.04)


def test_the_test_keeps_its_rate_and_finds_a_large_swap_in_a_week() -> None:
    found = rehearse(endpoint(0.84, 0.5), PLAN, np.random.default_rng(1))
    assert found.confirmed.year <= 0.01
    assert found.unpaired.year <= 0.01
    assert found.swap.median == 1
    assert found.swap.within["4"] == 1
    assert found.fifth.median is not None
    assert 2 <= found.fifth.median <= 8
    assert found.loose_fifth.median is not None
    assert found.loose_fifth.median <= found.fifth.median


def test_a_model_that_became_better_is_changed_too() -> None:
    assert rehearse(endpoint(0.5, 0.8), PLAN, np.random.default_rng(1)).swap.within["4"] > 0.9


def test_where_nothing_changed_nothing_is_noticed() -> None:
    found = rehearse(endpoint(0.7, 0.7), PLAN, np.random.default_rng(1))
    assert found.swap.median is None
    assert found.swap.within["26"] <= 0.01


def test_the_threshold_is_what_bounds_the_year() -> None:
    assert pytest.approx(0.01 / 52) == WEEKLY_ALPHA


def test_what_falls_and_when_first() -> None:
    assert falls(np.array([0.81, 0.8075, 0.8]), 0.85).tolist() == [False, True, True]
    alarmed = np.array([[True, False, False], [False, False, False], [False, True, False]])
    assert first(alarmed).tolist() == [1, 3, 0]
    assert first(alarmed, 1).tolist() == [0, 2, 0]


def test_equal_pairs_say_nothing() -> None:
    grades = np.ones((3, 2, 10), np.int8)
    assert evidence(grades, grades)[:, 0].tolist() == pytest.approx([1, 2, 3])
