"""Burn rates by hand, and the rules at their edges."""

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.budgets import Window
from homeport.core.money import Nano
from homeport.ledger.burn import burn_alerts, burn_rates
from homeport.ledger.months import Month
from homeport.ledger.slo import BURN_WINDOWS
from homeport.storage.budgets import Standing
from tests.ledger.requests import DAY
from tests.storage.budget import budget

NOW = Month(2026, 11).start_ns + 10 * DAY
USD = 1_000_000_000
LIMIT = 720 * USD
"""A dollar an hour in November."""


def standing(window: Window = Window.MONTH, limit: int = LIMIT) -> Standing:
    return Standing(budget=msgspec.structs.replace(budget(window=window), limit=Nano(limit)), spent=Nano(5))


def spent(**windows: int) -> dict[str, int]:
    return {name: windows.get(f"w{name}", 0) for name in BURN_WINDOWS}


def test_a_dollar_an_hour_burns_at_one() -> None:
    even = {name: span * USD // (DAY // 24) for name, span in BURN_WINDOWS.items()}
    assert set(burn_rates(even, LIMIT, NOW).values()) == {
        Fraction(1),
        Fraction(even["5m"] * 720 * 12, LIMIT),
    }


@pytest.mark.parametrize(
    ("windows", "told"),
    [
        (spent(w1h=15 * USD, w5m=15 * USD // 10), [("1h", True)]),
        (spent(w1h=15 * USD, w5m=USD), []),
        (spent(w1h=144 * USD // 10, w5m=99 * USD), []),
        (spent(w6h=37 * USD, w30m=4 * USD), [("6h", True)]),
        (spent(w3d=73 * USD, w6h=7 * USD), [("3d", False)]),
        (spent(w3d=73 * USD, w6h=5 * USD), []),
        (
            spent(w5m=9 * USD, w30m=9 * USD, w1h=20 * USD, w6h=90 * USD, w3d=99 * USD),
            [("1h", True), ("6h", True), ("3d", False)],
        ),
        (spent(), []),
    ],
)
def test_a_rule_fires_above_its_rate_in_both_windows(windows: dict[str, int], told: list[tuple[str, bool]]) -> None:
    assert [(alert.long, alert.urgent) for alert in burn_alerts(standing(), windows, NOW)] == told


def test_an_alert_says_the_rate_and_the_account() -> None:
    (alert,) = burn_alerts(standing(), spent(w1h=72 * USD, w5m=9 * USD), NOW)
    assert (alert.rate, alert.short, alert.period, alert.spent, alert.limit) == (72.0, "5m", "2026-11", 5, LIMIT)


@pytest.mark.parametrize("window", [Window.HOUR, Window.DAY, Window.TOTAL])
def test_the_rules_are_for_months(window: Window) -> None:
    assert burn_alerts(standing(window), dict.fromkeys(BURN_WINDOWS, LIMIT), NOW) == []


def test_of_nothing_nothing_burns() -> None:
    assert burn_alerts(standing(limit=0), dict.fromkeys(BURN_WINDOWS, USD), NOW) == []


@given(st.dictionaries(st.sampled_from(sorted(BURN_WINDOWS)), st.integers(0, 10**15)), st.integers(1, 10**15))
def test_twice_the_spending_burns_twice_as_fast(some: dict[str, int], limit: int) -> None:
    once = {name: some.get(name, 0) for name in BURN_WINDOWS}
    double = burn_rates({name: 2 * amount for name, amount in once.items()}, limit, NOW)
    assert double == {name: 2 * rate for name, rate in burn_rates(once, limit, NOW).items()}
