"""The gate: so many lines at once, only at the times set, and live requests first."""

import asyncio
from datetime import UTC, datetime

import pytest

from homeport.jobs.gate import Gate
from homeport.jobs.offpeak import Window
from tests.fakes.clock import ManualClock

NOON = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp() * 1e9)
HOUR = 3_600_000_000_000


class Sleeps:
    """A sleep that lets a test change the world."""

    def __init__(self) -> None:
        self.asleep = asyncio.Event()
        self._wake = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.asleep.set()
        await self._wake.wait()
        self._wake.clear()

    def wake(self) -> None:
        self.asleep.clear()
        self._wake.set()


class World:
    def __init__(self, places: int = 2, window: str | None = None, pause_at: int | None = None) -> None:
        self.live = 0
        self.clock = ManualClock(wall=NOON)
        self.sleeps = Sleeps()
        self.gate = Gate(
            places=places,
            window=Window(window, "UTC") if window else None,
            live=lambda: self.live,
            pause_at=lambda: pause_at,
            wall_ns=self.clock.wall_ns,
            sleep=self.sleeps,
        )


async def test_so_many_at_once() -> None:
    world = World(places=2)
    await world.gate.enter()
    await world.gate.enter()
    third = asyncio.create_task(world.gate.enter())
    await asyncio.sleep(0)
    assert not third.done()
    world.gate.leave()
    await third


async def test_live_requests_go_first() -> None:
    world = World(pause_at=2)
    world.live = 1
    await world.gate.enter()
    world.live = 2
    waiting = asyncio.create_task(world.gate.enter())
    await world.sleeps.asleep.wait()
    world.sleeps.wake()
    await world.sleeps.asleep.wait()
    assert not waiting.done()
    world.live = 1
    world.sleeps.wake()
    await waiting


async def test_without_a_bound_any_number_of_live_requests_is_let_be() -> None:
    world = World()
    world.live = 10_000
    await world.gate.enter()


async def test_it_opens_at_its_time() -> None:
    world = World(window="22:00-06:00")
    waiting = asyncio.create_task(world.gate.enter())
    await world.sleeps.asleep.wait()
    assert not waiting.done()
    world.clock.advance(10 * HOUR)
    world.sleeps.wake()
    await waiting


async def test_who_gives_up_waiting_leaves_its_place_to_the_next() -> None:
    world = World(places=1, pause_at=1)
    world.live = 1
    waiting = asyncio.create_task(world.gate.enter())
    await world.sleeps.asleep.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    world.live = 0
    await world.gate.enter()
