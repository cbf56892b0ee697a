"""A gateway process."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial

import msgspec
from sqlalchemy import Engine

from homeport.api.app import App
from homeport.api.auth import StoredKeyRing, read_pepper
from homeport.api.batches import Batches
from homeport.api.cache import CachePaths
from homeport.api.cache_admin import CacheActions
from homeport.api.count_tokens import CountTokens
from homeport.api.dialects import dialects
from homeport.api.engine_metrics import EngineMetrics
from homeport.api.feedback import FeedbackPaths
from homeport.api.files import FileBounds, Files
from homeport.api.purposes import Purposes
from homeport.api.request_content import ContentActions
from homeport.api.requests import RequestPaths, RequestStore
from homeport.api.route import RoutePath
from homeport.api.routes import Paths
from homeport.api.usage import UsagePaths
from homeport.bootstrap.admin import build_admin, recorder
from homeport.bootstrap.adopted import noting
from homeport.bootstrap.beside import beside
from homeport.bootstrap.cache import terms_of
from homeport.bootstrap.console import Lasting, build_console
from homeport.bootstrap.path import RequestPath, SystemClock
from homeport.bootstrap.prices import renew_prices
from homeport.bootstrap.reload import Reloader
from homeport.bootstrap.router import watch_router
from homeport.bootstrap.storage import key_ring, open_storage, refresh_keys
from homeport.bootstrap.traces import request_store, word_index
from homeport.bootstrap.works import build_works
from homeport.config.batch import BatchSettings
from homeport.config.file import ConfigFile
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.console.attempts import Attempts
from homeport.console.given import Given
from homeport.console.render import Skin
from homeport.storage.alert_figures import AlertFigures
from homeport.storage.batches import BatchStore
from homeport.storage.budget_figures import BudgetFigures
from homeport.storage.files import FileStore, Quota
from homeport.storage.presence import Presence
from homeport.storage.published import read_published
from homeport.storage.score_figures import QualityFigures
from homeport.storage.standings import read_standings
from homeport.storage.unusual import read_unusual
from homeport.telemetry.metrics import Metrics
from homeport.telemetry.traces import TraceFigures
from homeport.traces.tail import Tail
from homeport.transport.pages import HttpPages

logger = logging.getLogger(__name__)

_ANNOUNCE_SECONDS = 0.1
_PUBLISH_SECONDS = 1.0


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway process: the ASGI application and what runs beside it.

    Attributes:
        leave: ends what would never end by itself; called when the process is told to end.
    """

    app: App
    background: Callable[[], contextlib.AbstractAsyncContextManager[None]]
    leave: Callable[[], None]


def build_gateway(settings: Settings, home: Home, file: ConfigFile, worker: int) -> Gateway:
    """Everything a gateway process needs, ready to run inside an event loop.

    Args:
        file: where the settings are from; it is read again when it changes.
        worker: which of `server.workers` processes this is, from 1.
    """
    clock = SystemClock()
    engine = open_storage(settings, home)
    keys = key_ring(engine, home)
    metrics = Metrics(
        lambda: read_standings(home.slo, clock.wall_ns()),
        lambda: read_published(home.budgets, BudgetFigures, clock.wall_ns()),
        lambda: read_published(home.traces, TraceFigures, clock.wall_ns()),
        lambda: read_unusual(home.unusual, clock.wall_ns()),
        lambda: read_published(home.alerts, AlertFigures, clock.wall_ns()),
        lambda: read_published(home.quality, QualityFigures, clock.wall_ns()),
    )
    path = RequestPath(settings, home, keys, metrics, engine)
    lasting = Lasting(attempts=Attempts(clock.monotonic_ns), skin=Skin(), given=Given(home.orders, clock.wall_ns))
    tail = Tail(home.journal)
    house = _House(home=home, engine=engine, keys=keys, clock=clock, path=path, lasting=lasting, tail=tail)
    reloader: Reloader
    several = settings.server.workers > 1
    if several:
        metrics.share(home.metrics, worker, clock.wall_ns)

    async def reload() -> str:
        return await reloader.reload()

    app = App(
        pipeline=path.pipeline,
        keys=keys,
        catalogue=path.catalogue,
        metrics=metrics,
        readiness=path.readiness,
        clock=clock,
        max_body=settings.server.max_body_bytes,
        families=house.families(settings, reload),
        purpose_of=Purposes(read_pepper(home.pepper)).of,
    )

    def adopt(changed: Settings) -> None:
        path.adopt(changed)
        if worker == 1:
            adopted(changed)
        app.adopt(
            pipeline=path.pipeline,
            catalogue=path.catalogue,
            max_body=changed.server.max_body_bytes,
            families=house.families(changed, reload),
        )

    adopted = noting(recorder(engine), settings)

    def count(how: str) -> None:
        metrics.reloads.labels(how).inc()

    reloader = Reloader(settings, file=file, adopt=adopt, count=count)

    @contextlib.asynccontextmanager
    async def background() -> AsyncIterator[None]:
        metrics.tasks.set_function(_counting_tasks(asyncio.get_running_loop()))
        tasks: tuple[Callable[[], Awaitable[None]], ...] = (
            partial(refresh_keys, keys, path.reserve),
            partial(_announce, home, lambda: path.admission.in_flight),
            reloader.watch,
            partial(watch_router, path.router, reloader.renew),
            partial(path.follow_engines, reloader.renew),
            partial(renew_prices, lambda: path.costs_differ(reloader.settings), reloader.renew, clock),
            *([partial(_publish, metrics)] if several else []),
        )
        async with path.running(), beside(*tasks):
            yield

    return Gateway(app=app, background=background, leave=tail.close)


class _House(msgspec.Struct, frozen=True, kw_only=True):
    """What stays the same over every configuration."""

    home: Home
    engine: Engine
    keys: StoredKeyRing
    clock: SystemClock
    path: RequestPath
    lasting: Lasting
    tail: Tail

    def families(self, settings: Settings, reload: Callable[[], Awaitable[str]]) -> Sequence[Paths]:
        """The paths that have files of their own."""
        files = FileStore(self.engine, self.home.files)
        batches = Batches(
            self.keys,
            BatchStore(self.engine),
            files,
            surfaces=dialects(),
            max_open=settings.batch.max_open,
            wall_ns=self.clock.wall_ns,
            classes=self.path.classes,
        )
        cache = self.path.cache
        caching = CacheActions(
            cache.desk,
            self.engine,
            flights=lambda: len(cache.flights),
            prompt_of=cache.keys.prompt,
            terms=terms_of(settings.cache),
            wall_ns=self.clock.wall_ns,
        )
        store = request_store(settings, self.home, self.engine, self.tail)
        beside = (caching, ContentActions(store.bodies, word_index(self.home, self.engine), self.engine))
        states = self.path.target_states
        admin = build_admin(settings, self.home, self.engine, self.keys, self.clock, states, reload, beside)
        uploads = Files(self.keys, files, file_bounds(settings.batch), self.clock.wall_ns, self.path.classes)
        usage = UsagePaths(self.keys, self.engine, self.clock)
        feedback = FeedbackPaths(self.keys, self.engine, self.clock, desk=cache.desk)
        bad = CachePaths(self.keys, cache.desk, self.engine, self.path.limiter)
        dry_runs, counting = RoutePath(self.path.preview), CountTokens(self.path.counting)
        engines = EngineMetrics(self.path.endpoints, HttpPages(self.path.transport).fetch)
        requests = RequestPaths(self.keys, store)
        shown = [self._console(settings, store)] if settings.console.enabled else []
        return (uploads, batches, usage, requests, feedback, bad, counting, dry_runs, admin, engines, *shown)

    def _console(self, settings: Settings, store: RequestStore) -> Paths:
        works = build_works(settings, self.home, self.path, self.keys, store)
        states = self.path.target_states
        return build_console(settings, self.home, self.engine, self.keys, self.clock, states, works, self.lasting)


async def _publish(metrics: Metrics) -> None:
    """Let the other gateway processes show what this one counts."""
    while True:
        try:
            metrics.publish()
        except OSError as error:
            logger.error("what this process counts could not be told to the others: %s", error.strerror)
        await asyncio.sleep(_PUBLISH_SECONDS)


def _counting_tasks(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    return lambda: float(len(asyncio.all_tasks(loop)))


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
