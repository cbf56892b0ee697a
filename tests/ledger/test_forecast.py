"""The bill of the month: its parts by hand, its labels, its edges."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from homeport.ledger.forecast import Forecast, Method, forecast_month
from homeport.ledger.months import Month
from homeport.ledger.spending import spent_in
from tests.ledger.requests import DAY, HOUR, ledger, request

NOVEMBER = Month(2026, 11).start_ns
USD = 1_000_000_000


def forecast(engine: Engine, now: int, project: str = "") -> Forecast:
    return forecast_month(engine, now, project)


def each_day(start: int, days: int, cost: int = USD, project: str = "p") -> Engine:
    return ledger(*(request(start + day * DAY, cost=cost, project=project) for day in range(days)))


def test_an_empty_ledger() -> None:
    found = forecast(ledger(), NOVEMBER + DAY)
    assert (found.method, found.spent, found.expected, found.low, found.high) == (Method.NOTHING, 0, 0, None, None)


def test_a_dollar_a_day_is_thirty_dollars_in_november() -> None:
    found = forecast(each_day(NOVEMBER, 14), NOVEMBER + 14 * DAY)
    assert (found.method, found.days, found.spent, found.month) == (Method.SEASONAL, 14, 14 * USD, "2026-11")
    assert (found.low, found.expected, found.high) == (30 * USD, 30 * USD, 30 * USD)


def test_what_is_left_of_today_is_a_share_of_a_day() -> None:
    """Today's dollar is spent, and half of today is still to come."""
    found = forecast(each_day(NOVEMBER, 15), NOVEMBER + 14 * DAY + 12 * HOUR)
    assert (found.days, found.spent, found.expected) == (14, 15 * USD, 15 * USD + USD // 2 + 15 * USD)


def test_history_from_before_the_month_counts_for_the_rest_and_not_for_the_bill() -> None:
    found = forecast(each_day(NOVEMBER - 20 * DAY, 20), NOVEMBER)
    assert (found.days, found.spent, found.expected) == (20, 0, 30 * USD)


@pytest.mark.parametrize(("days", "method"), [(6, Method.EXTRAPOLATION), (7, Method.SEASONAL)])
def test_less_than_a_week_is_extrapolated_and_says_so(days: int, method: Method) -> None:
    found = forecast(each_day(NOVEMBER, days), NOVEMBER + days * DAY)
    assert (found.method, found.expected) == (method, 30 * USD)
    assert (found.low is None) is (found.high is None) is (method is Method.EXTRAPOLATION)


def test_an_extrapolation_begins_with_the_first_request() -> None:
    """Two days of traffic late in the month are not a pace of two thirtieths."""
    found = forecast(each_day(NOVEMBER + 20 * DAY, 2), NOVEMBER + 22 * DAY)
    assert found.expected == 10 * USD


def test_the_first_minute_is_not_taken_for_the_pace_of_a_month() -> None:
    found = forecast(ledger(request(NOVEMBER, cost=USD)), NOVEMBER + 1)
    assert found.expected == pytest.approx(30 * 24 * USD, rel=0.01)


def test_a_request_from_the_future_is_no_history() -> None:
    found = forecast(each_day(NOVEMBER + 5 * DAY, 1), NOVEMBER)
    assert (found.method, found.expected) == (Method.NOTHING, 0)


def test_one_project() -> None:
    engine = each_day(NOVEMBER, 10, project="acme/search")
    assert forecast(engine, NOVEMBER + 10 * DAY, "acme").expected == 30 * USD
    assert forecast(engine, NOVEMBER + 10 * DAY, "other").method is Method.NOTHING


def test_weekends_are_known() -> None:
    """Sunday the first: five dollars on working days, nothing on weekends. November 2026 has 21 working days."""
    cost = [0 if day % 7 in (0, 6) else 5 * USD for day in range(-28, 15)]
    engine = ledger(*(request(NOVEMBER + (place - 28) * DAY, cost=each) for place, each in enumerate(cost)))
    found = forecast(engine, NOVEMBER + 15 * DAY)
    assert found.spent == 50 * USD
    assert found.expected == pytest.approx(105 * USD, rel=0.02)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 10**13), min_size=1, max_size=40), st.integers(0, 29), st.integers(0, DAY - 1))
def test_the_bill_is_never_less_than_what_is_spent(costs: list[int], day: int, within: int) -> None:
    now = NOVEMBER + day * DAY + within
    engine = ledger(*(request(now - place * DAY, cost=cost) for place, cost in enumerate(costs)))
    found = forecast(engine, now)
    assert found.expected >= found.spent
    if found.low is not None and found.high is not None:
        assert found.spent <= found.low <= found.expected <= found.high


@given(st.integers(-40, 28), st.integers(0, 30), st.integers(0, 30 * DAY - 1))
@settings(max_examples=25, deadline=None)
def test_what_is_spent_is_what_the_ledger_has_of_the_month(start: int, days: int, now: int) -> None:
    engine, at = each_day(NOVEMBER + start * DAY + HOUR // 3, days), NOVEMBER + now
    assert forecast(engine, at).spent == spent_in(engine, NOVEMBER, at)
