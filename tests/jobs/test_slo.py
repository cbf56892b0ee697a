"""The worker counts until it is told to stop, whatever the database does."""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError

from homeport.jobs import slo
from homeport.storage.standings import Standing, Standings
from tests.fakes.clock import ManualClock
from tests.storage.test_standings import ROW

SECOND = 1_000_000_000


class Published:
    """Keeps what was published; tells the worker to stop after so many."""

    def __init__(self, stop: asyncio.Event, enough: int = 1) -> None:
        self.all: list[Standings] = []
        self._stop = stop
        self._enough = enough

    def __call__(self, standings: Standings) -> None:
        self.all.append(standings)
        if len(self.all) == self._enough:
            self._stop.set()


async def published(count: Callable[[int], tuple[Standing, ...]], clock: ManualClock, enough: int = 1) -> Published:
    stop = asyncio.Event()
    found = Published(stop, enough)
    await slo.watch(count, found, clock, stop)
    return found


async def test_what_was_counted_is_published_with_its_times() -> None:
    clock = ManualClock()
    found = await published(lambda now: (ROW,) if now == clock.wall else (), clock)
    assert found.all == [Standings(computed_at=clock.wall, stale_at=clock.wall + 60 * SECOND, rows=(ROW,))]


async def test_a_slow_count_is_repeated_less_often_and_believed_longer() -> None:
    clock = ManualClock()
    began = clock.wall

    def slow(_: int) -> tuple[Standing, ...]:
        clock.advance(30 * SECOND)
        return ()

    (only,) = (await published(slow, clock)).all
    assert (only.computed_at, only.stale_at) == (began, began + 30 * SECOND + 4 * 300 * SECOND)


async def test_a_failure_is_told_without_its_text_and_publishes_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slo, "_EVERY", 0)
    failures: list[Exception] = [OperationalError("SELECT secret", {}, Exception("secret")), OSError("secret")]

    def count(_: int) -> tuple[Standing, ...]:
        if failures:
            raise failures.pop()
        return (ROW,)

    assert len((await published(count, ManualClock())).all) == 1
    assert [record.getMessage() for record in caplog.records] == [
        "the objectives could not be computed: OSError",
        "the objectives could not be computed: OperationalError",
    ]


async def test_it_goes_on_until_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slo, "_EVERY", 0)
    assert len((await published(lambda _: (), ManualClock(), enough=3)).all) == 3


async def test_already_stopped_it_counts_nothing() -> None:
    stop = asyncio.Event()
    stop.set()
    found = Published(stop)
    await slo.watch(lambda _: (), found, ManualClock(), stop)
    assert found.all == []


async def test_told_to_stop_it_does_not_wait_for_the_pause() -> None:
    stop, counted = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(slo.watch(lambda _: (), lambda _: counted.set(), ManualClock(), stop))
    await counted.wait()
    stop.set()
    await task
