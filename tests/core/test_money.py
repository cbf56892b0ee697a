"""Money is whole numbers, exact, and rounded once."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.money import (
    NANO_PER_USD,
    Nano,
    PicoRate,
    charge,
    charge_time,
    format_usd,
    parse_usd,
    rate_per_million,
)

HOUR_NS = 3_600_000_000_000

amounts = st.integers(min_value=-(10**24), max_value=10**24)
units = st.integers(min_value=0, max_value=10**9)
rates = st.integers(min_value=0, max_value=10**12).map(PicoRate)
parts = st.lists(st.tuples(units, rates), max_size=5)


@given(amounts)
def test_what_is_printed_is_read_back(amount: int) -> None:
    assert parse_usd(format_usd(amount)) == amount


@given(st.lists(amounts, max_size=20))
def test_printed_amounts_add_up(amounts: list[int]) -> None:
    assert sum(Decimal(format_usd(amount)) for amount in amounts) == Decimal(format_usd(sum(amounts)))


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0.000000000"),
        (1, "0.000000001"),
        (-1, "-0.000000001"),
        (1_234_567_890, "1.234567890"),
        (-NANO_PER_USD, "-1.000000000"),
    ],
)
def test_format(amount: int, text: str) -> None:
    assert format_usd(amount) == text


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("0.05", 50_000_000),
        ("1e-9", 1),
        ("-2", -2_000_000_000),
        ("1e15", 10**24),
        (" 3 ", 3_000_000_000),
        (7, 7 * 10**9),
    ],
)
def test_parse(text: str | int, nanos: int) -> None:
    assert parse_usd(text) == nanos


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,5",
        "$1",
        "0x1",
        "NaN",
        "sNaN",
        "Infinity",
        "-inf",
        "1e16",
        "1e999999999",
        "0.0000000001",
        "1e-10",
        "1 2",
        "1e-999999999",
    ],
)
def test_what_is_not_an_exact_amount(text: str) -> None:
    with pytest.raises(ValueError):
        parse_usd(text)


@given(st.text(max_size=30))
def test_any_text_is_an_amount_or_a_value_error(text: str) -> None:
    try:
        amount = parse_usd(text)
    except ValueError:
        return
    assert isinstance(amount, int)


@pytest.mark.parametrize(
    ("usd", "rate"), [("0.15", 150_000), ("3", 3_000_000), ("0.0000005", 1), ("0.00000049", 0), ("1.25", 1_250_000)]
)
def test_a_rate_is_the_price_of_a_million_halves_rounded_up(usd: str, rate: int) -> None:
    assert rate_per_million(Decimal(usd)) == rate


@pytest.mark.parametrize(("pico", "nano"), [(0, 0), (499, 0), (500, 1), (999, 1), (1_499, 1), (1_500, 2)])
def test_a_charge_is_rounded_half_up(pico: int, nano: int) -> None:
    assert charge([(pico, PicoRate(1))]) == nano


def test_a_charge_is_rounded_once() -> None:
    assert charge([(1, PicoRate(400)), (1, PicoRate(400)), (1, PicoRate(400))]) == 1


@given(parts, parts)
def test_charges_add_up_to_the_rounding(left: list[tuple[int, PicoRate]], right: list[tuple[int, PicoRate]]) -> None:
    assert abs(charge(left + right) - charge(left) - charge(right)) <= 1


@given(parts, st.integers(min_value=0, max_value=4), units)
def test_more_never_costs_less(parts: list[tuple[int, PicoRate]], place: int, more: int) -> None:
    grown = [(count + more if index == place else count, rate) for index, (count, rate) in enumerate(parts)]
    assert charge(grown) >= charge(parts)
    assert type(charge(grown)) is int


@pytest.mark.parametrize(
    ("hourly", "nanoseconds", "cost"),
    [
        (3_600_000_000, HOUR_NS, 3_600_000_000),
        (3_600_000_000, 1_000_000_000, 1_000_000),
        (1, HOUR_NS // 2, 1),
        (1, HOUR_NS // 2 - 1, 0),
        (0, HOUR_NS, 0),
        (50_000_000, 1_234_567_890, 17_147),
    ],
)
def test_time(hourly: int, nanoseconds: int, cost: int) -> None:
    assert charge_time(Nano(hourly), nanoseconds) == cost


@given(units, units, units)
def test_time_is_monotone_and_adds_up_to_the_rounding(hourly: int, first: int, second: int) -> None:
    rate = Nano(hourly)
    together = charge_time(rate, first + second)
    assert together >= charge_time(rate, first)
    assert abs(together - charge_time(rate, first) - charge_time(rate, second)) <= 1
    assert type(together) is int
