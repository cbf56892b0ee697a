"""The regression gate's operating characteristic: how often it is right, over thousands of imagined runs."""

from typing import Any

import pytest

from bench.eval_gate import LOSS, missed, sizes
from bench.gate_odds import RISK, World, enough, odds

_DRAWS = 1_500
_MOST = RISK + 3 * (RISK * (1 - RISK) / _DRAWS) ** 0.5


def test_shares_are_shares() -> None:
    for alike in (0.0, 0.5, 1.0):
        equal, worse = (World(accuracy=0.85, alike=alike, loss=loss).shares for loss in (0.0, LOSS))
        assert sum(equal) == pytest.approx(1)
        assert equal[0] + equal[2] == pytest.approx(0.85), "an equal one is as often right"
        assert worse[0] + worse[2] == pytest.approx(0.765), "a worse one is 10 % less often right"


@pytest.mark.parametrize("cases", [30, 100, 300, 1000])
@pytest.mark.parametrize("accuracy", [0.6, 0.85, 0.97])
@pytest.mark.parametrize("alike", [0.0, 0.8])
def test_wrong_verdicts_are_as_rare_as_is_said(cases: int, accuracy: float, alike: float) -> None:
    equal = odds(World(accuracy=accuracy, alike=alike, loss=0), cases, _DRAWS)
    worse = odds(World(accuracy=accuracy, alike=alike, loss=LOSS), cases, _DRAWS)
    assert equal.worse <= _MOST
    assert worse.passed <= _MOST


@pytest.mark.parametrize(("cases", "alike"), [(300, 0.95), (400, 0.8), (600, 0.5), (1000, 0.0)])
def test_with_enough_cases_19_of_20_runs_are_right(cases: int, alike: float) -> None:
    """The sizes that docs/how-to/gate-a-change.md states, at an accuracy of 0.85."""
    equal = odds(World(accuracy=0.85, alike=alike, loss=0), cases, _DRAWS)
    worse = odds(World(accuracy=0.85, alike=alike, loss=LOSS), cases, _DRAWS)
    assert enough(equal.passed) >= 0.95
    assert enough(worse.worse) >= 0.95


def test_with_few_cases_it_says_so_instead_of_guessing() -> None:
    world = World(accuracy=0.85, alike=0.0, loss=0)
    few, many = odds(world, 50, _DRAWS), odds(world, 1000, _DRAWS)
    assert few.undecided > 0.5
    assert many.undecided < 0.01


def test_19_of_20_by_hand() -> None:
    assert enough(1.0) == 1
    assert enough(0.95) == pytest.approx(0.7358, abs=1e-4)


def test_sizes_are_the_least_that_suffice() -> None:
    def row(cases: int, equal: float, worse: float) -> dict[str, Any]:
        return {"accuracy": 0.85, "alike": 0.5, "cases": cases, "equal": {"passed": equal}, "worse": {"worse": worse}}

    rows = [row(100, 0.99, 0.8), row(200, 0.96, 0.93), row(300, 0.99, 0.97)]
    [found] = [one for one in sizes(rows) if (one["accuracy"], one["alike"]) == (0.85, 0.5)]
    assert (found["0.9"], found["0.95"], found["0.987"]) == (200, 300, None)
    assert found["differ"] == pytest.approx(0.1275)


def test_a_gate_that_errs_is_told() -> None:
    good = {"accuracy": 0.85, "alike": 0.0, "cases": 100, "equal": {"worse": 0.01}, "worse": {"passed": 0.01}}
    real = {"runs": 20, "right": {"equal": 19, "worse": 18}}
    assert missed({"imagined": [good]}, 4000) == []
    assert missed({"imagined": [{**good, "worse": {"passed": 0.2}}]}, 4000) != []
    assert missed({"imagined": [], "real": real}, 4000) == ["worse: 18 of 20 runs"]
