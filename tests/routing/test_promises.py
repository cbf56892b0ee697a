"""Thresholds for a split, and for a quality that holds."""

import msgspec
import numpy as np
import pytest

from homeport.core.errors import ConfigError
from homeport.routing.calibrating import fit_confidence, measure_confidence
from homeport.routing.promises import Ladder, accept_for_split, keep_promise
from homeport.routing.recordings import Result, Row
from tests.routing.recorded import make_rows

MODELS = ("a8b", "a70b", "a405b")


def rows(count: int, seed: int = 3) -> list[Row]:
    return msgspec.convert(make_rows(count, seed, (*MODELS, "c-4")), list[Row])


ROWS = rows(3_000)


def test_a_split_is_met_on_rows_alike() -> None:
    confidence = fit_confidence(ROWS[:1500], MODELS)
    accept = accept_for_split(ROWS[:1500], MODELS, (0.70, 0.22, 0.08), "mean")
    assert Ladder(ROWS[:1500], MODELS, confidence).shares(accept) == pytest.approx((0.70, 0.22, 0.08), abs=0.02)
    assert Ladder(ROWS[1500:], MODELS, confidence).shares(accept) == pytest.approx((0.70, 0.22, 0.08), abs=0.05)


@pytest.mark.parametrize("shares", [(1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)])
def test_a_tier_may_get_all_or_nothing(shares: tuple[float, ...]) -> None:
    accept = accept_for_split(ROWS[:500], MODELS, shares, "mean")
    assert Ladder(ROWS[:500], MODELS, fit_confidence(ROWS[:500], MODELS)).shares(accept) == shares


def test_a_path_leads_from_the_strongest_to_the_cheapest() -> None:
    ladder = Ladder(ROWS, MODELS, fit_confidence(ROWS, MODELS))
    costs = [ladder.shares(accept)[0] for accept in ladder.path()]
    assert costs == sorted(costs)
    assert ladder.shares(ladder.path()[0]) == (0, 0, 1)
    assert not ladder.losses(ladder.path()[0]).any()
    assert ladder.shares(ladder.path()[-1])[-1] < 0.2


def test_a_promise_saves_money_and_holds_on_other_rows() -> None:
    kept = keep_promise(ROWS, MODELS, 0.08, 0.9)
    other = Ladder(rows(3_000, seed=9), MODELS, kept.calibrators)
    accept = [kept.accept[model] for model in MODELS[:-1]]
    assert kept.promise.cost_ratio < 1
    assert other.losses(accept).mean() < 0.08
    assert other.shares(accept)[0] > 0.2


def test_a_model_that_tells_nothing_is_used_for_all_or_none() -> None:
    ladder = Ladder(ROWS, ("c-4", "a405b"), fit_confidence(ROWS, ("c-4", "a405b")))
    assert all(set(ladder.shares(accept)) <= {0.0, 1.0} for accept in ladder.path())


def test_too_few_labels_are_refused_with_the_number_needed() -> None:
    with pytest.raises(ConfigError) as caught:
        keep_promise(ROWS[:420], MODELS, 0.05, 0.9)
    assert caught.value.code == "labels_too_few"
    assert "500 are needed" in caught.value.message
    assert "80 more" in caught.value.hint
    with pytest.raises(ConfigError, match=r"\d{4,} are needed"):
        keep_promise(ROWS[:600], MODELS, 0.0005, 0.99)


def test_what_nothing_can_keep_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        keep_promise(ROWS[:600], MODELS, 0.0, 0.9)
    assert caught.value.code == "promise_impossible"


def test_calibration_holds_on_other_rows() -> None:
    confidence = fit_confidence(ROWS[:1500], (*MODELS, "c-4"))
    assert "c-4" not in confidence.models
    assert confidence.silent == {"c-4": pytest.approx(sum(row.models["c-4"].correct for row in ROWS[:1500]) / 1500)}
    found = measure_confidence(confidence, ROWS[1500:], "a8b")
    assert found.ece_after < 0.05 < found.ece_before
    assert found.brier_after < found.brier_before
    assert measure_confidence(confidence, ROWS[1500:], "c-4").told == 0


def test_nothing_to_fit_on_is_no_curve() -> None:
    assert fit_confidence([], MODELS).overall is None
    assert np.isfinite(measure_confidence(fit_confidence([], MODELS), ROWS[:5], "a8b").ece_after)


def test_a_split_is_met_where_confidence_tells_nothing() -> None:
    """Doubts that have nothing to do with being right make a level curve, and still divide the requests."""
    dice = np.random.default_rng(5)
    blind = [msgspec.structs.replace(row, models=_guessed(row, float(-dice.random()))) for row in ROWS[:800]]
    accept = accept_for_split(blind, MODELS, (0.70, 0.22, 0.08), "mean")
    assert Ladder(blind, MODELS, fit_confidence(blind, MODELS)).shares(accept) == pytest.approx(
        (0.70, 0.22, 0.08), abs=0.02
    )


def _guessed(row: Row, logconf: float) -> dict[str, Result]:
    middle = msgspec.structs.replace(row.models["a70b"], graded=int(logconf * 1_000 % 10 < 8), logconf=logconf)
    return {**row.models, "a70b": middle}
