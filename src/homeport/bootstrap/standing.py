"""Estimates of quality beside the jobs worker."""

import asyncio
import logging

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from homeport.bootstrap.path import SystemClock
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.evaluation.review import queue_rules
from homeport.jobs.schedule import pause
from homeport.jobs.standing import LOOK_EVERY_S, Bounds, Standing

logger = logging.getLogger(__name__)


async def watch_standing(settings: Settings, home: Home, engine: Engine, stop: asyncio.Event) -> None:
    """Say how good answers are until told to stop; returns at once where nobody wants to know."""
    if not settings.evaluation.enabled:
        home.quality_standing.unlink(missing_ok=True)
        return
    clock = SystemClock()
    bounds = Bounds(period_ns=queue_rules(settings.evaluation.review).period_ns)
    standing = Standing(engine, home.quality_standing, bounds)
    while not stop.is_set():
        try:
            await asyncio.to_thread(standing.work, clock.wall_ns())
        except (SQLAlchemyError, OSError) as error:
            logger.error("how good answers are could not be said: %s; it is tried again", type(error).__name__)
        await pause(stop, LOOK_EVERY_S)
