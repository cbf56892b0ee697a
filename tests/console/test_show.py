"""Figures and texts as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from homeport.console.show import (
    clock,
    count,
    exact,
    facts,
    iso,
    lasting,
    moment,
    percent,
    size,
    span,
    stamp,
    text,
    usd,
)
from homeport.core.money import parse_usd


@pytest.mark.parametrize(
    ("nanos", "told"),
    [
        (None, "\u2013"),
        (0, "$0.00"),
        (1, "$0.000000001"),
        (1_234_000, "$0.00123"),
        (1_457_943, "$0.00146"),
        (12_345_678, "$0.0123"),
        (19_000_000, "$0.0190"),
        (100_000_000, "$0.10"),
        (1_000, "$0.00000100"),
        (320_700_000, "$0.32"),
        (999_999_999, "$1.00"),
        (1_234_567_890_123, "$1,234.57"),
        (-5_000_000_000, "-$5.00"),
    ],
)
def test_money(nanos: int | None, told: str) -> None:
    assert usd(nanos) == told


@pytest.mark.parametrize(
    ("nanos", "told"),
    [
        (None, "\u2013"),
        (0, "$0.00"),
        (1_457_943, "$0.001457943"),
        (1_234_500_000_000, "$1,234.50"),
        (-1, "-$0.000000001"),
    ],
)
def test_money_of_a_bill(nanos: int | None, told: str) -> None:
    assert exact(nanos) == told


@given(some.integers(-(10**18), 10**18))
def test_a_bill_tells_every_nano_dollar(nanos: int) -> None:
    told = exact(nanos).replace("$", "").replace(",", "")
    assert parse_usd(told.removeprefix("-")) == abs(nanos)
    assert told.startswith("-") == (nanos < 0)


@pytest.mark.parametrize(
    ("count_of_bytes", "told"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (92_000_000, "92.0 MB"), (2e9, "2.0 GB")],
)
def test_sizes(count_of_bytes: float, told: str) -> None:
    assert size(count_of_bytes) == told


def test_times() -> None:
    at = 1_700_000_000 * 1_000_000_000
    assert (moment(at), iso(at)) == ("2023-11-14 22:13:20 UTC", "2023-11-14T22:13:20Z")
    assert moment(None) == lasting(None) == percent(None) == count(None) == "\u2013"
    assert (stamp(at), clock(at)) == ("Nov 14, 22:13:20", "22:13:20 UTC")
    assert (lasting(12_000_000), lasting(1_500_000_000)) == ("12 ms", "1.50 s")
    assert [lasting(ns) for ns in (0, 400_000, 125 * 10**9)] == ["0 ms", "0.4 ms", "2 min 05 s"]
    assert [span(seconds) for seconds in (0, 59, 60, 119, 7_200, 172_800)] == [
        *("0 s", "59 s", "1 min", "1 min", "2 h", "2 d")
    ]


def test_facts_of_a_change() -> None:
    assert facts({"limit": None, "names": ["a"], "on": False}) == 'limit: null, names: ["a"], on: false'
    assert facts({"limit": None, "names": ["a"], "on": False}, terse=True) == 'names: ["a"]'
    assert facts({"created_at": 1_700_000_000.5, "looked_at": None}) == (
        "created_at: 2023-11-14 22:13:20 UTC, looked_at: null"
    )
    assert facts({"tokens": [{"issued_at": 1_700_000_000, "expires_at": None}]}) == (
        'tokens: [{"issued_at":"2023-11-14 22:13:20 UTC"}]'
    )
    assert facts({"name": "\x1b[31m"}) == "name: \u27e8U+001B\u27e9[31m"


def test_what_cannot_be_seen_is_named() -> None:
    assert text("\u202eabc\x00") == "\u27e8U+202E\u27e9abc\u27e8U+0000\u27e9"
    assert len(text("x" * 5_000)) == 2_001
