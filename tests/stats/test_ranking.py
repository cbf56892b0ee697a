"""Rankings, against what follows from their definitions."""

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.stats.ranking import Ranking, apgr, auroc, compare, measure

WEAK, STRONG = [0.0, 1.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 0.0, 1.0]
BITS = st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=2, max_size=30)


def test_a_curve_by_hand() -> None:
    # Gains 1, 0, 1, -1, 1 in this order: after 2 of 5 requests one half of the gap of 2 is recovered.
    found = Ranking([5, 4, 3, 2, 1], WEAK, STRONG).recovered().tolist()
    assert found == pytest.approx([0, 0.25, 0.5, 0.5, 0.5, 0.75, 1.0, 0.75, 0.5, 0.75, 1.0])
    figures = measure(Ranking([5, 4, 3, 2, 1], WEAK, STRONG), seed=1, resamples=20)
    assert figures.apgr.value == apgr([5, 4, 3, 2, 1], WEAK, STRONG) == pytest.approx(0.6)
    assert figures.cpt50.value == pytest.approx(20.0)
    assert figures.cpt80.value == pytest.approx(52.0)


def test_equal_scores_are_worth_the_mean_of_all_orders() -> None:
    orders = [apgr(order, WEAK, STRONG) for order in itertools.permutations(range(5))]
    assert apgr([0] * 5, WEAK, STRONG) == pytest.approx(0.5) == pytest.approx(sum(orders) / len(orders))
    tied = [apgr([9, *order, 0], WEAK, STRONG) for order in itertools.permutations([3, 4, 5])]
    assert apgr([9, 4, 4, 4, 0], WEAK, STRONG) == pytest.approx(sum(tied) / len(tied))


def test_only_the_order_of_scores_counts() -> None:
    dice = random.Random(1)
    scores = [dice.random() for _ in range(200)]
    weak, strong = [dice.random() for _ in range(200)], [dice.random() + 0.2 for _ in range(200)]
    assert apgr(scores, weak, strong) == apgr([math.exp(9 * score) for score in scores], weak, strong)
    forth, back = apgr(scores, weak, strong), apgr([-score for score in scores], weak, strong)
    assert forth + back == pytest.approx(1.0)


def test_the_oracle_is_above_every_other() -> None:
    gaps = [one - other for one, other in zip(STRONG, WEAK, strict=True)]
    best = apgr(gaps, WEAK, STRONG)
    assert all(apgr(order, WEAK, STRONG) <= best + 1e-12 for order in itertools.permutations(range(5)))


@given(BITS)
def test_auroc_is_the_share_of_pairs_in_order(pairs: list[tuple[int, bool]]) -> None:
    scores, positives = [score for score, _ in pairs], [positive for _, positive in pairs]
    above = [score for score, positive in pairs if positive]
    below = [score for score, positive in pairs if not positive]
    if not above or not below:
        with pytest.raises(ValueError, match="one kind"):
            auroc(scores, positives)
        return
    won = sum((high > low) + (high == low) / 2 for high in above for low in below)
    assert auroc(scores, positives) == pytest.approx(won / len(above) / len(below))


@pytest.mark.parametrize(
    ("scores", "weak", "strong"),
    [
        ([1.0], [0.0, 0.0], [1.0, 1.0]),
        ([math.nan, 1.0], [0.0, 0.0], [1.0, 1.0]),
        ([0.0, 1.0], [0.0, math.inf], [1.0, 1.0]),
        ([0.0, 1.0], [1.0, 0.0], [0.0, 1.0]),
        ([], [], []),
    ],
)
def test_what_is_no_ranking_is_refused(scores: list[float], weak: list[float], strong: list[float]) -> None:
    with pytest.raises(ValueError):
        Ranking(scores, weak, strong)


def drawn(seed: int, count: int = 300, signal: float = 0.3) -> tuple[list[float], list[float], list[float]]:
    """Requests of which the higher scores gain more."""
    dice = random.Random(seed)
    scores = [dice.random() for _ in range(count)]
    weak = [float(dice.random() < 0.8 - signal * score) for score in scores]
    return scores, weak, [float(dice.random() < 0.85) for _ in scores]


def test_intervals_are_the_same_for_the_same_seed_and_hold_the_value() -> None:
    ranking = Ranking(*drawn(2))
    one, same, other = (measure(ranking, seed=seed, resamples=100) for seed in (7, 7, 8))
    assert one == same != other
    for estimate in (one.apgr, one.cpt50, one.cpt80):
        assert estimate.low < estimate.value < estimate.high


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    truth = apgr(*drawn(3, 200_000))
    found = [measure(Ranking(*drawn(seed)), seed=seed, resamples=150).apgr for seed in range(100)]
    covered = sum(one.low <= truth <= one.high for one in found)
    assert 86 <= covered <= 100


def test_rankings_of_the_same_requests_are_compared_on_the_same_draws() -> None:
    scores, weak, strong = drawn(4)
    ranking = Ranking(scores, weak, strong)
    assert compare(ranking, ranking, seed=1, resamples=50).high == 0.0
    better = compare(ranking, Ranking([0.0] * len(scores), weak, strong), seed=1, resamples=100)
    assert better.value == pytest.approx(ranking.apgr - 0.5)
    apart = measure(ranking, seed=1, resamples=100).apgr
    assert better.high - better.low == pytest.approx(apart.high - apart.low)


def test_a_request_that_counts_twice_is_as_two() -> None:
    twice = Ranking([1.0, 5.0, 3.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.5]).recovered(np.array([1.0, 2.0, 1.0]))
    apart = Ranking([1.0, 5.0, 5.0, 3.0], [0.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 0.5]).recovered()
    assert twice.tolist() == pytest.approx(apart.tolist())
