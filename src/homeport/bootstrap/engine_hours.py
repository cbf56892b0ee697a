"""The hours of engine pools, noted beside the jobs worker."""

import asyncio
from functools import partial

from sqlalchemy import Engine

from homeport.bootstrap.engines import read_endpoints
from homeport.bootstrap.path import SystemClock
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.jobs import engine_hours
from homeport.storage.engine_hours import Pool, note_presence


async def watch_engines(settings: Settings, home: Home, engine: Engine, stop: asyncio.Event) -> None:
    """Note the hours of the pools that `homeport up` started until told to stop; at once where there are none."""
    pools = [
        Pool(engine=name, hourly=machine.hourly_bill, slots=endpoint.slots, paid_while_down=machine.paid_while_down)
        for name, endpoint in read_endpoints(home).items()
        if (machine := settings.engines.get(name)) is not None
    ]
    if pools:
        await engine_hours.watch(partial(note_presence, engine, pools), SystemClock(), stop)
