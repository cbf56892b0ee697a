"""The hours of engine pools, noted beside the jobs worker."""

import asyncio

from sqlalchemy import Engine

from homeport.bootstrap.endpoints import read_endpoints
from homeport.bootstrap.path import SystemClock
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.engines.pool import pool_of, pool_slots
from homeport.jobs import engine_hours
from homeport.storage.engine_hours import Pool, note_presence


async def watch_engines(settings: Settings, home: Home, engine: Engine, stop: asyncio.Event) -> None:
    """Note the hours of the pools that `homeport up` started until told to stop."""

    def note(start: int, end: int) -> None:
        if pools := _pools(settings, home):
            note_presence(engine, pools, start, end)

    await engine_hours.watch(note, SystemClock(), stop)


def _pools(settings: Settings, home: Home) -> list[Pool]:
    """Those that there are now: another version of a model may have more slots."""
    endpoints = read_endpoints(home)
    pools = {name: pool_of(name, endpoints) for name in settings.engines}
    return [
        Pool(
            engine=name,
            hourly=settings.engines[name].hourly_bill,
            slots=pool_slots(pool.values()),
            paid_while_down=settings.engines[name].paid_while_down,
        )
        for name, pool in pools.items()
        if pool
    ]
