"""Windows: what their names mean."""

import pytest

from homeport.console.figures.windows import TOLD, choices, hour_end, read_moment, read_window
from homeport.core.errors import InvalidRequest
from tests.ledger.requests import DAY, HOUR, NOW


@pytest.mark.parametrize(
    ("name", "span", "width"),
    [("1h", HOUR, "hour"), ("24h", DAY, "hour"), ("7d", 7 * DAY, "day"), ("30d", 30 * DAY, "day")],
)
def test_so_long_until_now(name: str, span: int, width: str) -> None:
    window = read_window(name, NOW)
    assert (window.since_ns, window.until_ns, window.width) == (NOW - span, (NOW // HOUR + 1) * HOUR, width)
    assert window.last_day_ns == NOW - min(span, DAY)
    assert window.told == f"the {TOLD[name]}"


def test_a_month() -> None:
    this, named = read_window("month", NOW), read_window("2023-11", NOW)
    assert (this.since_ns, this.until_ns) == (named.since_ns, named.until_ns)
    assert (this.until_ns - this.since_ns, this.told) == (30 * DAY, "November 2023 (UTC)")
    assert this.last_day_ns == this.until_ns - DAY


@pytest.mark.parametrize("name", ["", "2h", "-1d", "2023-13", "1969-01", "month ", "<b>", "9" * 99])
def test_what_is_no_window_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_window(name, NOW)
    assert "24h" in refused.value.hint


@pytest.mark.parametrize(("now", "end"), [(0, HOUR), (HOUR - 1, HOUR), (HOUR, 2 * HOUR)])
def test_what_goes_on_ends_with_its_hour(now: int, end: int) -> None:
    assert hour_end(now) == end > now


def test_what_is_offered_has_what_is_chosen() -> None:
    assert [*choices(NOW, "24h")] == ["1h", "24h", "7d", "30d", "month", "2023-10", "2023-09", "2023-08"]
    assert [*choices(NOW, "2021-02")][-1] == "2021-02"
    for name in choices(NOW, "24h"):
        assert read_window(name, NOW).name == name


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1970-01-01T00:10", 600), ("2023-11-14T22:13:20", 1_700_000_000), ("2023-11-14T23:13:20+01:00", 1_700_000_000)],
)
def test_a_time_is_one_in_utc(text: str, seconds: int) -> None:
    assert read_moment(text, "since") == seconds * 10**9


@pytest.mark.parametrize("text", ["", "yesterday", "1969-12-31T23:59", "9999-12-31T23:59", "2023-11-14T25:00", "\x00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_moment(text, "since")
    assert refused.value.param == "since"
