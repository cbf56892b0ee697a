"""What is escalated is learned for its gain, and what is wrong is told on its own; few rows are not believed much."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from homeport.routing.escalation import Blend, Rows, Scorer

Floats = NDArray[np.float64]


def rows_of(count: int, seed: int, help_where: Callable[[Floats], Floats]) -> Rows:
    """The cheaper model is right more often where a prompt's first column is low, and is surer of what is right."""
    rng = np.random.default_rng(seed)
    prompts = rng.normal(size=(count, 14))
    weak = (rng.random(count) < 1 / (1 + np.exp(2 * prompts[:, 0]))).astype(float)
    sure = (weak + rng.normal(0, 1, count))[:, None]
    strong = np.maximum(weak, (rng.random(count) < help_where(prompts)).astype(float))
    return Rows(prompts, sure, weak, strong, (weak + strong) / 2)


def told_apart(scores: Floats, right: Floats) -> float:
    """AUROC."""
    more = scores[right > 0][:, None] - scores[right == 0][None, :]
    return float(np.where(more == 0, 0.5, more > 0).mean())


def test_what_is_wrong_is_another_question_than_what_is_worth_asking_again() -> None:
    def hopeless(prompts: Floats) -> Floats:
        return np.where(prompts[:, 0] > 0, 0.05, 0.9)

    train, test = rows_of(800, 1, hopeless), rows_of(800, 2, hopeless)
    scorer = Scorer(train)
    scores = scorer.score(test)
    wrong, gain = scorer.fails.score(scores), scorer.gains.score(scores)
    assert told_apart(-wrong, test.weak) > told_apart(test.sure[:, 0], test.weak) + 0.03
    assert told_apart(-wrong, test.weak) > told_apart(-gain, test.weak) + 0.1
    gap = test.strong - test.weak
    assert gap[np.argsort(-gain)[:200]].mean() > gap[np.argsort(-wrong)[:200]].mean() + 0.1


def test_a_row_is_scored_alike_in_any_company() -> None:
    train, test = rows_of(200, 1, lambda p: 0.5 + 0 * p[:, 0]), rows_of(50, 2, lambda p: 0.5 + 0 * p[:, 0])
    scorer = Scorer(train)
    together = scorer.gains.score(scorer.score(test))
    alone = scorer.gains.score(scorer.score(test.take(np.array([7]))))
    assert together[7] == pytest.approx(alone[0])


def test_what_is_clearly_worse_does_not_count() -> None:
    rng = np.random.default_rng(0)
    aim = (rng.random(500) < 0.5).astype(float)
    good = aim + rng.normal(0, 0.7, 500)
    blend = Blend({"good": good, "noise": rng.normal(size=500), "other": good + rng.normal(0, 1e-6, 500)}, aim)
    assert blend.weights["noise"] < 1e-3
    assert blend.weights["other"] > 0.1
    assert sum(blend.weights.values()) == pytest.approx(1)
    assert 0 <= blend.held_out.min() <= blend.held_out.max() <= 1


def test_few_rows_do_not_tell_candidates_apart() -> None:
    rng = np.random.default_rng(0)
    shares = []
    for count in (30, 3_000):
        aim = (rng.random(count) < 0.5).astype(float)
        scores = {"better": aim + rng.normal(0, 1.5, count), "worse": aim + rng.normal(0, 2.5, count)}
        shares.append(min(Blend(scores, aim).weights.values()))
    assert shares[0] > 0.1 > 0.01 > shares[1]


def test_a_constant_aim_counts_all_alike() -> None:
    scores = np.arange(20.0)
    blend = Blend({"up": scores, "down": -scores}, np.ones(20))
    assert blend.weights == {"up": 0.5, "down": 0.5}
    assert np.ptp(blend.held_out) == pytest.approx(0)
