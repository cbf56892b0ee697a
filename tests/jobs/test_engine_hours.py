"""The worker notes without a gap, whatever the database does."""

import asyncio

import pytest
from sqlalchemy.exc import OperationalError

from homeport.jobs import engine_hours
from tests.fakes.clock import ManualClock


async def noted(clock: ManualClock, steps: list[int], fail: frozenset[int] = frozenset()) -> list[tuple[int, int]]:
    """What is told in each pass; the clock moves by a step after each, and some passes fail."""
    stop, told, passes = asyncio.Event(), [], 0

    def note(start: int, end: int) -> None:
        nonlocal passes
        passes += 1
        clock.advance(steps[passes - 1])
        if passes == len(steps) - 1:
            stop.set()
        if passes - 1 in fail:
            raise OperationalError("UPDATE secret", {}, Exception("secret"))
        told.append((start, end))

    await engine_hours.watch(note, clock, stop)
    return told


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_hours, "_EVERY_S", 0)


async def test_spans_follow_each_other() -> None:
    assert await noted(ManualClock(wall=100), [10, 10, 0]) == [(100, 100), (100, 110), (110, 120)]


async def test_a_clock_that_steps_back_bills_nothing_twice() -> None:
    assert await noted(ManualClock(wall=100), [10, -50, 20, 0]) == [(100, 100), (100, 110), (60, 60), (60, 80)]


async def test_a_failed_pass_is_made_up_for(caplog: pytest.LogCaptureFixture) -> None:
    assert await noted(ManualClock(wall=100), [10, 10, 10, 0], frozenset({1})) == [(100, 100), (100, 120), (120, 130)]
    assert "secret" not in caplog.text
    assert "OperationalError" in caplog.text
