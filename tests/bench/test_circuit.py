"""What the circuit benchmark makes of its answers."""

from typing import Any

import msgspec
import pytest

from bench import circuit
from bench.circuit import Answer, Refusals, figures, percentile
from bench.machine import choose_cores
from bench.targets import all_met, judge

REFUSED = Answer(seconds=0.001, status=503, retry_after=5, asked=False)
GOOD = Refusals(
    before_open=2, answers=[REFUSED] * 200, nothing_s=[0.0005] * 200, cpu_us=200, retry_after=4, closed_after=3.9
)  # fmt: skip


def met(**changes: Any) -> bool:
    refusals = msgspec.structs.replace(GOOD, **changes)
    return all_met(judge(circuit.TARGETS, figures({"refused": refusals, "silent": GOOD})))


def but(many: int, **changes: Any) -> list[Answer]:
    """200 answers, so many of which are not as they should be."""
    return [REFUSED] * (200 - many) + [msgspec.structs.replace(REFUSED, **changes)] * many


def test_a_breaker_that_refuses_at_once_meets_every_target() -> None:
    assert met()
    assert figures({"refused": GOOD})["refused_p99_ms"] == pytest.approx(1)


@pytest.mark.parametrize(
    "changes",
    [
        {"answers": but(3, seconds=0.006)},
        {"answers": but(1, status=504)},
        {"answers": but(1, retry_after=0)},
        {"closed_after": 4.3},
    ],
    ids=["slow", "another status", "no Retry-After", "closed late"],
)
def test_each_thing_that_is_not_as_it_should_be_fails(changes: dict[str, Any]) -> None:
    assert not met(**changes)


def test_the_request_that_tries_again_waits_and_says_what_it_found() -> None:
    assert met(answers=but(1, seconds=1.0, status=504, retry_after=5, asked=True))


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (99, 99), (100, 100), (1, 1), (0, 1)])
def test_percentiles_of_a_hundred(percent: int, value: int) -> None:
    assert percentile([float(number) for number in range(1, 101)], percent) == value


@pytest.mark.slow
def test_a_dead_upstream_is_refused_for_and_asked_again_when_it_is_back() -> None:
    found = figures(circuit.measure(choose_cores(), circuit.QUICK, {"silent": "silent"}))
    assert found["silent_without_503_and_retry_after"] == 0
    assert found["silent_before_open"]
    assert found["silent_retry_after_s"]
