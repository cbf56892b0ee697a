"""What the benchmark of onlookers makes of its turns, and of what a gateway tells those who follow requests live."""

import pytest

from bench.onlookers import Follower, Seen
from bench.turns import Turn, lost
from bench.watched import _Way, figures

EVENT = b'event: request\ndata: {"id":"r1","started_at":100.0,"latency_ms":250.0}\n\n'


def turn(rps: float, cpu_us: float = 200.0, p99_ms: float = 2.0, errors: int = 0) -> Turn:
    return Turn(rps=rps, cpu_us=cpu_us, errors=errors, p50_ms=1.0, p99_ms=p99_ms)


def test_what_is_lost_is_told_by_pairs_with_an_interval() -> None:
    base = [turn(1_000.0), turn(500.0), turn(800.0)]
    other = [turn(950.0, 210.0), turn(475.0, 210.0), turn(720.0, 210.0)]
    found = lost(base, other, "watched_")
    assert found["watched_rps_lost_percent"] == pytest.approx(5)
    assert found["watched_rps_lost_percent_low"] == pytest.approx(5)
    assert found["watched_rps_lost_percent_high"] == pytest.approx(10)
    assert found["watched_cpu_more_percent"] == pytest.approx(5)


def test_each_way_is_compared_with_the_gateway_alone() -> None:
    ways = {
        "alone": [_Way(turn(1_000.0), turn(500.0, p99_ms=2.0), Seen())] * 3,
        "ingesting": [_Way(turn(990.0), turn(500.0, p99_ms=3.0), Seen())] * 3,
        "watched": [_Way(turn(960.0, errors=1), turn(500.0, p99_ms=4.0), Seen(page_ms=(20.0, 40.0)))] * 3,
    }
    found = figures(ways)
    assert found["ingesting_rps_lost_percent"] == pytest.approx(1)
    assert found["watched_rps_lost_percent"] == pytest.approx(4)
    assert (found["ingesting_p99_ratio"], found["watched_p99_ratio"]) == (1.5, 2.0)
    assert (found["errors"], found["page_p50_ms"]) == (3, 30)


def test_a_follower_counts_what_it_is_told_however_it_is_cut() -> None:
    follower = Follower(0, "/", {})
    told = b": requests as they end\n\n" + EVENT + b'event: dropped\ndata: {"count":12}\n\n' + EVENT
    for place in range(0, len(told), 7):
        follower.take(told[place : place + 7], now=100.5)
    assert (follower.came, follower.dropped) == (2, 12)
    assert follower.late_ms == pytest.approx([250.0, 250.0])


def test_rows_of_the_page_are_counted() -> None:
    follower = Follower(0, "/", {})
    row = b'data: <tr class="new">\ndata:   <td></td>\ndata: </tr>\n'
    follower.take(b"retry: 2000\n\nevent: rows\n" + row * 3 + b"\nevent: lost\ndata: 40\n\n", now=0.0)
    assert (follower.came, follower.dropped) == (3, 40)
