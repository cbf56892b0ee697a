"""Rounds go on after a failure, and end when told to; so does the pause between them."""

import asyncio

import pytest
from sqlalchemy.exc import OperationalError

from homeport.jobs.schedule import pause, repeat
from tests.fakes.clock import ManualClock


async def test_it_ends_by_itself() -> None:
    stop = asyncio.Event()
    await pause(stop, 0.001)
    assert not stop.is_set()


async def test_it_ends_when_told_to_stop() -> None:
    stop = asyncio.Event()
    waiting = asyncio.create_task(pause(stop, 3_600))
    await asyncio.sleep(0)
    assert not waiting.done()
    stop.set()
    await asyncio.wait_for(waiting, 5)


async def test_rounds_go_on_after_a_failure_and_stop_when_told(caplog: pytest.LogCaptureFixture) -> None:
    stop, looks, loop = asyncio.Event(), list[int](), asyncio.get_running_loop()

    def look(now: int) -> None:
        looks.append(now)
        if len(looks) == 3:
            loop.call_soon_threadsafe(stop.set)
        raise OperationalError("SELECT", None, Exception("it is away"))

    await repeat(look, ManualClock(wall=7), stop, every_s=0.001, failure="nothing could be seen")
    assert looks[:3] == [7, 7, 7]
    assert caplog.messages[:3] == ["nothing could be seen: OperationalError"] * 3


async def test_other_failures_end_the_rounds() -> None:
    def look(_: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await repeat(look, ManualClock(), asyncio.Event(), every_s=0.001, failure="-")
