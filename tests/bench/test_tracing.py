"""What the benchmark of traces makes of its turns."""

import pytest

from bench.tracing import figures
from bench.turns import Turn


def test_each_pair_of_turns_is_compared_with_itself() -> None:
    off = [Turn(rps=1_000.0, cpu_us=200.0, errors=0), Turn(rps=500.0, cpu_us=400.0, errors=1)]
    on = [Turn(rps=900.0, cpu_us=220.0, errors=0), Turn(rps=450.0, cpu_us=440.0, errors=2)]
    found = figures({"off": off, "on": on})
    assert found["rps_lost_percent"] == pytest.approx(10)
    assert found["rps_lost_percent_low"] == pytest.approx(10)
    assert found["cpu_more_percent"] == pytest.approx(10)
    assert (found["rps_off"], found["rps_on"], found["errors"]) == (750, 675, 3)


def test_the_median_of_pairs_does_not_mind_one_slow_moment() -> None:
    off = [Turn(rps=1_000.0, cpu_us=200.0, errors=0)] * 5
    on = [Turn(rps=rps, cpu_us=210.0, errors=0) for rps in (100.0, 950.0, 950.0, 950.0, 2_000.0)]
    assert figures({"off": off, "on": on})["rps_lost_percent"] == pytest.approx(5)
