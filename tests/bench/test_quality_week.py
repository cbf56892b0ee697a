"""Small weeks of simulated traffic through a real gateway: nested samples, simulated times, and the planted fall."""

import time
from pathlib import Path

import pytest

from bench.quality_week import ROUTES, good_of, options_of, simulate
from bench.shifted_clock import move, shifted, worn


@pytest.mark.slow
def test_a_route_that_becomes_much_worse_is_the_one_with_an_incident(tmp_path: Path) -> None:
    options = options_of(["--requests=560", "--weeks=3", "--drop=0.6", "--visible=0.6", "--redraws=20", "--seed=4"])
    report = simulate(tmp_path, options)
    figures = report["figures"]
    assert figures["requests_a_week"] == 560
    assert figures["automatic_share"] == 1.0
    assert figures["not_nested"] == 0
    assert (figures["judged_share"], figures["labelled_share"]) == (1.0, 1.0)
    for week in report["weeks"]:
        assert week["asked_judge"] >= 560 * week["judge"], "the ledger has each question to the judge"
    assert sum(week["doubled_share"] for week in report["weeks"]) > 0, "two people labelled the same output"
    assert 0.08 < report["weeks"][0]["judge"] < 0.22
    assert {one["subject"] for one in report["incidents"]} == {"t/contracts"}
    [incident] = report["incidents"]
    assert 14 < incident["day"] <= 21
    assert incident["examples"]
    assert len(report["looks"]) == 21, "a look for each simulated day"
    assert figures["coverage_of_redrawn_samples"] >= 0.75


def test_a_drop_is_of_points_or_of_a_share() -> None:
    [worse] = [route for route in ROUTES if route.name == "contracts"]
    assert good_of(worse, 1, 0.06, relative=False) == worse.good
    assert good_of(worse, 2, 0.06, relative=False) == pytest.approx(0.79)
    assert good_of(worse, 2, 0.06, relative=True) == pytest.approx(0.799)
    assert good_of(ROUTES[1], 2, 0.06, relative=True) == ROUTES[1].good
    assert sum(route.share for route in ROUTES) == pytest.approx(1)


def test_a_clock_is_moved_by_a_file(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    move(file, -5)
    clock = shifted(file, lambda: 100)
    assert clock() == 95
    move(file, 7)
    assert clock() == 107


def test_a_process_goes_by_a_clock_for_a_while(tmp_path: Path) -> None:
    file, year = tmp_path / "clock", 365 * 86_400 * 10**9
    move(file, -year)
    before = time.time_ns()
    with worn(file):
        assert time.time_ns() < before - year // 2
        assert time.time() < (before - year // 2) / 1e9
    assert time.time_ns() >= before
