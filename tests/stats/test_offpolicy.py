"""Off-policy estimates against worlds whose truth is known."""

import math
import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.stats.offpolicy import (
    LEAST_EFFECTIVE,
    Logged,
    TooLittleOverlap,
    Value,
    doubly_robust,
    effective_size,
    ips,
    lift,
    snips,
)

Estimator = Callable[[Sequence[Logged]], Value]
ESTIMATORS = pytest.mark.parametrize("estimator", [ips, snips, doubly_robust])


def world(dice: random.Random, count: int, explore: float, *, model: float = 1.0) -> list[Logged]:
    """A router that sends easy requests home and explores; the other policy sends twice as many home.

    Args:
        model: by what the model of rewards is off; 1 for none.
    """
    log = []
    for _ in range(count):
        difficulty = dice.random()
        chance = {True: 1 - difficulty, False: 0.9}
        home = difficulty < 0.3
        explored = dice.random() < explore
        taken = (not home) if explored else home
        wanted = difficulty < 0.6
        log.append(
            Logged(
                propensity=explore if explored else 1 - explore,
                target=1.0 if taken == wanted else 0.0,
                reward=float(dice.random() < chance[taken]),
                expected_taken=chance[taken] * model,
                expected=chance[wanted] * model,
            )
        )
    return log


TRUTH = (0.6 - 0.6**2 / 2) + 0.4 * 0.9


@pytest.mark.parametrize("model", [1.0, 0.3], ids=["right", "wrong"])
def test_intervals_hold_the_truth(model: float) -> None:
    """Of 1,000 worlds; chance alone moves the share by 1.4 points."""
    dice = random.Random(7)
    logs = [world(dice, 600, 0.2, model=model) for _ in range(1_000)]
    for estimator in (ips, snips, doubly_robust):
        values = [estimator(log) for log in logs]
        held = sum(value.low <= TRUTH <= value.high for value in values) / len(values)
        assert 0.925 <= held <= 0.975, (estimator, held)
        mean = sum(value.estimate for value in values) / len(values)
        assert mean == pytest.approx(TRUTH, abs=0.01)


def test_a_good_model_of_rewards_narrows_the_interval() -> None:
    log = world(random.Random(3), 2_000, 0.1)
    widths = [value.high - value.low for value in (doubly_robust(log), ips(log))]
    assert widths[0] < 0.8 * widths[1]


@ESTIMATORS
def test_the_policy_itself_is_its_mean(estimator: Estimator) -> None:
    rewards = [0.0, 1.0, 1.0, 0.5] * 25
    value = estimator([Logged(propensity=0.5, target=0.5, reward=reward) for reward in rewards])
    assert value.estimate == pytest.approx(0.625)
    assert value.matched == 100
    assert value.effective == pytest.approx(100.0)


@ESTIMATORS
def test_too_little_overlap_says_how_much_is_needed(estimator: Estimator) -> None:
    """One in a hundred was explored, and only these say anything."""
    seen = [Logged(propensity=0.01, target=1.0, reward=1.0)] * 6
    log = seen + [Logged(propensity=0.99, target=0.0, reward=1.0)] * 594
    with pytest.raises(TooLittleOverlap) as refused:
        estimator(log)
    assert refused.value.effective == pytest.approx(6.0)
    assert refused.value.needed == 600 * LEAST_EFFECTIVE / 6
    with pytest.raises(TooLittleOverlap) as refused:
        estimator([])
    assert refused.value.needed == 0


@ESTIMATORS
@pytest.mark.parametrize(
    "odd",
    [
        {"propensity": 0.0},
        {"propensity": -0.1},
        {"propensity": 1.1},
        {"propensity": math.nan},
        {"target": 1.1},
        {"target": -0.1},
        {"target": math.nan},
        {"reward": math.inf},
        {"expected": math.nan},
    ],
)
def test_what_is_no_probability_is_refused(estimator: Estimator, odd: dict[str, float]) -> None:
    log = [Logged(propensity=0.5, target=0.5, reward=1.0)] * 99
    with pytest.raises(ValueError, match=r"probability|finite"):
        estimator([*log, Logged(**{"propensity": 0.5, "target": 0.5, "reward": 1.0, **odd})])


@given(st.integers(300, 400), st.integers(), st.floats(0.2, 1))
def test_snips_stays_among_the_rewards(count: int, seed: int, least: float) -> None:
    dice = random.Random(seed)
    log = [
        Logged(propensity=dice.uniform(least, 1), target=dice.uniform(0.5, 1), reward=dice.uniform(-1, 1))
        for _ in range(count)
    ]
    value = snips(log)
    rewards = [one.reward for one in log]
    assert min(rewards) - 1e-9 <= value.estimate <= max(rewards) + 1e-9
    assert value.low <= value.estimate <= value.high
    assert LEAST_EFFECTIVE <= value.effective <= len(log) * (1 + 1e-9)


def test_a_lift_is_over_what_was_taken() -> None:
    """Its interval is narrower than the difference of two: most decisions are the same ones."""
    log = world(random.Random(5), 20_000, 0.2)
    taken = sum(one.reward for one in log) / len(log)
    difference = doubly_robust(log).estimate - taken
    assert lift(log).estimate == pytest.approx(difference)
    same = [Logged(propensity=1.0, target=1.0, reward=one.reward) for one in log]
    assert (lift(same).estimate, lift(same).low, lift(same).high) == (0.0, 0.0, 0.0)


def test_weights_that_are_equal_count_in_full() -> None:
    assert effective_size([2.0] * 7) == pytest.approx(7.0)
    assert effective_size([1.0, 0.0, 0.0]) == pytest.approx(1.0)
    assert effective_size([]) == 0.0
