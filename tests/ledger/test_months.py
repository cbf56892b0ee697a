"""Months begin and end at midnight UTC, and nowhere else."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import ConfigError
from homeport.ledger.months import Month

SECOND = 1_000_000_000


def test_the_edges_of_a_month() -> None:
    october = Month.parse("2026-10")
    assert october.start_ns == int(datetime(2026, 10, 1, tzinfo=UTC).timestamp()) * SECOND
    assert Month.at(october.start_ns) == october
    assert Month.at(october.start_ns - 1) == Month(2026, 9)
    assert Month.at(october.plus(1).start_ns - 1) == october
    assert str(october) == "2026-10"


@pytest.mark.parametrize(("text", "days"), [("2024-02", 29), ("2023-02", 28), ("2100-02", 28), ("2026-10", 31)])
def test_lengths(text: str, days: int) -> None:
    month = Month.parse(text)
    assert month.plus(1).start_ns - month.start_ns == days * 86_400 * SECOND


def test_years_roll_over() -> None:
    assert Month(2026, 12).plus(1) == Month(2027, 1)
    assert Month(2026, 1).plus(-1) == Month(2025, 12)
    assert Month(2026, 1) < Month(2026, 2) < Month(2027, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "2026-13",
        "2026-00",
        "2026-1",
        "2026-10-01",
        "0000-01",
        "9999-12",
        "1969-12",
        "\u0662026-10",
        "x" * 999,
    ],
)
def test_what_is_no_month(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Month.parse(text)
    assert caught.value.code == "month_invalid"
    assert len(caught.value.message) < 120


@given(st.integers(0, 7_000_000_000 * SECOND))
def test_every_time_is_in_exactly_one_month(wall_ns: int) -> None:
    month = Month.at(wall_ns)
    assert month.start_ns <= wall_ns < month.plus(1).start_ns
    assert month.plus(5).plus(-5) == month
