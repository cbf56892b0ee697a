"""Targets: what is compared with what, and what fails a run."""

import pytest

from bench.arithmetic import Spread
from bench.targets import GATEWAY, STREAMS, Target, all_met, judge, medians, number

FAST = Target(figure="rps", bound=4_000, at_least=True)
SLIM = Target(figure="rss_mb", bound=120)
AIM = Target(figure="rps", bound=10_000, at_least=True, aim=True)


def test_a_line_says_what_was_measured_and_what_was_promised() -> None:
    lines = [verdict.line() for verdict in judge([FAST, SLIM, AIM], {"rps": 5_210.4, "rss_mb": 130.0})]
    assert lines == [
        "rps 5,210 (target >= 4,000) ok",
        "rss_mb 130 (target <= 120) MISSED",
        "rps 5,210 (aim >= 10,000) below the aim",
    ]


@pytest.mark.parametrize(("rps", "met"), [(4_000.0, True), (3_999.9, False), (None, False)])
def test_a_bound_itself_is_good_enough_and_nothing_measured_is_not(rps: float | None, met: bool) -> None:
    assert all_met(judge([FAST], {"rps": rps})) is met


def test_a_missing_figure_is_said_so() -> None:
    assert judge([FAST], {})[0].line() == "rps not measured (target >= 4,000) MISSED"


def test_an_aim_fails_nothing() -> None:
    assert all_met(judge([FAST, AIM], {"rps": 5_000.0}))


def test_the_promises_are_those_of_the_documentation() -> None:
    promised = {(target.figure, target.bound) for target in (*GATEWAY, *STREAMS) if not target.aim}
    assert {("rps", 4_000), ("rps_x_litellm", 60), ("rss_mb", 120), ("streams_ttft_p99_added_ms", 100)} <= promised


def test_medians_keep_what_is_missing() -> None:
    assert medians({"rps": Spread(2.0, 1.0, 3.0), "rss_mb": None}) == {"rps": 2.0, "rss_mb": None}


@pytest.mark.parametrize(
    ("value", "text"), [(12_282.4, "12,282"), (0.2543, "0.254"), (0.0, "0"), (64.0, "64"), (-3.25, "-3.25")]
)
def test_numbers_are_readable_at_any_size(value: float, text: str) -> None:
    assert number(value) == text
