"""When a job does its rounds."""

import asyncio
import logging
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from homeport.core.errors import StorageError
from homeport.core.ports import Clock

logger = logging.getLogger(__name__)


async def repeat(
    work: Callable[[int], object], clock: Clock, stop: asyncio.Event, *, every_s: float, failure: str
) -> None:
    """Do a round in a thread until told to stop, with a pause after each; what fails is done again.

    Args:
        work: told the time, in nanoseconds since the epoch.
        failure: what is logged of a round that failed.
    """
    while not stop.is_set():
        try:
            await asyncio.to_thread(work, clock.wall_ns())
        except (SQLAlchemyError, StorageError) as error:
            logger.error("%s: %s", failure, type(error).__name__)
        await pause(stop, every_s)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until told to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
