"""A gateway process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import msgspec

from homeport.api.app import App
from homeport.api.batches import Batches
from homeport.api.count_tokens import CountTokens
from homeport.api.dialects import dialects
from homeport.api.files import FileBounds, Files
from homeport.bootstrap.admin import build_admin
from homeport.bootstrap.path import RequestPath, SystemClock
from homeport.bootstrap.storage import key_ring, open_storage, refresh_keys
from homeport.config.batch import BatchSettings
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.storage.batches import BatchStore
from homeport.storage.files import FileStore, Quota
from homeport.storage.presence import Presence
from homeport.storage.standings import read_standings
from homeport.telemetry.metrics import Metrics

_ANNOUNCE_SECONDS = 0.1


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway process: the ASGI application and what runs beside it."""

    app: App
    background: Callable[[], contextlib.AbstractAsyncContextManager[None]]


def build_gateway(settings: Settings, home: Home) -> Gateway:
    """Everything a gateway process needs, ready to run inside an event loop."""
    clock = SystemClock()
    engine = open_storage(settings, home)
    keys = key_ring(engine, home)
    metrics = Metrics(lambda: read_standings(home.slo, clock.wall_ns()))
    path = RequestPath(settings, home, keys, metrics)
    files, surfaces = FileStore(engine, home.files), dialects()
    batches = Batches(
        keys,
        BatchStore(engine),
        files,
        surfaces=surfaces,
        max_open=settings.batch.max_open,
        wall_ns=clock.wall_ns,
    )
    app = App(
        pipeline=path.pipeline,
        keys=keys,
        catalogue=path.catalogue,
        metrics=metrics,
        readiness=path.readiness,
        clock=clock,
        max_body=settings.server.max_body_bytes,
        families=(
            Files(keys, files, file_bounds(settings.batch), clock.wall_ns),
            batches,
            CountTokens(path.counting),
            build_admin(settings, home, engine, keys, clock, path.target_states),
        ),
    )

    @contextlib.asynccontextmanager
    async def background() -> AsyncIterator[None]:
        beside = (refresh_keys(keys, path.admission.reserve), _announce(home, lambda: path.admission.in_flight))
        async with path.running(), _beside(*beside):
            yield

    return Gateway(app=app, background=background)


def file_bounds(batch: BatchSettings) -> FileBounds:
    """What a key may upload."""
    return FileBounds(
        max_file_bytes=batch.max_file_bytes,
        quota=Quota(files=batch.max_files, total_bytes=batch.max_total_bytes),
        keep_seconds=batch.file_days * 86_400,
    )


async def _announce(home: Home, in_flight: Callable[[], int]) -> None:
    """Tell the worker that runs batches how many live requests there are."""
    with Presence(home.live) as presence:
        while True:
            presence.say(in_flight())
            await asyncio.sleep(_ANNOUNCE_SECONDS)


@contextlib.asynccontextmanager
async def _beside(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run them until the end of the block."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
