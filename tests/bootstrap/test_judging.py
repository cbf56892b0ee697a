"""The judge beside the jobs worker: nobody asks it unless the configuration wants that, and it can be told to stop."""

import asyncio
import time

from sqlalchemy import Engine
from tests.bootstrap.test_reload import settings

from homeport.bootstrap.judging import rubric_of, try_judge, watch_judging
from homeport.config.home import Home
from homeport.config.judge import JudgeSettings, RubricSettings
from homeport.config.schema import Settings
from homeport.evaluation.rubrics import QUALITY
from homeport.jobs.paired_check import Hints
from homeport.storage.published import read_published
from homeport.storage.standing_judge import JudgeStanding


def judged(**more: object) -> Settings:
    model = settings().tiers[0].targets[0].public_name
    return settings(evaluation={"enabled": True, "judge": {"model": model, **more}}, capture={"enabled": True})


async def test_where_nobody_wants_it_nothing_is_asked_and_nothing_old_is_shown(home: Home, engine: Engine) -> None:
    home.judge.write_text("{}")
    await watch_judging(settings(evaluation={"enabled": True}), home, engine, Hints(), asyncio.Event())
    assert not home.judge.exists()


async def test_it_tells_how_it_stands_and_stops_when_told(home: Home, engine: Engine) -> None:
    stop = asyncio.Event()
    watching = asyncio.create_task(watch_judging(judged(), home, engine, Hints(), stop))
    async with asyncio.timeout(20):
        while (told := read_published(home.judge, JudgeStanding, time.time_ns())) is None:
            await asyncio.sleep(0.05)
    stop.set()
    await watching
    assert (told.state, told.waiting, told.spent, told.most) == ("idle", 0, 0, 10**9)
    assert (told.rubric, told.rubric_version, len(told.epoch)) == ("quality", 1, 16)


def test_what_a_check_tells() -> None:
    assert try_judge(settings()) == "off"
    assert try_judge(judged(key="key_1")).endswith("by quality v1, paid by key_1")
    told = settings(evaluation={"enabled": True, "judge": {"model": "m"}})
    assert "nothing to judge" in try_judge(told)


def test_the_rubric_is_the_shipped_one_or_ones_own() -> None:
    assert rubric_of(JudgeSettings(model="m")) is QUALITY
    own = JudgeSettings(model="m", rubric="own", rubrics={"own": RubricSettings(version=4, text="5 is best")})
    assert (rubric_of(own).name, rubric_of(own).version, rubric_of(own).text) == ("own", 4, "5 is best")
