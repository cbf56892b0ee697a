"""Waiting for a place at the gate of an engine."""

import asyncio

from homeport.core.ports import Clock
from homeport.pipeline.gate import Asker, Gate, Place, Waiter


async def enter(gate: Gate, asker: Asker, clock: Clock) -> Place:
    """A place, which whoever has it gives back.

    A caller who leaves while it waits frees its place in the queue, and one that it was just given.

    Raises:
        EngineBusy: there is none in time.
    """
    asked = gate.ask(asker, clock.monotonic_ns())
    return asked if isinstance(asked, Place) else await _wait(gate, asked, clock)


async def _wait(gate: Gate, waiter: Waiter, clock: Clock) -> Place:
    granted = asyncio.Event()
    waiter.granted = granted.set
    try:
        async with asyncio.timeout(max(0.0, (waiter.until - clock.monotonic_ns()) / 1e9)):
            await granted.wait()
    except TimeoutError:
        if waiter.place is None:
            now = clock.monotonic_ns()
            gate.give_up(waiter, now)
            raise gate.too_late(waiter, now) from None
    except BaseException:  # a caller who left: its place is the next one's; raised again
        gate.give_up(waiter, clock.monotonic_ns())
        raise
    assert waiter.place is not None
    return waiter.place
