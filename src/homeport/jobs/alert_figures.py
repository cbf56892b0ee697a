"""How many alerts there were and whether they arrived, counted every 15 seconds for the gateways' /metrics pages."""

import asyncio
import logging
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from homeport.core.ports import Clock
from homeport.jobs.schedule import pause
from homeport.storage.alert_figures import AlertFigures

logger = logging.getLogger(__name__)

_EVERY_S = 15.0
_STALE_NS = 60 * 1_000_000_000


async def watch(
    count: Callable[[int, int], AlertFigures],
    publish: Callable[[AlertFigures], None],
    clock: Clock,
    stop: asyncio.Event,
) -> None:
    """Count and publish until told to stop; after a failure go on, what was published goes stale by itself.

    Args:
        count: the figures at a time, and until when they are to be believed; nanoseconds since the epoch.
    """
    while not stop.is_set():
        try:
            now = clock.wall_ns()
            publish(await asyncio.to_thread(count, now, now + _STALE_NS))
        except (SQLAlchemyError, OSError) as error:
            logger.error("the alerts could not be counted: %s", type(error).__name__)
        await pause(stop, _EVERY_S)
