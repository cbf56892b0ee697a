"""Notes every ten seconds which engine pools are there, so that their hours are billed."""

import asyncio
import logging
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from homeport.core.ports import Clock
from homeport.jobs.schedule import pause

logger = logging.getLogger(__name__)

_EVERY_S = 10.0


async def watch(note: Callable[[int, int], None], clock: Clock, stop: asyncio.Event) -> None:
    """Note until told to stop, then once more; what a failure leaves out is noted the next time.

    Args:
        note: told from when to when, in nanoseconds since the epoch.
    """
    noted = clock.wall_ns()
    while True:
        is_last = stop.is_set()
        now = clock.wall_ns()
        try:
            if now >= noted:  # Else the clock stepped back: those hours are noted.
                await asyncio.to_thread(note, noted, now)
            noted = now
        except SQLAlchemyError as error:
            logger.error("the hours of the engines could not be noted: %s", type(error).__name__)
        if is_last:
            return
        await pause(stop, _EVERY_S)
