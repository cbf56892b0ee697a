"""Stopped loops reach the outbox of alerts: each trace once, and nothing is lost while the database is away."""

import asyncio
import contextlib
from pathlib import Path

from sqlalchemy import Engine

from homeport.bootstrap.pager import Pager
from homeport.core.alerts import LoopStopped
from homeport.core.money import Nano
from homeport.storage.alerts import list_alerts
from homeport.storage.db import open_database, sqlite_url, upgrade


def stopped(trace: str = "t-1") -> LoopStopped:
    return LoopStopped(
        at=3_600_000_000_000 * 490_000,
        key_id="key_1",
        project="acme",
        trace_id=trace,
        what="same_result find",
        repeats=5,
        calls=6,
        cost=Nano(7),
    )


def database(folder: Path) -> Engine:
    return open_database(sqlite_url(folder / "homeport.db"))


def test_each_trace_is_told_once(tmp_path: Path) -> None:
    engine = database(tmp_path)
    upgrade(engine)
    pager = Pager(engine)
    for trace in ("t-1", "t-1", "t-2"):
        pager.page(stopped(trace))
    pager.flush()
    pager.page(stopped("t-2"))
    pager.flush()
    assert sorted(alert.summary[:9] for alert in list_alerts(engine)) == ["Trace t-1", "Trace t-2"]
    engine.dispose()


async def test_what_waits_is_kept_while_the_database_is_away_and_told_in_the_end(tmp_path: Path) -> None:
    engine = database(tmp_path)
    pager = Pager(engine)
    pager.page(stopped())
    pager.flush()  # there is no table yet
    upgrade(engine)
    task = asyncio.create_task(pager.run())
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert len(list_alerts(engine)) == 1
    engine.dispose()
