"""The objectives beside the jobs worker."""

import asyncio
from functools import partial

from sqlalchemy import Engine

from homeport.bootstrap.path import SystemClock
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.jobs import slo
from homeport.ledger.objectives import objectives
from homeport.ledger.standing import Watch
from homeport.storage.standings import write_standings


async def watch_slo(settings: Settings, home: Home, engine: Engine, stop: asyncio.Event) -> None:
    """Count how the objectives stand until told to stop; returns at once where there are none."""
    if stated := objectives(settings):
        await slo.watch(Watch(engine, stated).standings, partial(write_standings, home.slo), SystemClock(), stop)
