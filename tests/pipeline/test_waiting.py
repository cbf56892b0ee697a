"""Callers at the gate: they come in turn, and whoever leaves hands its place on."""

import asyncio

import pytest

from homeport.core.errors import EngineBusy
from homeport.pipeline.gate import Asker, Gate, GatePolicy, Place
from homeport.pipeline.limit import Bounds
from homeport.pipeline.waiting import enter
from tests.fakes.clock import ManualClock

ONE = Asker(key_id="key_a", flow="key_a")


def gate(places: int = 1, *, longest: float = 30.0) -> Gate:
    return Gate(GatePolicy(bounds=Bounds(least=places, most=places, first=places), longest_wait_s=longest))


async def test_a_caller_waits_until_a_place_is_given_back() -> None:
    one, clock = gate(), ManualClock()
    first = await enter(one, ONE, clock)
    second = asyncio.create_task(enter(one, ONE, clock))
    await asyncio.sleep(0)
    assert one.standing().waiting == 1
    first.leave(clock.monotonic_ns())
    assert isinstance(await second, Place)
    assert (one.standing().in_use, one.standing().waiting) == (1, 0)


async def test_who_waits_too_long_is_refused() -> None:
    one, clock = gate(longest=0.01), ManualClock()
    await enter(one, ONE, clock)
    with pytest.raises(EngineBusy, match="no place came free"):
        await enter(one, ONE, clock)
    assert (one.standing().in_use, one.standing().waiting) == (1, 0)


async def test_a_caller_who_leaves_while_it_waits_frees_its_place() -> None:
    one, clock = gate(), ManualClock()
    first = await enter(one, ONE, clock)
    tasks = [asyncio.create_task(enter(one, ONE, clock)) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.gather(tasks[0], return_exceptions=True)
    assert one.standing().waiting == 2
    first.leave(clock.monotonic_ns())
    (await tasks[1]).leave(clock.monotonic_ns())
    (await tasks[2]).leave(clock.monotonic_ns())
    assert one.is_empty


async def test_a_place_granted_to_a_caller_who_leaves_at_that_moment_is_the_next_ones() -> None:
    one, clock = gate(), ManualClock()
    first = await enter(one, ONE, clock)
    gone, next_one = (asyncio.create_task(enter(one, ONE, clock)) for _ in range(2))
    await asyncio.sleep(0)
    first.leave(clock.monotonic_ns())
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert isinstance(await asyncio.wait_for(next_one, 1), Place)
    assert (one.standing().in_use, one.standing().waiting) == (1, 0)


async def test_whatever_way_a_crowd_leaves_no_place_is_lost() -> None:
    one, clock = gate(3), ManualClock()

    async def caller(number: int) -> None:
        found = await enter(one, ONE, clock)
        try:
            await asyncio.sleep(0.0005 * (number % 7))
        finally:
            found.leave(clock.monotonic_ns())

    tasks = [asyncio.create_task(caller(number)) for number in range(120)]
    for number, task in enumerate(tasks):
        if number % 3 == 0:
            await asyncio.sleep(0.0003)
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert one.is_empty
    assert {task.exception() for task in tasks if not task.cancelled()} == {None}
