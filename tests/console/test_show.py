"""Figures and texts as people read them."""

import pytest

from homeport.console.show import count, facts, iso, lasting, moment, percent, span, text, usd


@pytest.mark.parametrize(
    ("nanos", "told"),
    [
        (None, "\u2013"),
        (0, "$0.00"),
        (1, "$0.000000001"),
        (1_234_000, "$0.001234"),
        (12_345_678, "$0.0123"),
        (1_234_567_890_123, "$1,234.57"),
        (-5_000_000_000, "-$5.00"),
    ],
)
def test_money(nanos: int | None, told: str) -> None:
    assert usd(nanos) == told


def test_times() -> None:
    at = 1_700_000_000 * 1_000_000_000
    assert (moment(at), iso(at)) == ("2023-11-14 22:13:20 UTC", "2023-11-14T22:13:20Z")
    assert moment(None) == lasting(None) == percent(None) == count(None) == "\u2013"
    assert (lasting(12_000_000), lasting(1_500_000_000)) == ("12 ms", "1.50 s")
    assert [span(seconds) for seconds in (0, 59, 60, 7_200, 172_800)] == ["0 s", "59 s", "1 min", "2 h", "2 d"]


def test_facts_of_a_change() -> None:
    assert facts({"limit": None, "names": ["a"], "on": False}) == 'limit: null, names: ["a"], on: false'
    assert facts({"limit": None, "names": ["a"], "on": False}, terse=True) == 'names: ["a"]'
    assert facts({"name": "\x1b[31m"}) == "name: \u27e8U+001B\u27e9[31m"


def test_what_cannot_be_seen_is_named() -> None:
    assert text("\u202eabc\x00") == "\u27e8U+202E\u27e9abc\u27e8U+0000\u27e9"
    assert len(text("x" * 5_000)) == 2_001
