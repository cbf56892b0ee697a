"""Backtests count right, and the bill of recorded traffic is inside the interval as often as promised."""

from random import Random

import pytest

from homeport.core.money import PicoRate
from homeport.ledger.backtest import Coverage, backtest
from homeport.ledger.traces import read_trace, spent_in
from tests.ledger.recordings import recording

RECORDINGS = ("azure2023_code.csv.gz", "azure2023_conv.csv.gz", "mooncake_conversation_trace.jsonl.gz")


def test_each_day_with_a_week_behind_it_and_a_whole_month_ahead_is_forecast() -> None:
    """Two months and a bit: days 7 to 59 are inside them."""
    assert backtest([5] * 65, Random(1)).forecasts == 53
    assert backtest([5] * 29, Random(1)).forecasts == 0
    assert backtest([], Random(1)).coverage is None


def test_what_never_changes_is_met() -> None:
    found = backtest([5] * 60, Random(1))
    assert (found.coverage, found.below, found.above) == (1.0, 0, 0)
    assert found.error == pytest.approx(0, abs=1e-9)


def test_a_bill_that_explodes_is_above_and_one_that_collapses_below() -> None:
    assert backtest([5] * 27 + [500] * 3, Random(1)).above >= 20
    assert backtest([5] * 27 + [0] * 3, Random(1)).below >= 20


def test_counts_add_up() -> None:
    one = Coverage(forecasts=3, below=1, above=1, error=0.5, width=2.0)
    assert one.plus(one) == Coverage(forecasts=6, below=2, above=2, error=1.0, width=4.0)
    assert (one.inside, one.coverage) == (1, 1 / 3)


@pytest.mark.parametrize("name", RECORDINGS)
def test_recorded_traffic_is_inside_as_often_as_promised(name: str) -> None:
    """An hour of production traffic taken for half a year; `homeport bench forecast` has it at finer grains too."""
    days = spent_in(read_trace(recording(name)), 180, PicoRate(2_500_000), PicoRate(15_000_000))
    found = backtest(days, Random(180))
    assert found.coverage is not None
    assert 0.70 <= found.coverage <= 0.90
