"""Retention beside the jobs worker."""

import asyncio

from sqlalchemy import Engine

from homeport.bootstrap.path import SystemClock
from homeport.config.schema import Settings
from homeport.jobs import retention

_DAY_NS = 24 * 3_600 * 1_000_000_000


async def watch_retention(settings: Settings, engine: Engine, stop: asyncio.Event) -> None:
    """Remove what nothing needs any more, until told to stop."""
    kept = retention.Retention(engine, settings.alerts.keep_days * _DAY_NS)
    await retention.watch(kept.tidy, SystemClock(), stop)
