"""Retention beside the jobs worker."""

import asyncio

from sqlalchemy import Engine

from homeport.bootstrap.path import SystemClock
from homeport.config.schema import Settings
from homeport.jobs.retention import EVERY_S, Retention
from homeport.jobs.schedule import repeat

_DAY_NS = 24 * 3_600 * 1_000_000_000


async def watch_retention(settings: Settings, engine: Engine, stop: asyncio.Event) -> None:
    """Remove what nothing needs any more, until told to stop."""
    tidy, failure = (
        Retention(engine, settings.alerts.keep_days * _DAY_NS).tidy,
        "old accounts and alerts could not be removed",
    )
    await repeat(tidy, SystemClock(), stop, every_s=EVERY_S, failure=failure)
