"""Ridge regression and boosted trees find what is there, and little where nothing is."""

import numpy as np
import pytest

from homeport.stats.boosting import Settings, boost
from homeport.stats.ridge import fit_ridge


def test_ridge_finds_a_line_and_its_scale_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(2_000, 4)) * [1, 100, 0.01, 0]
    target = columns @ [1.0, 0.02, 50, 3] + 7
    model = fit_ridge(columns, target)
    assert np.abs(model.predict(columns) - target).mean() < 0.05
    assert np.isfinite(model.predict(np.full((1, 4), 1e300))).all()


def test_ridge_of_noise_says_little() -> None:
    rng = np.random.default_rng(0)
    model = fit_ridge(rng.normal(size=(300, 50)), rng.normal(size=300))
    assert model.predict(rng.normal(size=(300, 50))).std() < 0.2


def test_ridge_takes_several_targets() -> None:
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(500, 3))
    both = np.stack([columns[:, 0], columns[:, 1] * 2], axis=1)
    assert np.abs(fit_ridge(columns, both).predict(columns) - both).mean() < 0.02


def test_trees_find_what_no_line_can() -> None:
    rng = np.random.default_rng(0)
    columns = rng.uniform(-1, 1, size=(3_000, 5))
    target = np.sign(columns[:, 1] * columns[:, 3])
    model = boost(columns, target, Settings(trees=150))
    seen = rng.uniform(-1, 1, size=(1_000, 5))
    assert np.corrcoef(model.predict(seen), seen[:, 1] * seen[:, 3])[0, 1] > 0.7
    assert np.abs(fit_ridge(columns, target).predict(seen)).mean() < 0.2


def test_trees_are_the_same_for_the_same_seed() -> None:
    rng = np.random.default_rng(0)
    columns, target = rng.normal(size=(200, 3)), rng.normal(size=200)
    assert (boost(columns, target).predict(columns) == boost(columns, target).predict(columns)).all()


def test_columns_that_say_nothing_are_no_harm() -> None:
    columns, target = np.zeros((30, 2)), np.arange(30.0)
    assert boost(columns, target).predict(columns) == pytest.approx(np.full(30, 14.5), abs=1)
    assert fit_ridge(columns, target).predict(columns) == pytest.approx(np.full(30, 14.5))
