"""Budgets and burn rates: examples worked by hand, and what must always hold."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.config.slo import PER_WHOLE
from homeport.ledger.slo import BURN_WINDOWS, Severity, Tally, allowed_bad, budget_left, burn_rate, firing

THREE_NINES = 999_000
SHARES = st.integers(1, PER_WHOLE - 1)
TALLIES = st.integers(0, 10**12).flatmap(
    lambda valid: st.integers(0, valid).map(lambda good: Tally(good=good, valid=valid))
)


def burning(**rates: str) -> dict[str, Fraction]:
    """Burn rates of all windows, 0 where none is given; `h1` stands for the window 1h."""
    given_rates = {name[1:] + name[0]: Fraction(rate) for name, rate in rates.items()}
    assert set(given_rates) <= set(BURN_WINDOWS)
    return {name: given_rates.get(name, Fraction(0)) for name in BURN_WINDOWS}


def test_a_budget_by_hand() -> None:
    month = Tally(good=9_996, valid=10_000)
    assert allowed_bad(month, THREE_NINES) == 10
    assert budget_left(month, THREE_NINES) == Fraction(6, 10)
    assert burn_rate(month, THREE_NINES) == Fraction(4, 10)
    assert month.ratio == Fraction(9_996, 10_000)


def test_an_overspent_budget_is_below_zero() -> None:
    assert budget_left(Tally(good=980, valid=1_000), 990_000) == -1


def test_the_workbooks_example() -> None:
    """1.44 % of errors burn a budget of 0.1 % 14.4 times too fast."""
    assert burn_rate(Tally(good=9_856, valid=10_000), THREE_NINES) == Fraction(144, 10)


def test_nothing_asked_is_nothing_burnt() -> None:
    assert Tally().ratio is None
    assert burn_rate(Tally(), THREE_NINES) == 0
    assert budget_left(Tally(), THREE_NINES) == 1
    assert not Tally().below(THREE_NINES)


def test_exactly_the_target_is_not_below_it() -> None:
    assert not Tally(good=999, valid=1_000).below(THREE_NINES)
    assert Tally(good=998_999_999, valid=1_000_000_000).below(THREE_NINES)


@pytest.mark.parametrize(
    ("burn", "severities"),
    [
        (burning(), []),
        (burning(h1="14.5", m5="14.5"), [Severity.PAGE]),
        (burning(h1="14.4", m5="14.5"), []),
        (burning(h1="14.5", m5="14.4"), []),
        (burning(h1="1000"), []),
        (burning(m5="1000"), []),
        (burning(h6="6.1", m30="6.1"), [Severity.PAGE]),
        (burning(h6="6", m30="7"), []),
        (burning(d3="1.1", h6="1.1"), [Severity.TICKET]),
        (burning(d3="1.1", h6="1"), []),
        (burning(d3="2", h6="7", m30="7", h1="15", m5="15"), [Severity.PAGE, Severity.PAGE, Severity.TICKET]),
    ],
)
def test_both_windows_must_burn_faster_than_the_rate(burn: dict[str, Fraction], severities: list[Severity]) -> None:
    assert [rule.severity for rule in firing(burn)] == severities


@given(TALLIES, TALLIES, SHARES)
def test_budgets_add_up_over_windows_and_replicas(one: Tally, other: Tally, share: int) -> None:
    whole = one.plus(other)
    assert allowed_bad(whole, share) == allowed_bad(one, share) + allowed_bad(other, share)
    assert whole.bad == one.bad + other.bad
    rates = sorted((burn_rate(one, share), burn_rate(other, share)))
    if one.valid and other.valid:
        assert rates[0] <= burn_rate(whole, share) <= rates[1]


@given(TALLIES, SHARES)
def test_burn_and_budget_are_one_thing(tally: Tally, share: int) -> None:
    assert budget_left(tally, share) == 1 - burn_rate(tally, share)
    if tally.ratio is not None:
        assert tally.below(share) == (tally.ratio < Fraction(share, PER_WHOLE)) == (budget_left(tally, share) < 0)


@given(TALLIES, SHARES)
def test_a_good_request_never_hurts_and_a_bad_one_never_helps(tally: Tally, share: int) -> None:
    better, worse = tally.plus(Tally(good=1, valid=1)), tally.plus(Tally(good=0, valid=1))
    assert burn_rate(better, share) <= burn_rate(tally, share) <= burn_rate(worse, share)
    assert worse.below(share) or not tally.below(share)
