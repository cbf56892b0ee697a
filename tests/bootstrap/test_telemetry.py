"""From the ledger to a collector: what the jobs worker sends of requests; what was said, only where that is wanted."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.bootstrap.test_reload import settings
from tests.fakes.cascading import sure
from tests.fakes.collector import HttpCollector, attributes
from tests.storage.events import finished
from tests.storage.test_bodies import captured
from tests.telemetry.test_traces import TRACED

from homeport.bootstrap import telemetry as module
from homeport.bootstrap.capture import body_store
from homeport.bootstrap.endpoints import Placement, write_placement
from homeport.bootstrap.telemetry import ConfiguredAtlas, Telemetry, try_telemetry
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError
from homeport.core.events import RequestFinished
from homeport.core.types import DataClass, Surface
from homeport.engines.base import Endpoint
from homeport.storage.published import read_published
from homeport.telemetry import semconv as names
from homeport.telemetry.spans import Place
from homeport.telemetry.traces import TraceFigures

SECRET, MAIL = "zorblatt", "ada.lovelace@example.org"
BODY = json.dumps({"messages": [{"role": "user", "content": f"Mail {MAIL} about {SECRET}."}]}).encode()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.create()
    return made


@pytest.fixture
def collector() -> Iterator[HttpCollector]:
    with HttpCollector() as running:
        yield running


def sending(collector: HttpCollector, **more: Any) -> Settings:
    traces = {"enabled": True, **more}
    return settings(
        telemetry={"export": {"endpoint": collector.url}, "traces": traces},
        capture={"enabled": True, "private": True},
    )


def event(request_id: str, data_class: str = "open") -> RequestFinished:
    attempts = tuple(msgspec.structs.replace(one, span_id="1" * 16, upstream="p") for one in finished("x").attempts)
    return msgspec.structs.replace(finished(request_id), traced=TRACED, attempts=attempts, data_class=data_class)


async def sent(asked: Settings, home: Home, *events: RequestFinished) -> None:
    telemetry = Telemetry(asked, home)
    async with telemetry.running():
        telemetry.seen(events)


async def test_spans_are_sent_with_nothing_of_what_was_said(home: Home, collector: HttpCollector) -> None:
    body_store(sending(collector), home).put(captured("req_1", body=BODY))
    await sent(sending(collector), home, event("req_1"))
    assert [span.name for span in collector.spans] == ["POST /v1/chat/completions", "chat smollm2"]
    assert SECRET not in str(collector.traces)


async def test_what_was_said_is_sent_where_that_is_wanted_without_what_is_found(
    home: Home, collector: HttpCollector
) -> None:
    asked = sending(collector, content=True)
    kept = captured("req_1", body=BODY)
    body_store(asked, home).put(msgspec.structs.replace(kept, answer=sure(f"I wrote to {MAIL}.").body))
    body_store(asked, home).put(captured("req_2", body=BODY))
    body_store(asked, home).put(msgspec.structs.replace(captured("req_3", body=BODY), data_class=DataClass.PRIVATE))
    await sent(asked, home, event("req_1"), event("req_2", "private"), event("req_3"), event("req_4"))
    calls = [attributes(span.attributes) for span in collector.spans if span.name == "chat smollm2"]
    assert [names.INPUT_MESSAGES in one for one in calls] == [True, False, False, False]
    said = calls[0][names.INPUT_MESSAGES] + calls[0][names.OUTPUT_MESSAGES]
    assert SECRET in said, "who opts in is told what recognizers do not know"
    assert MAIL not in str(collector.traces)
    assert "[EMAIL_1]" in said


async def test_without_it_nothing_is_sent_or_loaded(home: Home, collector: HttpCollector) -> None:
    await sent(settings(), home, event("req_1"))
    assert collector.traces == []
    assert not home.traces.exists()


async def test_a_worker_without_opentelemetry_goes_on(
    home: Home, collector: HttpCollector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(*_: object) -> Any:
        raise ConfigError("not installed", code="telemetry_missing", hint="install it")

    monkeypatch.setattr(module, "OtlpSender", missing)
    await sent(sending(collector), home, event("req_1"))
    assert "nothing is sent to a collector: not installed; install it" in caplog.text


async def test_a_state_folder_that_cannot_be_written_is_no_end_of_it(home: Home, collector: HttpCollector) -> None:
    home.traces.with_suffix(".draft").mkdir()
    await sent(sending(collector), home, event("req_1"))
    assert collector.spans


def test_what_is_sent_is_told_beforehand(collector: HttpCollector) -> None:
    assert try_telemetry(settings()) == "off"
    told = try_telemetry(sending(collector, sample_ratio=0.25, content=True))
    assert told == f"spans of 25% of requests to {collector.url} (http), with prompts and answers"
    assert collector.traces == []


def endpoint(url: str, pool: str = "") -> Endpoint:
    return Endpoint(url=url, api_key="", health_url=url, surfaces=frozenset({Surface.CHAT}), pool=pool)


def test_upstreams_are_where_the_configuration_and_the_engines_say(home: Home) -> None:
    asked = settings(
        providers={
            "p": {"provider": "simulated"},
            "azure": {"provider": "azure", "base_url": "https://one.example/openai"},
        },
        engines={"own": {"engine": "llamacpp", "package": "x", "hourly_cost_usd": 0}},
        packages={"x": {}},
        tiers=[
            {"name": "t", "targets": [{"model": "m", "provider": "p", "name": "public"}]},
            {"name": "h", "targets": [{"model": "o", "engine": "own"}]},
        ],
    )
    atlas = ConfiguredAtlas(asked, home)
    assert (atlas.model("public"), atlas.model("gone")) == ("m", "gone")
    assert [atlas.upstream(target) for target in ("public", "o", "gone")] == ["p", "own", ""]
    assert atlas.place("azure") == Place("azure.ai.openai", "one.example", 443)
    assert atlas.place("p") == Place("simulated", "", 0)
    assert atlas.place("own") == Place("llamacpp", "", 0)
    write_placement(home, Placement(serial=1, endpoints={"own-2": endpoint("http://127.0.0.1:8123/v1", "own")}))
    assert atlas.place("own-2") == Place("llamacpp", "127.0.0.1", 8123)
    assert atlas.place("nobody") == Place()


async def test_telling_how_it_goes_goes_on(
    home: Home, collector: HttpCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_EVERY_S", 0.01)
    telemetry = Telemetry(sending(collector), home)
    async with telemetry.running():
        telemetry.seen([event("req_1")])
        async with asyncio.timeout(20):
            while (told := read_published(home.traces, TraceFigures, 0)) is None or told.sent != 1:
                await asyncio.sleep(0.01)
