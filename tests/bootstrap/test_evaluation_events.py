"""From the database to a collector: what was said of outputs, with words only where they are wanted."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine
from tests.bootstrap.test_reload import settings
from tests.fakes.collector import HttpCollector, attributes
from tests.storage.evaluated import SPAN, TRACE, add_score, add_traced
from tests.storage.reviewed import NOW

from homeport.bootstrap import evaluation_events as module
from homeport.bootstrap.evaluation_events import build_events, send_evaluations
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError
from homeport.jobs.evaluation_events import SETTLE_NS
from homeport.storage.db import open_database, sqlite_url, upgrade
from homeport.storage.holders import read_home_id
from homeport.storage.labels import Label, put_labels
from homeport.storage.published import publish
from homeport.telemetry import semconv as names
from homeport.telemetry.evaluations import Evaluation

MINUTE = 60 * 10**9
MAIL = "ada.lovelace@example.org"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


@pytest.fixture
def engine(home: Home) -> Engine:
    engine = open_database(sqlite_url(home.database))
    upgrade(engine)
    return engine


@pytest.fixture
def collector() -> Iterator[HttpCollector]:
    with HttpCollector() as running:
        yield running


def sending(url: str, **traces: Any) -> Settings:
    return settings(
        telemetry={"export": {"endpoint": url}, "traces": {"enabled": True, **traces}}, evaluation={"enabled": True}
    )


def told(asked: Settings, home: Home, engine: Engine) -> list[Evaluation]:
    """What is sent of an output with a score and a label, each of which has words."""
    sent: list[Evaluation] = []

    def send(found: Any) -> bool:
        sent.extend(found)
        return True

    events = build_events(asked, home, engine, send)
    events.work(NOW - MINUTE)
    for data_class in ("open", "private"):
        add_traced(engine, data_class, home=read_home_id(home.identity), data_class=data_class)
        add_score(engine, data_class, "refusal", passed=False)
        noted = Label(request_id=data_class, reviewer="ann", labelled_at=NOW, rating=2, note=f"Not for {MAIL}.")
        put_labels(engine, [noted])
    events.work(NOW + 20 * MINUTE)
    return sent


def test_words_are_sent_only_where_content_is_and_never_what_is_found_or_private(home: Home, engine: Engine) -> None:
    sent = told(sending("http://127.0.0.1:1", content=True), home, engine)
    words = {(one.request_id, one.source): one.explanation for one in sent}
    assert words == {
        ("open", "human"): "Not for [EMAIL_1].",
        ("open", "metric"): "refusal of [EMAIL_1]",
        ("private", "human"): "",
        ("private", "metric"): "",
    }


def test_without_that_there_are_no_words(home: Home, engine: Engine) -> None:
    sent = told(sending("http://127.0.0.1:1"), home, engine)
    assert [(one.value, one.explanation) for one in sent if one.source == "human"] == [(0.25, ""), (0.25, "")]
    assert MAIL not in str(sent)


async def test_the_worker_sends_them(home: Home, engine: Engine, collector: HttpCollector) -> None:
    now = time.time_ns()
    publish(home.evaluations, Sent(until=now - 3 * MINUTE, stale_at=now + MINUTE))
    add_traced(engine, "r1", home=read_home_id(home.identity), at=now - SETTLE_NS - MINUTE)
    add_score(engine, "r1", "refusal", passed=False)
    stop = asyncio.Event()
    sending_them = asyncio.create_task(send_evaluations(sending(collector.url), home, engine, stop))
    async with asyncio.timeout(20):
        while not collector.events:
            await asyncio.sleep(0.02)
    stop.set()
    await sending_them
    [event] = collector.events
    assert (event.event_name, event.trace_id.hex(), event.span_id.hex()) == (names.EVALUATION_EVENT, TRACE, SPAN)
    assert attributes(event.attributes)[names.EVALUATION_NAME] == "refusal"


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    until: int
    stale_at: int


@pytest.mark.parametrize(
    "asked",
    [
        settings(),
        sending("http://127.0.0.1:1", enabled=False),
        sending("http://127.0.0.1:1", evaluations=False),
        settings(telemetry={"traces": {"enabled": True}}),
    ],
    ids=["nothing", "no traces", "not wanted", "nothing is measured"],
)
async def test_nothing_is_sent_that_nobody_wants(home: Home, engine: Engine, asked: Settings) -> None:
    await send_evaluations(asked, home, engine, asyncio.Event())
    assert not home.evaluations.exists()


async def test_a_worker_without_opentelemetry_goes_on(
    home: Home, engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(*_: object) -> Any:
        raise ConfigError("not installed", code="telemetry_missing", hint="install it")

    monkeypatch.setattr(module, "OtlpEvents", missing)
    await send_evaluations(sending("http://127.0.0.1:1"), home, engine, asyncio.Event())
    assert "events of evaluations are not sent: not installed; install it" in caplog.text
