"""The batches of `/v1/batches`: found in the database, run a few at a time, the keys in turn."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence

from sqlalchemy.exc import SQLAlchemyError

from homeport.core.errors import HomeportError
from homeport.jobs.batch_run import BatchRun, Workshop
from homeport.jobs.schedule import pause
from homeport.pipeline.pipeline import Runner
from homeport.storage.batches import Batch

logger = logging.getLogger(__name__)

MAX_ACTIVE = 16
"""Batches that take turns; the others wait."""

_LOOK_EVERY = 1.0
_AFTER_FAILURE = 5.0
_PURGE_EVERY_NS = 600 * 1_000_000_000

OpenPipeline = Callable[[], contextlib.AbstractAsyncContextManager[Runner]]


async def work(shop: Workshop, open_pipeline: OpenPipeline, stop: asyncio.Event) -> None:
    """Run batches until told to stop; after a failure of the database or the disk, go on later.

    Args:
        open_pipeline: the request path with the configuration as it is now; used while there are
            batches, so that an idle worker has no connections and probes no engine.
    """
    purged_at: int | None = None
    while not stop.is_set():
        wait = _LOOK_EVERY
        try:
            now = shop.clock.monotonic_ns()
            if purged_at is None or now - purged_at > _PURGE_EVERY_NS:
                purged_at = now
                await asyncio.to_thread(shop.files.purge)
            if await asyncio.to_thread(shop.store.open):
                async with open_pipeline() as pipeline:
                    await _Round(shop, pipeline, stop).run()
        except (HomeportError, SQLAlchemyError, OSError) as error:
            logger.error("batches wait: %s", _reason(error))
            wait = _AFTER_FAILURE
        await pause(stop, wait)


class _Round:
    """From the first open batch to the last."""

    def __init__(self, shop: Workshop, pipeline: Runner, stop: asyncio.Event) -> None:
        self._shop = shop
        self._pipeline = pipeline
        self._stop = stop
        self._active: dict[str, tuple[Batch, asyncio.Task[None]]] = {}
        self._held: dict[str, int] = {}

    async def run(self) -> None:
        try:
            while True:
                if not self._stop.is_set():
                    self._start(await asyncio.to_thread(self._shop.store.open))
                if not self._active:
                    return
                await self._wait_for_one()
        finally:
            await self._end_all()

    def _start(self, batches: Sequence[Batch]) -> None:
        now = self._shop.clock.monotonic_ns()
        waiting = [batch for batch in batches if self._held.get(batch.id, 0) <= now]
        for batch in choose(waiting, [active for active, _ in self._active.values()], MAX_ACTIVE):
            run = BatchRun(batch, self._pipeline, self._shop, self._stop)
            self._active[batch.id] = batch, asyncio.create_task(run.run())

    async def _wait_for_one(self) -> None:
        tasks = [task for _, task in self._active.values()]
        await asyncio.wait(tasks, timeout=_LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
        for batch_id, (_, task) in list(self._active.items()):
            if task.done():
                del self._active[batch_id]
                self._hold(batch_id, task.exception())

    def _hold(self, batch_id: str, error: BaseException | None) -> None:
        """One that ended and is still open failed, or is another worker's: not again at once."""
        wait = _LOOK_EVERY
        if isinstance(error, HomeportError | SQLAlchemyError | OSError):
            logger.error("%s waits: %s", batch_id, _reason(error))
            wait = _AFTER_FAILURE
        elif error is not None:
            raise error
        self._held[batch_id] = self._shop.clock.monotonic_ns() + int(wait * 1e9)

    async def _end_all(self) -> None:
        tasks = [task for _, task in self._active.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def choose(waiting: Sequence[Batch], active: Sequence[Batch], places: int) -> list[Batch]:
    """Which batches to start: the oldest of the key that has fewest in progress, until no place is left."""
    mine = Counter(batch.key_id for batch in active)
    started = {batch.id for batch in active}
    queue = [batch for batch in waiting if batch.id not in started]
    chosen: list[Batch] = []
    while queue and len(active) + len(chosen) < places:
        batch = min(queue, key=lambda batch: (mine[batch.key_id], batch.created_at, batch.id))
        queue.remove(batch)
        mine[batch.key_id] += 1
        chosen.append(batch)
    return chosen


def _reason(error: Exception) -> str:
    """Words of ours, or the kind alone: what a database or the disk says may hold what is not for a log."""
    return error.message if isinstance(error, HomeportError) else type(error).__name__
