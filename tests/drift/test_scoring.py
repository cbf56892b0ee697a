"""The score of a batch: what a probe always did says nothing, and the tolerance is what clean batches do."""

from dataclasses import replace

import numpy as np
import pytest

from homeport.drift.scoring import LEAST_TOLERANCE, learn, score
from tests.drift.simulated import BORDER, QUIET, SAMPLED, Provider, recording

FEW = Provider(days=40)


def test_a_provider_that_never_varies_has_the_least_tolerance() -> None:
    fixed = replace(QUIET, kinds=(1, 0, 0, 0, 0), days=61)
    similarity = recording(fixed, np.random.default_rng(1))
    tolerances = [learn(similarity, np.arange(count)).tolerance for count in (6, 14, 60)]
    assert tolerances == pytest.approx([0.4 / 6, 0.4 / 14, LEAST_TOLERANCE])
    assert score(similarity, 60, learn(similarity, np.arange(60))).score == 0


@pytest.mark.parametrize("provider", [Provider(), BORDER, SAMPLED])
def test_the_mean_of_clean_batches_is_below_the_tolerance(provider: Provider) -> None:
    below, scores = [], []
    for seed in range(12):
        similarity = recording(replace(provider, days=74), np.random.default_rng(seed))
        clean = learn(similarity, np.arange(14))
        found = [score(similarity, day, clean).score or 0.0 for day in range(14, 74)]
        below.append(np.mean(found) <= clean.tolerance)
        scores += found
    assert np.mean(below) > 0.9
    assert max(scores) > 0, "a score that is always 0 would prove nothing"


def test_a_swap_has_a_high_score() -> None:
    similarity = recording(replace(FEW, swap=30), np.random.default_rng(4))
    clean = learn(similarity, np.arange(30))
    before = [score(similarity, day, learn(similarity, np.arange(day))).score for day in range(20, 30)]
    after = [score(similarity, day, clean).score for day in range(30, 40)]
    assert max(one for one in before if one is not None) < 0.2
    assert min(one for one in after if one is not None) > 0.4


def test_a_probe_that_always_says_something_else_moves_nothing() -> None:
    dated = replace(FEW, kinds=(0, 0, 0, 0, 1), changed=0.0)
    similarity = recording(dated, np.random.default_rng(4))
    clean = learn(similarity, np.arange(30))
    assert [score(similarity, day, clean).score for day in range(30, 40)] == [0.0] * 10
    swapped = recording(replace(dated, changed=1.0, swap=30), np.random.default_rng(4))
    assert (score(swapped, 35, learn(swapped, np.arange(30))).score or 0) > 0.5


def test_what_was_not_answered_is_not_judged() -> None:
    similarity = recording(FEW, np.random.default_rng(4))
    clean = learn(similarity, np.arange(30))
    similarity.rows[:10, 31], similarity.rows[:, 32], similarity.rows[:, 33] = 0, 0, 4
    found = score(similarity, 31, clean)
    assert found.score is not None
    assert np.isnan(found.moved).tolist() == [True] * 10 + [False] * 16
    assert score(similarity, 32, clean).score is None
    assert score(similarity, 33, clean).score is None


def test_nothing_is_known_of_probes_that_were_hardly_seen() -> None:
    similarity = recording(FEW, np.random.default_rng(4))
    similarity.rows[:, :27] = 0
    assert score(similarity, 35, learn(similarity, np.arange(30))).score is None
