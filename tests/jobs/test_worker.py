"""The worker ingests until it is told to stop, and then what is left."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError

from homeport.jobs import worker
from homeport.storage.ingest import Ingested


class Ingest:
    """An ingestion that counts, and does what a test asks for."""

    def __init__(self, *steps: Callable[[], Ingested]) -> None:
        self.calls = 0
        self._steps = list(steps)

    def __call__(self) -> Ingested:
        self.calls += 1
        return self._steps.pop(0)() if self._steps else Ingested()


async def test_told_to_stop_it_ingests_once_more() -> None:
    stop, first = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def note() -> Ingested:
        loop.call_soon_threadsafe(first.set)
        return Ingested()

    ingest = Ingest(note)
    task = asyncio.create_task(worker.work(ingest, stop))
    await first.wait()
    before = ingest.calls
    stop.set()
    await task
    assert ingest.calls > before


async def test_what_is_recorded_during_the_last_pass_is_not_left_behind() -> None:
    """Told to stop while a pass runs, the worker cannot know that the pass saw everything."""
    stop, running, go_on = asyncio.Event(), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def block() -> Ingested:
        loop.call_soon_threadsafe(running.set)
        go_on.wait()
        return Ingested()

    ingest = Ingest(block)
    task = asyncio.create_task(worker.work(ingest, stop))
    await running.wait()
    stop.set()
    go_on.set()
    await task
    assert ingest.calls == 2


async def test_already_stopped_it_ingests_once() -> None:
    stop = asyncio.Event()
    stop.set()
    ingest = Ingest()
    await worker.work(ingest, stop)
    assert ingest.calls == 1


async def test_a_database_failure_is_logged_without_its_text_and_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_AFTER_FAILURE", 0.0)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def fail() -> Ingested:
        raise OperationalError("SELECT secret", {}, Exception("disk is full\nDETAIL: a secret"))

    def last() -> Ingested:
        loop.call_soon_threadsafe(stop.set)
        return Ingested()

    ingest = Ingest(fail, fail, last)
    await worker.work(ingest, stop)
    assert ingest.calls >= 3
    assert [record.getMessage() for record in caplog.records] == [
        "the journal keeps what is new, for the database cannot be used: disk is full"
    ] * 2


async def test_another_error_ends_the_worker() -> None:
    def fail() -> Ingested:
        raise PermissionError("no")

    with pytest.raises(PermissionError):
        await worker.work(Ingest(fail), asyncio.Event())
