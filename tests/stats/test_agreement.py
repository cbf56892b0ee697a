"""Agreement of two raters: published examples, brute force, and intervals that hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy import float64
from numpy.typing import NDArray

from homeport.stats.agreement import UNMEASURED, UNUSABLE, USABLE, agree, correlate, judge_verdict

Array = NDArray[float64]
SCORES = st.sampled_from([0.0, 0.25, 0.5, 1.0])


def table(both: int, first: int, second: int, none: int) -> tuple[Array, Array]:
    """So many rows on which both say yes, only the first, only the second, none."""
    counts = (both, first, second, none)
    return np.repeat([1.0, 1.0, 0.0, 0.0], counts), np.repeat([1.0, 0.0, 1.0, 0.0], counts)


def test_a_known_example() -> None:
    """The example that textbooks give for kappa: 20, 5, 10 and 15 of 50 proposals."""
    found = agree(*table(20, 5, 10, 15))
    assert found.agreement
    assert found.kappa
    assert found.agreement.value == pytest.approx(0.7)
    assert found.kappa.value == pytest.approx(0.4)
    assert found.kappa.low == pytest.approx(0.13, abs=0.03)
    assert found.kappa.high == pytest.approx(0.62, abs=0.03)
    assert found.pairs == 50


@given(st.lists(st.tuples(SCORES, SCORES, st.sampled_from([1.0, 2.0, 5.0])), min_size=4, max_size=30))
def test_kappa_is_agreement_beyond_chance_by_every_pair_of_rows(rows: list[tuple[float, float, float]]) -> None:
    first, second, weights = np.array(rows).T
    found = agree(first, second, weights)
    parts = weights / weights.sum()
    chance = 1 - float(parts @ np.abs(first[:, None] - second[None, :]) @ parts)
    agreed = 1 - float(parts @ np.abs(first - second))
    if found.kappa is None:
        assert chance == pytest.approx(1)
    else:
        assert found.kappa.value == pytest.approx((agreed - chance) / (1 - chance), abs=1e-9)
        assert found.kappa.low - 1e-9 <= found.kappa.value <= found.kappa.high + 1e-9


def test_intervals_hold_the_truth() -> None:
    """Of 1,000 samples of 60: raters who both say yes to 45 of 100, and agree on 60 of 100 others than by chance."""
    rng = np.random.default_rng(21)
    rights = dict.fromkeys(("agreement", "kappa", "correlation"), 0)
    for _ in range(1_000):
        first = (rng.random(60) < 0.45).astype(float)
        second = np.where(rng.random(60) < 0.6, first, rng.random(60) < 0.45)
        found = agree(first, second)
        for name, truth in (("agreement", 0.6 + 0.4 * (0.45**2 + 0.55**2)), ("kappa", 0.6), ("correlation", 0.6)):
            figure = getattr(found, name)
            rights[name] += figure.low <= truth <= figure.high
    assert all(920 <= right <= 980 for right in rights.values()), rights


def test_fishers_interval() -> None:
    first = np.tile([1.0, 0.0], 14)
    found = correlate(first, first * 0.5 + np.repeat([0.3, 0.0], 14), np.ones(28))
    middle = np.arctanh(found.value)
    assert (found.low, found.high) == pytest.approx(np.tanh([middle - 0.392, middle + 0.392]), abs=1e-3)


def test_weights_are_as_repeating_rows() -> None:
    first, second = np.array([0.0, 1.0, 0.5, 1.0, 0.0]), np.array([0.0, 1.0, 1.0, 0.0, 0.0])
    weights = np.array([1, 3, 2, 1, 2])
    weighted = agree(first, second, weights.astype(float))
    repeated = agree(np.repeat(first, weights), np.repeat(second, weights))
    for name in ("agreement", "kappa", "correlation"):
        assert getattr(weighted, name).value == pytest.approx(getattr(repeated, name).value)
        assert getattr(weighted, name).low < getattr(repeated, name).low + 1e-9, "nine looks are not nine rows"


def test_raters_without_a_doubt_are_not_believed_without_end() -> None:
    found = agree(*table(20, 0, 0, 20))
    for figure in (found.agreement, found.kappa, found.correlation):
        assert figure
        assert figure.value == pytest.approx(1)
        assert 0.6 < figure.low < 0.97
        assert figure.high == pytest.approx(1)


def test_raters_who_always_say_the_same() -> None:
    found = agree(np.ones(40), np.ones(40))
    assert found.agreement
    assert (found.agreement.value, found.kappa, found.correlation) == (1.0, None, None)
    constant = agree(*table(20, 0, 20, 0))
    assert constant.kappa
    assert constant.kappa.value == pytest.approx(0)
    assert constant.correlation is None


def test_many_samples_at_once_are_as_each() -> None:
    rng = np.random.default_rng(22)
    first, second = rng.random((3, 50)), rng.random((3, 50))
    second[1] = 0.25
    together = correlate(first, second, np.ones((3, 50)))
    for place in (0, 2):
        alone = correlate(first[place], second[place], np.ones(50))
        assert (together.low[place], together.high[place]) == pytest.approx((alone.low, alone.high))
    assert np.isnan(together.low[1])


@pytest.mark.parametrize(
    ("counts", "said", "why"),
    [
        ((30, 5, 5, 30), USABLE, "the correlation with people is between 0.5"),
        ((12, 9, 8, 11), UNUSABLE, "which includes 0"),
        ((5, 30, 30, 5), UNUSABLE, "contradicts people"),
        ((20, 20, 0, 0), UNUSABLE, "always say the same"),
        ((2, 0, 0, 2), UNMEASURED, "4 rows are labelled by people, 10 are needed"),
        ((1, 0, 0, 0), UNMEASURED, "1 rows are labelled"),
    ],
)
def test_what_is_said_of_a_judge(counts: tuple[int, int, int, int], said: str, why: str) -> None:
    verdict = judge_verdict(agree(*table(*counts)))
    assert verdict.said == said
    assert why in verdict.why


@pytest.mark.parametrize(
    ("first", "second"), [([0.0] * 5, [0.0] * 4), ([0.0] * 5, [1.5] * 5), ([0.0] * 5, [float("nan")] * 5)]
)
def test_what_cannot_be_is_refused(first: list[float], second: list[float]) -> None:
    with pytest.raises(ValueError, match="score"):
        agree(np.array(first), np.array(second))
