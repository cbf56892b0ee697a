"""How good answers are is computed beside the jobs worker where outputs are measured, and nowhere else."""

import asyncio
import time
from pathlib import Path

from tests.bootstrap.test_reload import settings
from tests.databases import migrated
from tests.storage.reviewed import add_labels, add_outputs, output

from homeport.bootstrap.standing import watch_standing
from homeport.config.home import Home
from homeport.storage.standing_quality import read_standing


async def test_it_is_left_for_the_pages(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    engine = migrated(home.database)
    now = time.time_ns() - 10**9
    add_outputs(engine, *(output(f"r{number}", at=now) for number in range(6)))
    add_labels(engine, "ann", {f"r{number}": number % 5 + 1 for number in range(5)}, at=now)
    stop = asyncio.Event()
    watching = asyncio.create_task(watch_standing(settings(evaluation={"enabled": True}), home, engine, stop))
    async with asyncio.timeout(20):
        while (standing := read_standing(home.quality_standing, time.time_ns())) is None:
            await asyncio.sleep(0.05)
    stop.set()
    await watching
    assert (standing.rows[0].outputs, standing.rows[0].labelled) == (6, 5)
    assert standing.rows[0].human is not None
    assert standing.rows[0].human.value == 0.5
    await watch_standing(settings(), home, engine, asyncio.Event())
    assert not home.quality_standing.exists()
    engine.dispose()
