"""What a soak makes of its samples and counts."""

import msgspec
import pytest

from bench.leaks import TARGETS, Sample, Tally, by_label, figures, gauge, merged
from bench.targets import all_met, judge

REST = Sample(requests=200, rss_mb=80.0, open_files=19, in_flight=0, tasks=7, upstream_connections=0)
WARM = msgspec.structs.replace(REST, requests=20_200, rss_mb=88.0)
FAIR = Tally(asked=100_200, resent=0, errors=600, injected=10_000, recorded=100_200)

PAGE = """\
# TYPE homeport_requests_in_flight gauge
homeport_requests_in_flight 3.0
# TYPE homeport_errors_total counter
homeport_errors_total{code="upstream_stalled"} 81.0
homeport_upstream_attempts_total{error="",model="a"} 5.0
homeport_upstream_attempts_total{error="",model="b"} 2.0
homeport_upstream_attempts_total{error="upstream_failed",model="b"} 1.0
"""


def met(after: Sample = WARM, tally: Tally = FAIR) -> bool:
    return all_met(judge(TARGETS, figures(REST, WARM, after, tally)))


def test_a_gateway_that_is_as_before_leaks_nothing() -> None:
    assert met()
    assert figures(REST, WARM, WARM, FAIR)["rss_growth_percent"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"rss_mb": 93.0},
        {"open_files": 22},
        {"in_flight": 1},
        {"tasks": 8},
        {"tasks": None},
        {"upstream_connections": 1},
    ],
)
def test_whatever_is_left_over_fails(change: dict[str, float | None]) -> None:
    assert not met(after=msgspec.structs.replace(WARM, **change))


@pytest.mark.parametrize("change", [{"rss_mb": 92.0}, {"rss_mb": 60.0}, {"open_files": 21}, {"tasks": 6}])
def test_what_comes_and_goes_does_not(change: dict[str, float]) -> None:
    assert met(after=msgspec.structs.replace(WARM, **change))


@pytest.mark.parametrize("change", [{"recorded": 100_199}, {"recorded": 100_201}, {"errors": 10_001}])
def test_lost_and_invented_requests_and_errors_without_a_fault_fail(change: dict[str, int]) -> None:
    assert not met(tally=msgspec.structs.replace(FAIR, **change))


def test_a_request_that_was_sent_again_may_be_recorded_twice() -> None:
    assert met(tally=msgspec.structs.replace(FAIR, resent=2, recorded=100_202))


def test_metrics_are_read_by_name_and_label() -> None:
    assert gauge(PAGE, "homeport_requests_in_flight") == 3
    assert gauge(PAGE, "homeport_tasks") is None
    assert by_label(PAGE, "homeport_errors_total", "code") == {"upstream_stalled": 81}
    assert by_label(PAGE, "homeport_upstream_attempts_total", "error") == {"": 7, "upstream_failed": 1}


def test_counts_are_added_by_name() -> None:
    assert merged([{"good": 1}, {"good": 2, "cut": 1}]) == {"good": 3, "cut": 1}
