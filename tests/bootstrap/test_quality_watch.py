"""The quality of routes is looked at beside the jobs worker, where outputs are measured."""

import asyncio
import time

import pytest
from sqlalchemy import Engine
from tests.bootstrap.test_reload import settings
from tests.jobs.quality_rows import START, add_day

from homeport.bootstrap.quality_watch import build_quality_watch, watch_quality
from homeport.jobs.paired_check import Hints
from homeport.storage.baselines import newest_baselines
from homeport.storage.rollups import DAY


async def test_routes_are_looked_at_until_told_to_stop(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    add_day(engine, 0)
    monkeypatch.setattr(time, "time_ns", lambda: START + 3 * DAY)
    stop = asyncio.Event()
    watching = asyncio.create_task(watch_quality(settings(evaluation={"enabled": True}), engine, Hints(), stop))
    async with asyncio.timeout(20):
        while not newest_baselines(engine):
            await asyncio.sleep(0.02)
    stop.set()
    await watching


@pytest.mark.parametrize("off", [{"enabled": False}, {"enabled": True, "watch": {"enabled": False}}])
async def test_where_nobody_wants_it_nothing_is_looked_at(engine: Engine, off: dict[str, object]) -> None:
    await watch_quality(settings(evaluation=off), engine, Hints(), asyncio.Event())
    assert newest_baselines(engine) == {}


def test_the_rules_are_those_of_the_configuration(engine: Engine) -> None:
    wanted, hints = settings(evaluation={"watch": {"alarms_a_year": 0.1, "settle_hours": 0}}).evaluation.watch, Hints()
    watch = build_quality_watch(wanted, engine, hints)
    assert watch.rules.alarms_a_year == 0.1
