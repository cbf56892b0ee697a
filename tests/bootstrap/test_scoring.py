"""Outputs are measured beside the jobs worker where the configuration wants it, and the gateways are told."""

import asyncio
import time

import msgspec
import pytest
from sqlalchemy import Engine
from tests.bootstrap.test_reload import settings
from tests.storage.events import finished
from tests.traces.kept import chat

from homeport.bootstrap.capture import body_store
from homeport.bootstrap.scoring import try_evaluation, watch_scoring
from homeport.config.home import Home
from homeport.core.errors import ConfigError
from homeport.storage.db import writing
from homeport.storage.holders import read_home_id
from homeport.storage.ingest import insert_events
from homeport.storage.published import read_published
from homeport.storage.score_figures import QualityFigures
from homeport.storage.scores import scores_of

MINUTE = 60 * 10**9


async def test_what_is_answered_is_measured_and_told(home: Home, engine: Engine) -> None:
    told = settings(evaluation={"enabled": True}, capture={"enabled": True})
    at, holder = time.time_ns() - MINUTE, f"{read_home_id(home.identity)}-0123456789abcdef"
    with writing(engine) as connection:
        insert_events(connection, [msgspec.structs.replace(finished("r1", started_at=at), holder=holder)])
    body_store(told, home).put(chat("r1", answer="I'm sorry, but I can't help with that.", at=at))
    stop = asyncio.Event()
    watching = asyncio.create_task(watch_scoring(told, home, engine, stop))
    async with asyncio.timeout(20):
        while not (found := scores_of(engine, "r1")):
            await asyncio.sleep(0.05)
    stop.set()
    await watching
    assert {one.metric: one.label for one in found}["refusal"] == "refused"
    # The figures are told every 15 seconds, first of what was there at the start; a second start tells the rest.
    stop.clear()
    watching = asyncio.create_task(watch_scoring(told, home, engine, stop))
    async with asyncio.timeout(20):
        while not ((read := read_published(home.quality, QualityFigures, time.time_ns())) and read.samples):
            await asyncio.sleep(0.05)
    stop.set()
    await watching
    assert read.samples[0].outputs == 1
    assert read.waiting == 0


async def test_where_nobody_wants_it_nothing_is_measured_and_nothing_old_is_shown(home: Home, engine: Engine) -> None:
    home.quality.write_text("{}")
    await watch_scoring(settings(), home, engine, asyncio.Event())
    assert not home.quality.exists()


async def test_a_metric_that_cannot_be_loaded_is_logged(
    home: Home, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    told = settings(evaluation={"enabled": True, "files": ["/no/such/file.py"]})
    await watch_scoring(told, home, engine, asyncio.Event())
    assert "/no/such/file.py" in caplog.text


def test_what_a_check_tells(home: Home) -> None:
    assert try_evaluation(settings(), home) == "off"
    told = try_evaluation(settings(evaluation={"enabled": True, "metrics": ["refusal", "bleu"]}), home)
    assert told == "refusal; what is said is not kept, so most of them have nothing to read"
    kept = settings(evaluation={"enabled": True, "metrics": ["refusal"]}, capture={"enabled": True})
    assert try_evaluation(kept, home) == "refusal"
    with pytest.raises(ConfigError) as caught:
        try_evaluation(settings(evaluation={"enabled": True, "metrics": ["no_such"]}), home)
    assert caught.value.code == "adapter_unknown"
