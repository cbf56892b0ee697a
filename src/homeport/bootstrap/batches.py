"""The batches beside the jobs worker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

from sqlalchemy import Engine

from homeport.api.auth import OwnerRing
from homeport.api.dialects import dialects
from homeport.bootstrap.beside import beside
from homeport.bootstrap.endpoints import read_endpoints
from homeport.bootstrap.path import RequestPath, SystemClock
from homeport.bootstrap.storage import key_ring, refresh_keys
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.engines.pool import pool_of, pool_slots
from homeport.jobs import batches
from homeport.jobs.batch_run import Workshop
from homeport.jobs.gate import Gate
from homeport.jobs.offpeak import Window
from homeport.pipeline.pipeline import Runner
from homeport.storage.batches import BatchStore
from homeport.storage.files import FileStore
from homeport.storage.presence import total
from homeport.telemetry.metrics import Metrics

_AROUND_THE_BODY = 4_096
"""Bytes of a line that are not its body: custom_id, method and url."""


async def run_batches(settings: Settings, home: Home, engine: Engine, stop: asyncio.Event) -> None:
    """Run batches until told to stop."""

    @contextlib.asynccontextmanager
    async def open_pipeline() -> AsyncIterator[Runner]:
        keys = key_ring(engine, home)
        path = RequestPath(settings, home, OwnerRing(keys), Metrics(), engine)

        async def renew() -> None:
            path.adopt(settings)

        tasks = (partial(refresh_keys, keys, path.reserve), partial(path.follow_engines, renew))
        async with path.running(), beside(*tasks):
            await path.wait_for_engines()
            await path.cache.wait_warm()
            yield path

    await batches.work(_workshop(settings, home, engine), open_pipeline, stop)


def _workshop(settings: Settings, home: Home, engine: Engine) -> Workshop:
    clock, batch = SystemClock(), settings.batch
    return Workshop(
        store=BatchStore(engine),
        files=FileStore(engine, home.files),
        dialects=dialects(),
        clock=clock,
        gate=Gate(
            places=batch.concurrency,
            window=Window(batch.window, batch.time_zone) if batch.window else None,
            live=lambda: total(home.live),
            pause_at=lambda: _pause_at(batch.pause_at, home),
            wall_ns=clock.wall_ns,
        ),
        max_lines=batch.max_lines,
        max_line_bytes=settings.server.max_body_bytes + _AROUND_THE_BODY,
        file_seconds=batch.file_days * 86_400,
    )


def _pause_at(configured: int | None, home: Home) -> int | None:
    if configured is not None:
        return configured
    endpoints = read_endpoints(home)
    pools = {endpoint.pool or name for name, endpoint in endpoints.items()}
    return min((pool_slots(pool_of(pool, endpoints).values()) for pool in pools), default=None)
