"""The budgets beside the jobs worker."""

import asyncio
from functools import partial

from sqlalchemy import Engine

from homeport.bootstrap.path import SystemClock
from homeport.config.home import Home
from homeport.jobs import budgets
from homeport.storage.published import publish


async def watch_budgets(home: Home, engine: Engine, stop: asyncio.Event) -> None:
    """Raise alerts of budgets, and say how they stand, until told to stop."""
    await budgets.watch(budgets.BudgetWatch(engine).look, partial(publish, home.budgets), SystemClock(), stop)
