"""Times of day, over midnight and over the changes of clocks."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.jobs.offpeak import Window


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e9)


@pytest.mark.parametrize(
    ("time", "inside"),
    [
        ("21:59:59", False),
        ("22:00:00", True),
        ("23:59:59", True),
        ("00:00:00", True),
        ("05:59:59", True),
        ("06:00", False),
    ],
)
def test_a_night_goes_past_midnight(time: str, inside: bool) -> None:
    assert Window("22:00-06:00", "UTC").holds(at(f"2026-11-22T{time}")) is inside


@pytest.mark.parametrize(("time", "inside"), [("11:59", False), ("12:00", True), ("13:29", True), ("13:30", False)])
def test_a_lunch(time: str, inside: bool) -> None:
    assert Window("12:00-13:30", "UTC").holds(at(f"2026-11-22T{time}")) is inside


def test_the_clocks_of_a_zone_count() -> None:
    """Rome is one hour ahead of UTC in winter and two in summer."""
    window = Window("22:00-06:00", "Europe/Rome")
    assert not window.holds(at("2026-01-10T20:59"))
    assert window.holds(at("2026-01-10T21:00"))
    assert window.holds(at("2026-07-10T20:00"))
    assert not window.holds(at("2026-07-10T04:00"))


@given(start=st.integers(0, 1439), length=st.integers(1, 1439), minute=st.integers(0, 1439))
def test_a_window_and_its_opposite_share_the_day(start: int, length: int, minute: int) -> None:
    def clock(minutes: int) -> str:
        return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"

    begin, end = clock(start), clock(start + length)
    moment = at("2026-11-22T00:00") + minute * 60 * 1_000_000_000
    inside, outside = Window(f"{begin}-{end}", "UTC"), Window(f"{end}-{begin}", "UTC")
    assert inside.holds(moment) is not outside.holds(moment)
