"""A pause between two rounds: it ends when its time is over, or at once when told to stop."""

import asyncio

from homeport.jobs.schedule import pause


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
