"""The spending beside the jobs worker."""

import asyncio

from sqlalchemy import Engine

from homeport.bootstrap.path import SystemClock
from homeport.jobs.schedule import repeat
from homeport.jobs.spend import EVERY_S, SpendWatch


async def watch_spend(engine: Engine, stop: asyncio.Event) -> None:
    """Raise alerts of burn rates, unusual hours and forecasts above a budget, until told to stop."""
    look = SpendWatch(engine).look
    await repeat(look, SystemClock(), stop, every_s=EVERY_S, failure="the spending could not be looked at")
