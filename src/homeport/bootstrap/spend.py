"""The spending beside the jobs worker."""

import asyncio

from sqlalchemy import Engine

from homeport.bootstrap.path import SystemClock
from homeport.jobs import spend


async def watch_spend(engine: Engine, stop: asyncio.Event) -> None:
    """Raise alerts of burn rates, unusual hours and forecasts above a budget, until told to stop."""
    await spend.watch(spend.SpendWatch(engine).look, SystemClock(), stop)
