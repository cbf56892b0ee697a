"""From rows to a version: it is used if it is no worse, and what hangs on its scores moves with it."""

from pathlib import Path

import pytest

from homeport.routing.gap import GapModel, gap_model
from homeport.routing.refit import HELD_OUT, VALIDATED, refit
from homeport.routing.rows import Rows, read_rows
from homeport.routing.thresholds import Promise, Thresholds, decode_thresholds, encode_thresholds
from homeport.routing.versions import CONFIDENCE, GAP, THRESHOLDS, Versions
from tests.fakes.clock import ManualClock
from tests.routing.recorded_answers import recorded, write


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    return Versions(tmp_path / "router", ManualClock().wall_ns)


def rows(folder: Path, count: int, test_share: float = 0.0, models: tuple[str, ...] = ()) -> Rows:
    return read_rows(write(folder / "answers.jsonl", recorded(count, test_share=test_share)), models)


def test_a_better_one_is_used(versions: Versions, tmp_path: Path) -> None:
    found = refit(versions, rows(tmp_path, 900), "better")
    assert found.promoted
    assert found.judgement.judged_on == VALIDATED
    assert found.judgement.difference.low > 0
    assert versions.current() == found.version
    assert found.version.metrics["rows"] == 900
    assert found.version.metrics["apgr"] == pytest.approx(found.judgement.new.apgr.value)
    assert gap_model(versions.read(found.version, GAP)) == found.fitted.model


def test_a_worse_one_is_kept_and_not_used_unless_it_must(versions: Versions, tmp_path: Path) -> None:
    refit(versions, rows(tmp_path, 900, 0.4), "good")
    # Too few rows to learn from; enough of the split test to see it.
    few = rows(tmp_path, 900, 0.4)
    short = Rows(models=few.models, rows=(*few.of(held_out=False).rows[:60], *few.of(held_out=True).rows))
    found = refit(versions, short, "poor")
    assert found.judgement.judged_on == HELD_OUT
    assert not found.promoted
    assert (found.version.number, versions.current().number) == (2, 1)
    assert refit(versions, short, "poor", force=True).promoted
    assert versions.current().number == 3


def test_a_few_held_out_rows_judge_nothing_and_are_not_fitted_on(versions: Versions, tmp_path: Path) -> None:
    found = refit(versions, rows(tmp_path, 300, 0.1), "a test")
    assert found.judgement.judged_on == VALIDATED
    assert found.judgement.rows < 300


def test_thresholds_move_to_the_new_scores_and_promise_nothing_of_them(versions: Versions, tmp_path: Path) -> None:
    promise = Promise(max_loss=0.02, confidence=0.9, labels=600, cost_ratio=0.4)
    before = Thresholds(
        tiers=("home", "far"), shares=(0.7, 0.3), sketch=(0.0, 1.0), accept={"home": 0.6}, promise=promise
    )
    versions.point(versions.add({THRESHOLDS: encode_thresholds(before), CONFIDENCE: b"{}"}, "calibrated").number)
    found = refit(versions, rows(tmp_path, 900), "a test")
    after = decode_thresholds(versions.read(found.version, THRESHOLDS) or b"")
    assert after.sketch == GapModel.decode(versions.read(found.version, GAP) or b"").spread
    assert (after.tiers, after.shares, after.accept, after.promise) == (
        ("home", "far"),
        (0.7, 0.3),
        {"home": 0.6},
        None,
    )
    assert versions.read(found.version, CONFIDENCE) == b"{}"
