"""The corrected estimate against worlds whose truth is known: it holds what it promises, and costs nothing."""

import numpy as np
import pytest
from numpy import float64
from numpy.random import Generator
from numpy.typing import NDArray

from homeport.stats.means import MeanInterval
from homeport.stats.ppi import Corrected, Labelled, Pool, correct, human_alone

Array = NDArray[float64]


def world(rng: Generator, shape: tuple[int, ...], share: float, right: float) -> tuple[Array, Array]:
    """Yes and no of people, and of a judge that says the same with probability `right`, else anything."""
    human = (rng.random(shape) < share).astype(float)
    guess = (rng.random(shape) < 0.6).astype(float)
    return human, np.where(rng.random(shape) < right, human, guess)


def drawn(
    rng: Generator, share: float, right: float, *, labels: int = 40, rows: int = 500, draws: int = 2_000
) -> Corrected:
    human, judge = world(rng, (draws, rows), share, right)
    mean = judge.mean(axis=1)
    influence = (judge - mean[:, None]) / rows
    pool = Pool(mean=mean, variance=(influence**2).sum(axis=1), rows=np.full(draws, float(rows)))
    few = slice(0, labels)
    sample = Labelled(
        human=human[:, few], judge=judge[:, few], weights=np.ones((draws, labels)), influence=influence[:, few]
    )
    return correct(sample, pool)


def coverage(found: MeanInterval, truth: float) -> float:
    return float(((found.low <= truth) & (truth <= found.high)).mean())


@pytest.mark.parametrize("labels", [40, 100])
@pytest.mark.parametrize("right", [0.0, 0.1, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("share", [0.2, 0.47, 0.85])
def test_intervals_hold_the_truth_and_are_never_wider(share: float, right: float, labels: int) -> None:
    """Of 2,000 worlds; chance alone moves a share by half a point, and yes and no of 40 by one and a half."""
    found = drawn(np.random.default_rng([7, labels]), share, right, labels=labels)
    assert 0.925 <= coverage(found.corrected, share) <= 0.98
    assert (found.corrected.width <= found.human.width).all()
    if right:
        assert coverage(found.judge, share) < 0.96


def test_what_a_judge_saves_goes_by_its_correlation() -> None:
    """Of n labels among N rows, the variance is at best (1 - rho^2) / n + rho^2 / N of that of one label; to learn the
    tuning costs two or three in a hundred of the width."""
    for right, rho in ((0.73, 0.73), (0.14, 0.14)):
        found = drawn(np.random.default_rng(3), 0.5, right, labels=70, rows=1_000)
        ratio = float(found.corrected.width.mean() / found.human.width.mean())
        assert np.sqrt(1 - rho**2 * 0.93) - 0.01 < ratio < np.sqrt(1 - rho**2 * 0.93) + 0.025
        assert float(found.human.width.mean()) / 2 == pytest.approx(0.117, abs=0.003)


def test_it_is_unbiased_whatever_the_judge_says() -> None:
    for right in (0.0, 0.5, 0.9):
        found = drawn(np.random.default_rng(5), 0.3, right, draws=4_000)
        assert float(found.corrected.value.mean()) == pytest.approx(0.3, abs=0.005)


def test_few_labels_measure_no_judge() -> None:
    found = drawn(np.random.default_rng(1), 0.5, 0.9, labels=9)
    assert (found.tuning == 0).all()
    assert (found.corrected.value == found.human.value).all()


def test_a_judge_that_contradicts_people_is_not_turned_round() -> None:
    rng = np.random.default_rng(2)
    human = (rng.random(80) < 0.5).astype(float)
    found = correct(one(human, 1 - human), Pool(mean=np.array(0.5), variance=np.array(0.0003), rows=np.array(900.0)))
    assert found.tuning == 0
    assert found.corrected == found.human


@pytest.mark.parametrize("human", [np.zeros(40), np.ones(40), np.full(40, 0.7), np.arange(40) % 2 / 1.0])
@pytest.mark.parametrize("judge", [np.zeros(40), np.full(40, 0.1), np.arange(40) % 3 / 2.0])
def test_what_does_not_vary_is_no_harm(human: Array, judge: Array) -> None:
    found = correct(one(human, judge), Pool(mean=judge.mean(), variance=np.array(0.0), rows=np.array(40.0)))
    for interval in (found.human, found.judge, found.corrected):
        assert 0 <= interval.low <= interval.value <= interval.high <= 1
    assert 0.05 < found.human.width < 0.35
    assert found.corrected.width <= found.human.width


def test_none_wrong_among_few_is_not_taken_for_never() -> None:
    """A judge that was right 40 times of 40 is not believed to be right always."""
    human = np.arange(40) % 2 / 1.0
    found = correct(one(human, human), Pool(mean=np.array(0.5), variance=np.array(1e-9), rows=np.array(1e8)))
    assert found.corrected.width / found.human.width == pytest.approx(np.sqrt(1.5 / 40), rel=0.08)


def test_what_was_not_seen_weighs_less_of_a_finer_judge() -> None:
    """A judge that was in doubt once has steps of one half: nothing that was not seen need be a whole verdict."""
    human = np.arange(40) % 2 / 1.0
    pool = Pool(mean=np.array(0.5), variance=np.array(1e-9), rows=np.array(1e8))
    plain = correct(one(human, human), pool).corrected.width
    doubtful = human.copy()
    doubtful[0] = 0.5
    assert correct(one(human, doubtful), pool).corrected.width < plain


def test_each_tuning_is_of_the_other_rows() -> None:
    """With a judge whose mean is known: left out by hand, one row after the other."""
    rng = np.random.default_rng(8)
    human, judge = world(rng, (30,), 0.5, 0.7)
    found = correct(one(human, judge), Pool(mean=np.array(0.55), variance=np.array(0.0), rows=np.array(1e9)))
    terms = []
    for place in range(30):
        others = np.delete(np.stack([human, judge]), place, axis=1)
        (yy, yj), (_, jj) = np.cov(others, ddof=0)
        explained = yj**2 / jj
        strength = 27 * explained / (yy - explained)
        tuning = yj / jj * max(0.0, 1 - 1 / strength)
        terms.append(human[place] - tuning * (judge[place] - 0.55))
    assert float(found.tuning) > 0
    assert float(found.corrected.value) == pytest.approx(np.mean(terms))


def test_with_every_row_labelled_there_is_nothing_to_add() -> None:
    human, judge = world(np.random.default_rng(4), (200,), 0.4, 0.9)
    influence = (judge - judge.mean()) / 200
    pool = Pool(mean=judge.mean(), variance=(influence**2).sum(), rows=np.array(200.0))
    found = correct(Labelled(human=human, judge=judge, weights=np.ones(200), influence=influence), pool)
    assert float(found.corrected.value) == pytest.approx(human.mean())
    assert float(found.corrected.width) == pytest.approx(float(found.human.width))


def test_scores_without_bounds() -> None:
    rng = np.random.default_rng(6)
    human = rng.normal(70, 10, 60)
    judge = human + rng.normal(20, 5, 60)
    pool = Pool(mean=np.array(90.0), variance=np.array(0.1), rows=np.array(1_000.0))
    found = correct(one(human, judge), pool, is_bounded=False)
    assert found.corrected.low < 70 < found.corrected.high
    assert found.corrected.width < 0.75 * found.human.width
    assert found.judge.value == 90


@pytest.mark.parametrize("labels", [0, 1, 3])
def test_too_few_labels_have_no_interval(labels: int) -> None:
    with pytest.raises(ValueError, match="4 labels"):
        correct(one(np.ones(labels), np.ones(labels)), Pool(mean=np.ones(()), variance=np.ones(()), rows=np.ones(())))
    with pytest.raises(ValueError, match="4 labels"):
        human_alone(np.ones(labels), np.ones(labels))


def one(human: Array, judge: Array) -> Labelled:
    return Labelled(human=human, judge=judge, weights=np.ones(len(human)), influence=np.zeros(len(human)))
