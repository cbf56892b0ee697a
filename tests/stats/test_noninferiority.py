"""Verdicts of a gate: what is shown, what is not, and how often they are wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.stats.noninferiority import Margin, Verdict, judge
from homeport.stats.paired import binary_pairs, pairs_of

TEN = Margin(0.1)
COUNT = st.integers(0, 400)


def test_the_same_answers_pass_and_broken_ones_fail() -> None:
    assert judge(binary_pairs(85, 0, 0, 15), TEN).verdict is Verdict.PASSED
    assert judge(binary_pairs(170, 17, 0, 13), TEN).verdict is Verdict.WORSE


def test_few_cases_say_nothing_and_how_many_are_needed() -> None:
    found = judge(binary_pairs(16, 1, 1, 2), TEN)
    assert found.verdict is Verdict.UNDECIDED
    assert found.needed is not None
    assert found.needed > 20
    assert found.needed_surer is not None
    assert found.needed_surer > 1.5 * found.needed
    more = judge(binary_pairs(16 * 20, 1 * 20, 1 * 20, 2 * 20), TEN)
    assert more.verdict is Verdict.PASSED


def test_one_that_fails_everything_needs_few_cases() -> None:
    assert judge(binary_pairs(0, 10, 0, 0), TEN).verdict is Verdict.WORSE


def test_a_margin_is_a_share_or_points() -> None:
    pairs = binary_pairs(400, 50, 50, 300)
    assert judge(pairs, Margin(0.1)).margin == pytest.approx(0.05625)
    assert judge(pairs, Margin(0.1, relative=False)).margin == pytest.approx(0.1)
    assert judge(pairs, Margin(0.1)).line == pytest.approx(-0.028125)


def test_a_baseline_without_a_score_has_no_share_to_lose() -> None:
    found = judge(binary_pairs(0, 0, 5, 50), TEN)
    assert (found.verdict, found.needed) == (Verdict.UNDECIDED, None)
    assert judge(binary_pairs(0, 0, 5, 50), Margin(0.1, relative=False)).verdict is Verdict.PASSED


def test_no_case_says_nothing() -> None:
    assert judge(pairs_of([]), TEN).verdict is Verdict.UNDECIDED


@given(COUNT, COUNT, COUNT, COUNT)
def test_a_verdict_is_shown(both: int, lost: int, won: int, neither: int) -> None:
    """Whoever passes is shown not to be worse by the margin; whoever fails is shown to be worse."""
    found = judge(binary_pairs(both, lost, won, neither), TEN)
    if found.verdict is Verdict.PASSED:
        assert found.least > -found.margin - 1e-9
        assert won - lost >= found.line * (both + lost + won + neither) - 1
    if found.verdict is Verdict.WORSE:
        assert found.most < 0
        assert lost > won


@given(COUNT, st.integers(0, 100), st.integers(0, 100), COUNT)
def test_a_better_candidate_is_not_judged_worse(both: int, lost: int, won: int, neither: int) -> None:
    """One more case that it wins, and one less that it loses, never turns a pass into a fail."""
    order = (Verdict.WORSE, Verdict.UNDECIDED, Verdict.PASSED)
    before = judge(binary_pairs(both, lost + 1, won, neither), TEN).verdict
    after = judge(binary_pairs(both + 1, lost, won, neither), TEN).verdict
    assert order.index(after) >= order.index(before)


def test_what_it_says_of_its_own_power_is_about_so() -> None:
    """400 independent answers, right in 85 of 100: told is what the normal approximation gives, some 0.95."""
    found = judge(binary_pairs(289, 51, 51, 9), TEN)
    assert found.passes_if_equal == pytest.approx(0.96, abs=0.02)
    assert found.fails_if_worse == pytest.approx(0.95, abs=0.02)
    assert found.needed == pytest.approx(382, abs=12)
