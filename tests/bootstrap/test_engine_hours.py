"""The pools that `homeport up` started are noted, as the configuration says that they are paid for."""

import asyncio
import time
from pathlib import Path

import pytest
from tests.databases import migrated

from homeport.bootstrap.endpoints import Placement, write_placement
from homeport.bootstrap.engine_hours import watch_engines
from homeport.config.home import Home
from homeport.config.load import load, read_environment
from homeport.engines.base import Endpoint
from homeport.storage.engine_hours import HOUR_NS, Pool, note_presence, read_hours

URL = "http://127.0.0.1:1/v1"


@pytest.mark.parametrize("paid", ["true", "false"])
async def test_the_time_between_two_runs(paid: str, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    here = Endpoint(url=URL, api_key="", health_url=URL, surfaces=frozenset(), slots=2)
    write_placement(home, Placement(serial=1, endpoints={"own": here, "of another configuration": here}))
    home.config.write_text(
        f"engines:\n  own: {{engine: external, url: '{URL}', hourly_cost_usd: 1, paid_while_down: {paid}}}\n"
        "tiers:\n  - {name: local, targets: [{model: m, engine: own}]}\n"
    )
    engine = migrated(tmp_path / "a.db")
    last_run = time.time_ns() - 5 * HOUR_NS
    note_presence(engine, [Pool(engine="own", hourly=5, slots=1)], last_run, last_run + 10)
    stop = asyncio.Event()
    stop.set()
    await watch_engines(load(home.config, read_environment()), home, engine, stop)
    hours = sorted(read_hours(engine), key=lambda hour: hour.hour)
    engine.dispose()
    assert {hour.engine for hour in hours} == {"own"}
    assert (hours[-1].hourly, hours[-1].slots) == (10**9, 2)
    billed = sum(hour.until - hour.since for hour in hours)
    assert billed >= 5 * HOUR_NS if paid == "true" else billed < HOUR_NS
