"""Alerts reach real receivers, whatever those do; a customer's own library verifies them."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from homeport.config.alerts import signing_key
from homeport.core.types import Timeouts
from homeport.core.unusual import Level, Measure, Unusual, anomaly_alert
from homeport.jobs import alerts
from homeport.jobs.alerts import Courier, Receiver, next_try, serve_all
from homeport.jobs.shapes import pagerduty, standard
from homeport.storage.alerts import Due, StoredAlert, Wanted, list_alerts, raise_alert
from homeport.transport.pool import PooledTransport
from tests.databases import migrated
from tests.fakes.clock import ManualClock
from tests.fakes.webhook_server import SECRET, WebhookServer
from tests.storage.test_alerts import reached

SECOND = 1_000_000_000
ROUTING_KEY = "R0UT1NGKEYR0UT1NGKEYR0UT1NGKEY12"
DAY = 24 * 3_600 * SECOND


class Office:
    """An outbox, and a courier whose clock a test moves; it begins now, for receivers look at theirs."""

    def __init__(self, engine: Engine, transport: PooledTransport) -> None:
        self.engine = engine
        self.clock = ManualClock(wall=time.time_ns())
        self.courier = Courier(engine, transport, self.clock, random.Random(1))

    def alert(self, percent: int = 80) -> None:
        raise_alert(self.engine, reached(percent=percent, at=self.clock.wall))

    async def deliver(self, url: str, name: str = "ops") -> int:
        return await self.courier.deliver(receiver(url, name))

    @property
    def states(self) -> list[tuple[str, int, str]]:
        return [(one.state, one.tries, one.error) for alert in list_alerts(self.engine) for one in alert.deliveries]


def receiver(url: str, name: str = "ops") -> Receiver:
    return Receiver(
        url=SecretStr(url),
        secret=SecretStr(SECRET),
        shape=standard,
        wanted=Wanted(webhook=name, severities=("info", "warning", "critical")),
    )


@pytest.fixture
async def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    monkeypatch.setattr(alerts, "_TIMEOUTS", Timeouts(connect=1, first_token=0.3, between_tokens=0.3, total=0.5))
    monkeypatch.setattr(alerts, "_LOOK_SECONDS", 0.02)
    engine = migrated(tmp_path / "homeport.db")
    transport = PooledTransport()
    yield Office(engine, transport)
    await transport.close()
    engine.dispose()


def test_the_signature_is_that_of_the_specifications_example() -> None:
    body = b'{"test": 2432232314}'
    signed = standard.signature(signing_key(SecretStr(SECRET)), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signed == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def failing(at: int, until: int | None = None, since: int = 5, found: float = 0.5) -> Unusual:
    return Unusual(
        level=Level.MODEL,
        subject="m",
        measure=Measure.ERRORS,
        since=since,
        usual=0.0,
        found=found,
        samples=9,
        until=until,
    )


async def test_a_receiver_that_forgets_is_told_again_of_what_lasts_and_of_nothing_else(office: Office) -> None:
    now = office.clock.wall
    office.alert()
    raise_alert(office.engine, anomaly_alert(failing(now, found=0.1), "inc_1", now))
    async with WebhookServer() as server:
        forgetful = msgspec.structs.replace(receiver(server.url), reminded_every_s=60.0)
        await office.courier.remind(forgetful)
        assert server.received == [], "it has not been told yet"
        await office.courier.deliver(forgetful)
        raise_alert(office.engine, anomaly_alert(failing(now), "inc_1", now + 1, worse=True))
        await office.courier.deliver(forgetful)
        server.received.clear()
        for _ in range(2):
            await office.courier.remind(forgetful)
        told = [(one["type"], one["data"]["incident"], one["data"]["severity"]) for one in server.received]
        assert told == [("anomaly.errors", "inc_1", "critical")] * 2, "not of what it was before"
        raise_alert(office.engine, anomaly_alert(failing(now, until=now + 2), "inc_1", now + 2))
        server.received.clear()
        await office.courier.remind(forgetful)
        assert server.received == [], "its end is on the way"


async def test_reminders_come_by_themselves_and_only_where_they_are_wanted(office: Office) -> None:
    now = office.clock.wall
    raise_alert(office.engine, anomaly_alert(failing(now), "inc_1", now))
    async with WebhookServer() as server:
        stop = asyncio.Event()
        forgetful = msgspec.structs.replace(receiver(server.url, "forgetful"), reminded_every_s=60.0)
        serving = asyncio.create_task(serve_all(office.courier, [forgetful, receiver(server.url)], stop))
        await came(server, 2)
        office.clock.advance(61 * SECOND)
        await came(server, 3)
        await asyncio.sleep(0.1)
        stop.set()
        await serving
    assert len(server.received) == 3, "two were told, and one of them once more"


async def came(server: WebhookServer, count: int) -> None:
    async with asyncio.timeout(10):
        while len(server.received) < count:
            await asyncio.sleep(0.01)


async def test_an_alert_arrives_once_and_verifies(office: Office) -> None:
    office.alert()
    async with WebhookServer() as server:
        assert await office.deliver(server.url) == 1
        assert await office.deliver(server.url) == 0
        (told,) = server.received
    assert told["type"] == "budget.threshold_reached"
    assert told["data"]["severity"] == "warning"
    assert (told["data"]["percent"], told["data"]["limit_usd"]) == (80, "100.000000000")
    assert told["timestamp"].endswith("Z")
    assert office.states == [("delivered", 1, "")]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (500, "HTTP 500"),
        (429, "HTTP 429"),
        (302, "HTTP 302"),
        (404, "HTTP 404"),
        ("reset", "upstream_disconnected"),
        ("silent", "upstream_total_timeout"),
    ],
)
async def test_a_failure_is_tried_again_later_with_the_same_id(
    office: Office, fault: int | str, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    office.alert()
    async with WebhookServer(fault, fault) as server:
        await office.deliver(server.url)
        assert office.states[0][:2] == ("waiting", 1)
        assert office.states[0][2] in (error, "upstream_first_token_timeout")
        assert await office.deliver(server.url) == 0, "not at once"
        server.faults.clear()
        office.clock.advance(8 * SECOND)
        assert await office.deliver(server.url) == 1
        assert office.states == [("delivered", 2, "")]
        assert len(server.received) == 1
        assert len(set(server.ids)) == 1
        assert server.others == [], "redirects are not followed"
        assert SECRET not in caplog.text
        assert server.url not in caplog.text


async def test_an_answer_without_end_is_a_success_that_is_not_read(office: Office) -> None:
    office.alert()
    async with WebhookServer("huge") as server:
        await office.deliver(server.url)
    assert office.states == [("delivered", 1, "")]


async def test_nobody_there(office: Office) -> None:
    office.alert()
    await office.deliver("http://127.0.0.1:1/hook")
    assert office.states == [("waiting", 1, "upstream_unreachable")]


async def test_a_receiver_that_wants_no_more_is_left_alone(office: Office) -> None:
    office.alert()
    async with WebhookServer(410) as server:
        await office.deliver(server.url)
    assert office.states == [("failed", 1, "HTTP 410")]


async def test_after_a_day_it_is_given_up(office: Office) -> None:
    office.alert()
    tries = 0
    while office.states == [] or office.states[0][0] == "waiting":
        tries += await office.deliver("http://127.0.0.1:1/hook")
        office.clock.advance(1_800 * SECOND)
        assert tries < 100
    assert office.states[0][0] == "failed"
    assert 15 <= tries <= 50


async def test_a_slow_receiver_holds_up_no_other(office: Office) -> None:
    for percent in range(1, 20):
        office.alert(percent)
    stop = asyncio.Event()
    async with WebhookServer(*["silent"] * 40) as slow, WebhookServer() as quick:
        both = [receiver(slow.url, "slow"), receiver(quick.url, "quick")]
        serving = asyncio.create_task(serve_all(office.courier, both, stop))
        await eventually(lambda: len(quick.received) == 19)
        assert len(slow.received) == 0
        stop.set()
        await asyncio.wait_for(serving, 1)


async def test_a_database_that_fails_is_asked_again(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    failures: list[Exception] = [OperationalError("SELECT secret", {}, Exception("secret"))]
    deliver = office.courier.deliver

    async def sometimes(receiver: Receiver) -> int:
        if failures:
            raise failures.pop()
        return await deliver(receiver)

    office.courier.deliver = sometimes  # type: ignore[method-assign] # the seam of this test
    office.alert()
    stop = asyncio.Event()
    async with WebhookServer() as server:
        serving = asyncio.create_task(serve_all(office.courier, [receiver(server.url)], stop))
        await eventually(lambda: len(server.received) == 1)
        stop.set()
        await serving
    assert "alerts could not be read: OperationalError" in caplog.text
    assert "secret" not in caplog.text


class Taker:
    """An upstream of alerts that keeps what it is sent, and answers with `statuses`, then 202."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.bodies: list[Any] = []

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        return web.Response(status=self.statuses.pop(0) if self.statuses else 202)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/in", self.take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield "http://{}:{}/in".format(*runner.addresses[0][:2])
        await runner.cleanup()


def unusual(office: Office, *, over: bool = False) -> None:
    """A fault that began, or its end."""
    since = office.clock.wall // (1_000 * SECOND) * 1_000 * SECOND
    found = Unusual(
        level=Level.MODEL,
        subject="m",
        measure=Measure.ERRORS,
        since=since,
        usual=0.0,
        found=0.9,
        samples=90,
        until=office.clock.wall if over else None,
    )
    assert raise_alert(office.engine, anomaly_alert(found, "inc_1", office.clock.wall))


def pager(url: str) -> Receiver:
    return msgspec.structs.replace(receiver(url), secret=SecretStr(ROUTING_KEY), shape=pagerduty)


async def test_a_begin_and_its_end_reach_a_pager_in_order(office: Office) -> None:
    taker = Taker()
    unusual(office)
    unusual(office, over=True)
    async with taker.listening() as url:
        assert await office.courier.deliver(pager(url)) == 2
    assert [body["event_action"] for body in taker.bodies] == ["trigger", "resolve"]
    assert {body["dedup_key"] for body in taker.bodies} == {"inc_1"}


async def test_what_is_over_is_not_opened_again(office: Office) -> None:
    taker = Taker(500)
    unusual(office)
    async with taker.listening() as url:
        await office.courier.deliver(pager(url))
        unusual(office, over=True)
        await office.courier.deliver(pager(url))
        office.clock.advance(60 * SECOND)
        await office.courier.deliver(pager(url))
    assert [body["event_action"] for body in taker.bodies] == ["trigger", "resolve"]
    assert sorted(state for state, _, _ in office.states) == ["delivered", "failed"]
    assert "it was over before it could be told" in {error for _, _, error in office.states}


async def test_a_routing_key_is_in_no_log(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    taker = Taker(400, 429)
    unusual(office)
    async with taker.listening() as url:
        for _ in range(3):
            await office.courier.deliver(pager(url))
            office.clock.advance(60 * SECOND)
    await office.courier.deliver(pager("http://127.0.0.1:1/in"))
    assert taker.bodies[-1]["routing_key"] == ROUTING_KEY
    assert "HTTP 400" in caplog.text
    assert ROUTING_KEY not in caplog.text
    assert ROUTING_KEY not in str(list_alerts(office.engine))


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


def test_waits_double_up_to_an_hour() -> None:
    alert = StoredAlert(id="alr", kind="k", severity="info", at=0, summary="", data={})
    dice = random.Random(3)

    def wait(tries: int) -> float:
        at = next_try(Due(alert=alert, tries=tries, give_up_at=DAY), 0, dice)
        assert at is not None
        return at / SECOND

    for tries, middle in ((1, 5.0), (2, 10.0), (4, 40.0), (11, 3_600.0), (10**9, 3_600.0)):
        assert middle * 0.5 <= wait(tries) <= middle * 1.5
    assert len({wait(3) for _ in range(20)}) > 10, "spread, so that they do not come back together"
    assert next_try(Due(alert=alert, tries=1, give_up_at=1), 0, dice) is None
