"""The quality of Homeport's own rows: by epoch, with metrics that are missing, and rows that cannot be."""

import random

import msgspec
import pytest

from homeport.evaluation.estimate import Scored, by_epoch, estimate_quality
from homeport.stats.agreement import UNMEASURED, UNUSABLE, USABLE


def rows(count: int = 600, *, epoch: str = "one", knows: float = 0.8, seed: int = 1) -> list[Scored]:
    """A period in which 60 of 100 answers are good, and a judge that knows it with probability `knows`."""
    dice, found = random.Random(seed), []
    for _ in range(count):
        good = float(dice.random() < 0.6)
        judge = good if dice.random() < knows else float(dice.random() < 0.9)
        point = dice.random()
        found.append(
            Scored(
                epoch=epoch,
                human=good if point < 0.1 else None,
                judge=judge if point < 0.5 else None,
                human_share=0.1,
                judge_share=0.5,
                metrics=(judge + dice.gauss(0, 0.5), None if dice.random() < 0.3 else dice.random()),
            )
        )
    return found


def test_three_estimates_stand_side_by_side() -> None:
    found = estimate_quality(rows())
    human, corrected = found.estimates.human, found.corrected
    assert human
    assert corrected
    assert corrected.width < 0.9 * human.width
    assert corrected.low < 0.6 < corrected.high
    assert 0 < found.estimates.tuning <= 1.1
    assert (found.estimates.rows, found.epoch, found.verdict.said) == (600, "one", USABLE)
    assert found.agreement.pairs == found.estimates.labelled


def test_a_judge_that_knows_nothing_is_said_to_be_unusable() -> None:
    """But for one period in forty: so often the interval of no correlation is above 0 by chance."""
    periods = [estimate_quality(rows(knows=0.0, seed=seed)) for seed in range(40)]
    assert sum(found.verdict.said == UNUSABLE for found in periods) >= 36
    for found in periods:
        assert found.corrected
        assert found.estimates.human
        assert found.corrected.width <= found.estimates.human.width


def test_each_epoch_has_its_own_judge() -> None:
    before, after = rows(seed=2), rows(epoch="two", knows=0.1, seed=3)
    found = by_epoch([*before, *after])
    assert list(found) == ["one", "two"]
    assert found["one"] == estimate_quality(before)
    assert found["two"] == estimate_quality(after)
    assert found["one"].agreement.correlation != found["two"].agreement.correlation


def test_an_epoch_that_has_just_begun_is_not_measured() -> None:
    found = estimate_quality([Scored(epoch="new", judge=1.0, judge_share=0.15)])
    assert (found.corrected, found.estimates.judge) == (None, None)
    assert found.verdict.said == UNMEASURED


def test_metrics_of_any_size_are_no_harm() -> None:
    odd = iter([1e308, -1e308, float("inf"), float("nan"), None, 5e-324] * 100)
    wild = [msgspec.structs.replace(row, metrics=(next(odd), None)) for row in rows()]
    found = estimate_quality(wild)
    assert found.corrected
    assert found.estimates.human
    assert found.corrected.width <= found.estimates.human.width


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epoch": "two"}, "one epoch, not of 2"),
        ({"metrics": (1.0,)}, "the same metrics"),
        ({"human": 0.5, "judge": None}, "row 0 is labelled, and was not judged"),
        ({"judge": 1.5}, "row 0 has a score"),
        ({"human": float("inf"), "judge": 0.5}, "row 0 has a score"),
        ({"judge": 0.5, "judge_share": 0.0}, "no probability"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, object], message: str) -> None:
    first, *others = rows(20)
    with pytest.raises(ValueError, match=message):
        estimate_quality([msgspec.structs.replace(first, **change), *others])


def test_no_rows_are_no_epoch() -> None:
    assert by_epoch([]) == {}
    with pytest.raises(ValueError, match="not of 0"):
        estimate_quality([])
