"""What is promised of a mean loss holds as often as it says."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.stats.conformal import LEAST_LABELS, labels_needed, last_safe, p_value

losses = st.lists(st.sampled_from([-1.0, 0.0, 1.0]), max_size=200)


def drawn(rng: random.Random, count: int, up: float, down: float) -> list[float]:
    """Losses whose mean is up - down."""
    return [1.0 if (u := rng.random()) < up else -1.0 if u < up + down else 0.0 for _ in range(count)]


def test_a_loss_at_the_bound_is_called_safe_no_more_often_than_stated() -> None:
    rng = random.Random(1)
    wrong = sum(p_value(drawn(rng, 400, 0.12, 0.07), 0.05, 0.9) <= 0.1 for _ in range(400))
    assert wrong / 400 <= 0.1 + 0.03  # two deviations of 400 draws


def test_a_small_loss_is_found_with_labels_enough() -> None:
    rng = random.Random(1)
    found = [p_value(drawn(rng, count, 0.03, 0.03), 0.05, 0.9) <= 0.1 for count in (20, 1_000)]
    assert found == [False, True]


@given(losses, st.floats(0, 1), st.floats(0.5, 0.99))
def test_a_p_value_is_one(given_losses: list[float], most: float, confidence: float) -> None:
    assert 0 <= p_value(given_losses, most, confidence) <= 1


@given(losses)
def test_more_may_be_lost_more_easily(given_losses: list[float]) -> None:
    found = [p_value(given_losses, most, 0.9) <= 0.1 for most in (0.0, 0.3, 0.9, 1.0)]
    assert found[-1] or not given_losses
    assert all(low <= high for low, high in itertools.pairwise(found))


def test_testing_stops_at_the_first_failure() -> None:
    safe, unsafe = [0.0] * 600, [1.0] * 600
    assert last_safe([safe, safe, unsafe, safe], 0.05, 0.9) == 1
    assert last_safe([unsafe, safe], 0.05, 0.9) == -1
    assert last_safe([], 0.05, 0.9) == -1


@pytest.mark.parametrize(("most", "confidence"), [(0.05, 0.9), (0.01, 0.95), (0.002, 0.99)])
def test_so_many_labels_are_needed(most: float, confidence: float) -> None:
    needed = labels_needed(most, confidence)
    assert needed >= LEAST_LABELS
    assert p_value([0.0] * (needed // 2 + 20), most, confidence) <= 1 - confidence


def test_a_large_loss_needs_no_more_than_the_least() -> None:
    assert labels_needed(0.2, 0.9) == labels_needed(1.0, 0.9) == LEAST_LABELS
    assert labels_needed(0.001, 0.9) > 1_000
