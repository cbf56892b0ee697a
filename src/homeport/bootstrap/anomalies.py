"""The look-out for what is unusual, beside the jobs worker."""

import asyncio
from functools import partial

from sqlalchemy import Engine

from homeport.bootstrap.path import SystemClock
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.jobs import anomalies
from homeport.storage.unusual import read_last_unusual, write_unusual

_NS_PER_SECOND = 1_000_000_000


async def watch_anomalies(settings: Settings, home: Home, engine: Engine, stop: asyncio.Event) -> None:
    """Look for what is unusual until told to stop; returns at once where nobody wants to know."""
    wanted = settings.alerts.anomalies
    if not wanted.enabled:
        home.unusual.unlink(missing_ok=True)
        return
    interval_ns = int(wanted.interval_seconds * _NS_PER_SECOND)
    watch = anomalies.AnomalyWatch(engine, interval_ns, read_last_unusual(home.unusual))
    publish = partial(write_unusual, home.unusual)
    await anomalies.watch(watch.look, publish, SystemClock(), stop, wanted.interval_seconds)
