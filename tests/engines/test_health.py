"""Which engines can be called: probed, reported, waited for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from homeport.core.types import Surface
from homeport.engines import health
from homeport.engines.base import Endpoint
from homeport.engines.health import HealthMonitor

CHAT = frozenset({Surface.CHAT})
A = Endpoint(url="http://a/v1", api_key="ka", health_url="http://a/health", surfaces=CHAT)
B = Endpoint(url="http://b/v1", api_key="kb", health_url="http://b/health", surfaces=CHAT)


class Probes:
    """A probe of which a test decides the answers, one by one."""

    def __init__(self) -> None:
        self.up: dict[str, bool] = {A.url: False, B.url: False}
        self.count = 0
        self._probed = asyncio.Condition()

    async def __call__(self, endpoint: Endpoint) -> bool:
        async with self._probed:
            self.count += 1
            self._probed.notify_all()
        return self.up[endpoint.url]

    async def wait(self, more: int) -> None:
        """Until so many more probes were made."""
        async with self._probed:
            goal = self.count + more
            await self._probed.wait_for(lambda: self.count >= goal)


@asynccontextmanager
async def watching(monitor: HealthMonitor) -> AsyncIterator[None]:
    task = asyncio.create_task(monitor.run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_from_down_to_up_and_back() -> None:
    probes, changes = Probes(), list[tuple[str, bool | None]]()
    monitor = HealthMonitor({"a": A}, probes, lambda *change: changes.append(change))
    assert not monitor.ready("a")
    async with watching(monitor):
        await probes.wait(2)
        assert (monitor.ready("a"), monitor.all_were_ready(), changes) == (False, False, [])
        probes.up[A.url] = True
        assert await monitor.wait_ready("a", 60)
        assert (monitor.ready("a"), monitor.all_were_ready(), monitor.states()) == (True, True, {"a": True})
        probes.up[A.url] = False
        monitor.report_failure("a")
        assert not monitor.ready("a")
        await probes.wait(2)
        assert (monitor.ready("a"), monitor.all_were_ready()) == (False, True)
    assert changes == [("a", True), ("a", False)]


async def test_a_reported_failure_is_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_EVERY", 3600.0)
    probes = Probes()
    probes.up[A.url] = True
    monitor = HealthMonitor({"a": A}, probes)
    async with watching(monitor):
        assert await monitor.wait_ready("a", 60)
        monitor.report_failure("a")
        assert not monitor.ready("a")
        assert await monitor.wait_ready("a", 60)
    assert probes.count >= 2


async def test_one_engine_says_nothing_of_another() -> None:
    probes = Probes()
    probes.up[A.url] = True
    monitor = HealthMonitor({"a": A, "b": B}, probes)
    async with watching(monitor):
        assert await monitor.wait_ready("a", 60)
        assert monitor.states() == {"a": True, "b": False}
        assert not monitor.all_were_ready()
        monitor.report_failure("b")
        assert monitor.ready("a")


async def test_waiting_ends_when_it_does_not_come_back() -> None:
    monitor = HealthMonitor({"a": A}, Probes())
    assert not await monitor.wait_ready("a", 0.01)
    assert not await monitor.wait_ready("a", 0)


async def test_a_caller_that_leaves_as_the_engine_comes_back_is_gone() -> None:
    def leave(_: str, ready: bool | None) -> None:
        assert ready
        waiting.cancel()

    probes = Probes()
    monitor = HealthMonitor({"a": A}, probes, leave)
    waiting = asyncio.create_task(monitor.wait_ready("a", 60))
    async with watching(monitor):
        await probes.wait(1)
        probes.up[A.url] = True
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_what_is_not_watched_counts_as_ready() -> None:
    monitor = HealthMonitor({}, Probes())
    monitor.report_failure("api")
    assert monitor.ready("api")
    assert await monitor.wait_ready("api", 0)
    assert monitor.all_were_ready()
    assert monitor.states() == {}


async def test_the_probe_is_given_the_endpoint() -> None:
    asked: list[Endpoint] = []
    once = asyncio.Event()

    async def probe(endpoint: Endpoint) -> bool:
        asked.append(endpoint)
        once.set()
        return True

    async with watching(HealthMonitor({"a": A}, probe)):
        await once.wait()
    assert asked[0] is A


async def test_engines_come_and_go_while_others_are_watched() -> None:
    """Who tells of a new one has seen it answer; one that is known keeps what is known of it."""
    probes, changes = Probes(), list[tuple[str, bool | None]]()
    probes.up[A.url] = True
    monitor = HealthMonitor({"a": A}, probes, lambda *change: changes.append(change))
    async with watching(monitor):
        assert await monitor.wait_ready("a", 60)
        monitor.adopt({"a": A, "b": B})
        assert (monitor.ready("b"), monitor.all_were_ready()) == (True, True)
        while monitor.ready("b"):
            await probes.wait(1)
        assert monitor.states() == {"a": True, "b": False}
        monitor.adopt({"b": B})
        assert monitor.states() == {"b": False}
        await probes.wait(2)
    assert changes == [("a", True), ("b", True), ("b", False), ("a", None)]
