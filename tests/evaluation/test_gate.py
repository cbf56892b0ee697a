"""The regression gate over runs: verdicts, margins as they are written, and runs that lack answers."""

import pytest

from homeport.core.errors import ConfigError
from homeport.evaluation.gate import advice, gate, parse_margin
from homeport.stats.noninferiority import Margin, Verdict
from tests.fakes.runs import run_of

TEN = Margin(0.1)
GOOD = run_of([1.0] * 170 + [0.0] * 30)


@pytest.mark.parametrize(
    ("written", "margin"),
    [
        ("10%", Margin(0.1)),
        ("0.1", Margin(0.1)),
        (".05", Margin(0.05)),
        (" 2.5% ", Margin(0.025)),
        ("5pt", Margin(0.05, relative=False)),
    ],
)
def test_margins(written: str, margin: Margin) -> None:
    found = parse_margin(written)
    assert found.amount == pytest.approx(margin.amount)
    assert found.relative == margin.relative


@pytest.mark.parametrize(
    "written", ["", "0", "0%", "-5%", "100%", "1", "nan", "inf", "1e-3", "ten", "5 pt of", "\u0663%", "5%\n%"]
)
def test_what_is_no_margin_is_refused(written: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_margin(written)
    assert caught.value.code == "margin_invalid"


def test_verdicts() -> None:
    same = gate(GOOD, GOOD, TEN)
    assert (same.verdict, advice(same)) == (Verdict.PASSED, "")
    worse = gate(GOOD, run_of([0.0] * 20 + [1.0] * 150 + [0.0] * 30), TEN)
    assert (worse.verdict, advice(worse)) == (Verdict.WORSE, "")


def test_too_few_cases_and_how_many_it_takes() -> None:
    a = run_of([1.0] * 17 + [0.0] * 3)
    found = gate(a, run_of([1.0] * 15 + [0.0] * 5), TEN)
    assert found.verdict is Verdict.UNDECIDED
    assert "there are 20, and about" in advice(found)


def test_nothing_can_be_lost_of_nothing() -> None:
    found = gate(run_of([0.0] * 50), run_of([0.0] * 50), TEN)
    assert found.verdict is Verdict.UNDECIDED
    assert "--margin 5pt" in advice(found)
    assert gate(run_of([0.0] * 200), run_of([0.0] * 200), Margin(0.05, relative=False)).verdict is Verdict.PASSED


def test_missing_answers_are_not_passed_by() -> None:
    torn = run_of([1.0] * 170 + [0.0] * 28 + [None] * 2)
    for pair in ((GOOD, torn), (torn, GOOD)):
        with pytest.raises(ConfigError, match="lacks 2 of 200 answers") as caught:
            gate(*pair, TEN)
        assert caught.value.code == "eval_run_incomplete"
    found = gate(GOOD, torn, TEN, missing_wrong=True)
    assert (found.verdict, found.missing_as_wrong, found.cases) == (Verdict.PASSED, 2, 200)
    broken = run_of([None] * 40 + [1.0] * 130 + [0.0] * 30)
    assert gate(GOOD, broken, TEN, missing_wrong=True).verdict is Verdict.WORSE


def test_other_datasets_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        gate(GOOD, run_of([1.0]), TEN)
    assert caught.value.code == "eval_datasets_differ"
