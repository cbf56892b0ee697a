"""Prompts are compared beside the jobs worker where the configuration wants it."""

import asyncio
import time

import msgspec
from sqlalchemy import Engine
from tests.bootstrap.test_reload import settings
from tests.storage.events import finished
from tests.traces.kept import chat

from homeport.bootstrap.capture import body_store
from homeport.bootstrap.inputs import try_prompt_drift, watch_inputs
from homeport.bootstrap.scoring import watch_scoring
from homeport.config.home import Home
from homeport.embeddings.static import StaticEmbedder
from homeport.storage.db import writing
from homeport.storage.holders import read_home_id
from homeport.storage.ingest import insert_events
from homeport.storage.inputs import DAY_NS, known_projects, read_inputs
from homeport.storage.scores import scores_of

ON = {"enabled": True, "prompt_drift": {"enabled": True}}


async def test_yesterdays_prompts_are_looked_at(home: Home, engine: Engine) -> None:
    told = settings(evaluation=ON, capture={"enabled": True})
    at, holder = time.time_ns() - 2 * DAY_NS, f"{read_home_id(home.identity)}-0123456789abcdef"
    with writing(engine) as connection:
        insert_events(connection, [msgspec.structs.replace(finished("r1", started_at=at), holder=holder)])
    body_store(told, home).put(chat("r1", prompt="May we end the contract early?", at=at))
    stop = asyncio.Event()
    scoring = asyncio.create_task(watch_scoring(told, home, engine, stop))
    async with asyncio.timeout(20):
        while not scores_of(engine, "r1"):
            await asyncio.sleep(0.05)
        watching = asyncio.create_task(watch_inputs(told, home, engine, stop))
        while not known_projects(engine):
            await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(scoring, watching)
    [(_, [prompt])] = read_inputs(engine, known_projects(engine)[0], StaticEmbedder.name)
    assert (prompt.id, prompt.form) == ("r1", "plain text")


async def test_nothing_runs_that_is_not_wanted(home: Home, engine: Engine) -> None:
    for off in ({"enabled": True}, {"prompt_drift": {"enabled": True}}):
        await watch_inputs(settings(evaluation=off), home, engine, asyncio.Event())


def test_a_check_says_what_is_lacking() -> None:
    assert try_prompt_drift(settings()) == "off"
    assert "evaluation and capture" in try_prompt_drift(settings(evaluation={"prompt_drift": {"enabled": True}}))
    assert "capture is off" in try_prompt_drift(settings(evaluation=ON))
    assert try_prompt_drift(settings(evaluation=ON, capture={"enabled": True})).startswith("on")
