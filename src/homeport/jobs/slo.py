"""How the objectives stand, computed every 15 seconds for the gateways' /metrics pages."""

import asyncio
import logging
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from homeport.core.ports import Clock
from homeport.jobs.schedule import pause
from homeport.storage.standings import Standing, Standings

logger = logging.getLogger(__name__)

_NS_PER_SECOND = 1_000_000_000
_EVERY = 15 * _NS_PER_SECOND
_PAUSE_PER_WORK = 10
"""A pass that takes long is followed by a pause ten times as long, so that a big ledger is not read without end."""
_MISSED_BEFORE_STALE = 4


async def watch(
    count: Callable[[int], tuple[Standing, ...]],
    publish: Callable[[Standings], None],
    clock: Clock,
    stop: asyncio.Event,
) -> None:
    """Count and publish until told to stop; after a failure go on, what was published goes stale by itself.

    Args:
        count: how the objectives stand at a time, in nanoseconds since the epoch.
    """
    while not stop.is_set():
        began = clock.monotonic_ns()
        wait = _EVERY
        try:
            now = clock.wall_ns()
            rows = await asyncio.to_thread(count, now)
            wait = max(_EVERY, _PAUSE_PER_WORK * (clock.monotonic_ns() - began))
            publish(Standings(computed_at=now, stale_at=clock.wall_ns() + _MISSED_BEFORE_STALE * wait, rows=rows))
        except (SQLAlchemyError, OSError) as error:
            logger.error("the objectives could not be computed: %s", type(error).__name__)
        await pause(stop, wait / _NS_PER_SECOND)
