"""What the jobs worker tidies, by the configuration."""

import asyncio
import time
from pathlib import Path

from tests.bootstrap.test_reload import settings
from tests.databases import migrated
from tests.fakes.clock import ManualClock
from tests.storage.entries import made

from homeport.bootstrap.retention import watch_retention
from homeport.config.home import Home
from homeport.storage.cached import DatabaseEntryStore


async def test_the_cache_is_kept_within_its_bounds(tmp_path: Path) -> None:
    engine, clock, stop = migrated(tmp_path / "homeport.db"), ManualClock(), asyncio.Event()
    clock.wall = time.time_ns()
    store = DatabaseEntryStore(engine, clock.wall_ns)
    store.keep([made(number, clock, ttl_s=1_000, tenant=f"{number % 5}") for number in range(40)])
    told = settings(cache={"max_entries": 12, "tenant_percent": 25})
    tidying = asyncio.create_task(watch_retention(told, Home(tmp_path), engine, stop))
    async with asyncio.timeout(20):
        while len(kept := store.changes(0, 100).cards) > 12:
            await asyncio.sleep(0.01)
    stop.set()
    await tidying
    assert max(sum(card.tenant == str(one) for card in kept) for one in range(5)) <= 3
