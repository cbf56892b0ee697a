"""Three phases of a period whose truth is known: automatic metrics on all, a judge on some, people on a few."""

import msgspec
import numpy as np
import pytest
from numpy import float64
from numpy.random import Generator
from numpy.typing import NDArray

from homeport.stats.phases import Sampled, estimate, expect_judge

Array = NDArray[float64]
ROWS = 1_500


def period(rng: Generator, *, oversampled: bool = False, metrics: bool = True, rows: int = ROWS) -> Sampled:
    """Answers of a quality that people tell, a judge that tells it in part and is too kind, and a metric of it.

    The truth is 0.6: hash sampling, each row by itself. Oversampled: bad metrics are looked at four times as often.
    """
    quality = rng.random(rows)
    human = (rng.random(rows) < 0.2 + 0.8 * quality).astype(float)
    judge = np.clip(0.3 + 0.4 * human + 0.3 * quality, 0, 1)
    metric = quality + rng.normal(0, 0.3, rows)
    often = np.where(metric < 0.3, 4.0, 1.0) if oversampled else np.ones(rows)
    judge_share, human_share = 0.2 * often, 0.07 * often
    point = rng.random(rows)
    return Sampled(
        human=np.where(point < human_share, human, np.nan),
        judge=np.where(point < judge_share, judge, np.nan),
        human_share=human_share,
        judge_share=judge_share,
        metrics=np.stack([metric, np.ones(rows)], axis=1) if metrics else None,
    )


@pytest.mark.parametrize("oversampled", [False, True])
def test_the_corrected_interval_holds_the_truth(oversampled: bool) -> None:
    """Of 300 periods; 95 % are promised, so that 91 % is three standard errors away."""
    rng = np.random.default_rng(11)
    found = [estimate(period(rng, oversampled=oversampled)) for _ in range(300)]
    corrected, human, judge = ([getattr(one, name) for one in found] for name in ("corrected", "human", "judge"))
    for estimates in (corrected, human):
        assert np.mean([one.low <= 0.6 <= one.high for one in estimates]) >= 0.91
    assert np.mean([one.low <= 0.6 <= one.high for one in judge]) < 0.2
    assert np.mean([one.value for one in corrected]) == pytest.approx(0.6, abs=0.01)
    assert np.mean([one.width for one in corrected]) < 0.9 * np.mean([one.width for one in human])
    assert all(one.width <= other.width for one, other in zip(corrected, human, strict=True))


def test_without_weights_oversampling_would_mislead() -> None:
    rng = np.random.default_rng(12)
    rows = [period(rng, oversampled=True) for _ in range(60)]
    naive = np.mean([np.nanmean(one.human) for one in rows])
    weighted = [found.human.value for found in map(estimate, rows) if found.human]
    assert naive < 0.57
    assert np.mean(weighted) == pytest.approx(0.6, abs=0.015)


def test_automatic_metrics_narrow_the_judges_mean() -> None:
    rng = np.random.default_rng(13)
    pairs = []
    for _ in range(20):
        rows = period(rng)
        with_them, without = estimate(rows), estimate(msgspec.structs.replace(rows, metrics=None))
        assert with_them.judge
        assert without.judge
        pairs.append((with_them.judge.width, without.judge.width))
    assert np.mean([narrow / wide for narrow, wide in pairs]) < 0.97


def test_metrics_that_tell_nothing_are_no_harm() -> None:
    rng = np.random.default_rng(14)
    rows = period(rng, metrics=False)
    noisy = msgspec.structs.replace(rows, metrics=rng.normal(0, 1, (ROWS, 3)))
    one, other = estimate(rows).judge, estimate(noisy).judge
    assert one
    assert other
    assert other.width < 1.02 * one.width


def test_a_judges_expectation_is_not_of_the_row_itself() -> None:
    """A column of noise as wide as the rows are many would otherwise repeat the judge."""
    rng = np.random.default_rng(15)
    judge = rng.random(100)
    expected = expect_judge(rng.normal(0, 1, (100, 60)), judge)
    assert abs(np.mean((expected - expected.mean()) * (judge - judge.mean()))) < 0.2 * np.var(judge)


@pytest.mark.parametrize(
    "judge", [np.full(100, 0.5), np.full(100, np.nan), np.append(np.ones(40), np.full(60, np.nan))]
)
def test_nothing_is_expected_of_nothing(judge: Array) -> None:
    assert not expect_judge(np.arange(100.0)[:, None], judge).any()


def test_any_scale() -> None:
    rows = period(np.random.default_rng(16))
    stars = msgspec.structs.replace(rows, human=1 + 4 * rows.human, judge=1 + 4 * rows.judge)
    unit, scaled = estimate(rows).corrected, estimate(stars, (1.0, 5.0)).corrected
    assert unit
    assert scaled
    assert (scaled.value, scaled.low, scaled.high) == pytest.approx(
        [1 + 4 * x for x in (unit.value, unit.low, unit.high)]
    )
    free = estimate(stars, None).corrected
    assert free
    assert free.value == pytest.approx(scaled.value, abs=0.2)


def test_what_is_not_there_is_not_estimated() -> None:
    rows = period(np.random.default_rng(17))
    nothing = np.full(ROWS, np.nan)
    unlabelled = estimate(msgspec.structs.replace(rows, human=nothing))
    assert (unlabelled.human, unlabelled.corrected, unlabelled.labelled) == (None, None, 0)
    assert unlabelled.judge
    empty = estimate(msgspec.structs.replace(rows, human=nothing, judge=nothing))
    assert (empty.human, empty.judge, empty.corrected) == (None, None, None)
    few = np.where(np.arange(ROWS) < 3, 1.0, np.nan)
    assert estimate(msgspec.structs.replace(rows, human=few, judge=few)).judge is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"judge": np.full(ROWS, np.nan)}, "was not judged"),
        ({"judge": np.full(ROWS, 2.0)}, "row 0 has a score"),
        ({"judge": np.full(ROWS, np.inf)}, "row 0 has a score"),
        ({"human_share": np.zeros(ROWS)}, "no probability"),
        ({"judge_share": np.full(ROWS, 1.5)}, "no probability"),
        ({"human_share": np.full(ROWS, np.nan)}, "no probability"),
        ({"human_share": np.full(ROWS, 1e-300)}, "no probability"),
        ({"human_share": np.ones(3)}, "one number for each row"),
        ({"metrics": np.full((ROWS, 1), np.nan)}, "finite"),
        ({"metrics": np.ones((3, 1))}, "of each row"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Array], message: str) -> None:
    rows = msgspec.structs.replace(period(np.random.default_rng(18)), **change)
    with pytest.raises(ValueError, match=message):
        estimate(rows)


def test_bounds_are_in_order() -> None:
    with pytest.raises(ValueError, match="lower bound"):
        estimate(period(np.random.default_rng(19)), (1.0, 1.0))
