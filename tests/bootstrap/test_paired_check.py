"""Beside the judge inputs are asked again, in the same path, where the configuration does not say otherwise."""

import asyncio
import time

import pytest
from sqlalchemy import Engine, select
from tests.bootstrap.test_judging import judged
from tests.jobs.quality_rows import START, add_day
from tests.traces.kept import chat

from homeport.bootstrap.capture import body_store
from homeport.bootstrap.judging import watch_judging
from homeport.config.home import Home
from homeport.config.quality_watch import QualityWatchSettings
from homeport.config.schema import Settings
from homeport.core.types import Key
from homeport.jobs.paired_check import Hints
from homeport.storage.baseline_tables import baseline_cases
from homeport.storage.baselines import Baseline, begin_baseline
from homeport.storage.keys import add_key
from homeport.storage.published import read_published
from homeport.storage.rollups import DAY, HOUR
from homeport.storage.standing_judge import JudgeStanding


async def epoch_of(settings: Settings, home: Home, engine: Engine) -> str:
    """That of the judge, who has nothing to do."""
    stop = asyncio.Event()
    watching = asyncio.create_task(watch_judging(settings, home, engine, Hints(), stop))
    async with asyncio.timeout(20):
        while (told := read_published(home.judge, JudgeStanding, time.time_ns())) is None:
            await asyncio.sleep(0.02)
    stop.set()
    await watching
    return told.epoch


async def asked(settings: Settings, home: Home, engine: Engine) -> list[tuple[str | None, str]]:
    """What became of the inputs that were asked again."""
    stop, watch = asyncio.Event(), settings.evaluation.watch
    wanted = watch.enabled and watch.paired_check.enabled
    watching = asyncio.create_task(watch_judging(settings, home, engine, Hints(), stop))
    cases = baseline_cases.c
    query = select(cases.now, cases.why).where(cases.check_at.is_not(None))
    async with asyncio.timeout(20):
        while not watching.done():
            with engine.connect() as connection:
                found = [(row.now, row.why) for row in connection.execute(query)]
            if len(found) == 3 or (not wanted and home.judge.exists()):
                break
            await asyncio.sleep(0.02)
    stop.set()
    await watching
    return found


@pytest.fixture
async def epoch(home: Home, engine: Engine) -> str:
    """That of the judge; three answers of yesterday have its score, and their route a baseline until today."""
    settings = judged()
    found = await epoch_of(settings, home, engine)
    add_key(engine, Key(id="key_1", name="asker"), "digest", 1)
    yesterday = (time.time_ns() - START) // DAY - 1
    add_day(engine, yesterday, judged=3, judged_good=3, epoch=found)
    start = START + yesterday * DAY
    begin_baseline(engine, Baseline(tier="t", target="m", since=start, until=start + DAY, epoch=found))
    for number in range(3):
        kept = chat(f"m-{yesterday}-{number}", at=start + 3 * HOUR + number, hidden=False, key_id="key_1")
        body_store(settings, home).put(kept)
    home.judge.unlink()
    return found


async def test_inputs_are_asked_again_and_their_answers_judged(home: Home, engine: Engine, epoch: str) -> None:
    assert await asked(judged(), home, engine) == [(None, "no_grade")] * 3, "the simulated model is no judge"


@pytest.mark.parametrize("off", [{"enabled": False}, {"paired_check": {"enabled": False}}], ids=["watch", "check"])
async def test_where_nobody_wants_it_nothing_is_asked_again(
    home: Home, engine: Engine, epoch: str, off: dict[str, object]
) -> None:
    told = judged()
    evaluation = told.evaluation.model_copy(update={"watch": QualityWatchSettings.model_validate(off)})
    assert await asked(told.model_copy(update={"evaluation": evaluation}), home, engine) == []
