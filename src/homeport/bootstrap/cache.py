"""The cache of a process: what is kept outlives the configuration by which it is looked up."""

import asyncio
import contextlib
import hashlib
import logging
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec

from homeport.cache.desk import Desk
from homeport.cache.guard import Guard, Terms
from homeport.cache.keys import Keys
from homeport.cache.library import Library
from homeport.cache.rules import Rules
from homeport.cache.semantic import SemanticTier
from homeport.cache.shelf import Limits, Shelf
from homeport.cache.verifier.verify import Verifier
from homeport.config.cache import CacheSettings
from homeport.core.caching import EntryStore
from homeport.core.ports import Clock, Dialect, Pricing
from homeport.embeddings.choose import Model, open_embedder
from homeport.pipeline.caching import CacheStage, Follow, Meter
from homeport.pipeline.checks import Checks, Page
from homeport.pipeline.errands import Ask, Count, Errands
from homeport.pipeline.flights import Flights
from homeport.pipeline.judging import Judging, Once, PairJudge
from homeport.telemetry.cache import Held

logger = logging.getLogger(__name__)

_TURN_S = 0.001
_PAUSE_S = 0.5
_LOOK_S = 0.02


class Background(msgspec.Struct, frozen=True, kw_only=True):
    """What the cache asks and tells beside the traffic.

    Attributes:
        ask: answers a request by the configuration of the moment.
        count: told what was asked and what came of it.
        page: told of partitions that switched themselves off.
        chat: how chats are written.
        meter: told of lookups.
    """

    ask: Ask
    count: Count
    page: Page
    chat: Dialect
    meter: Meter


class Cache:
    """Kept answers, and the requests that wait for one.

    Args:
        secret: what keys of entries are made with; the same in all processes that share them.
        store: None where nothing outlives the process.
        models: where exported embedders are kept.
        background: how it asks and tells beside the traffic.
    """

    def __init__(
        self, secret: bytes, store: EntryStore | None, clock: Clock, background: Background, models: Path = Path()
    ) -> None:
        self._background = background
        self._guard = Guard()
        self._judged = Once()
        self.errands = Errands(background.ask, background.count)
        self._models = models
        self._secret = cache_secret(secret)
        self._store = store
        self._clock = clock
        self.keys = Keys(self._secret)
        self.flights = Flights()
        self._wanted = self._embedder = ""
        self.library: Library | None = None
        self.desk = Desk(lambda: self.library, store)

    def stage(self, settings: CacheSettings, pricing: Pricing) -> CacheStage | None:
        """By these settings, from now on; None where nothing is cached.

        Raises:
            ConfigError: the embedder cannot be used.
        """
        if not settings.is_on:
            self.library = None  # it would take memory, and read news, for nobody
            return None
        library = self._library_of(settings)
        return CacheStage(
            rules=Rules(settings),
            keys=Keys(self._secret, self._embedder),
            library=library,
            flights=self.flights,
            pricing=pricing,
            clock=self._clock,
            dice=random.Random(),  # noqa: S311  it blurs times; whoever guesses it learns nothing
            sleep=asyncio.sleep,
            max_bytes=settings.max_entry_bytes,
            meter=self._background.meter,
            jitter_s=settings.jitter_seconds,
            followers=self._followers(settings, library) if settings.is_semantic else (),
        )

    def held(self) -> Held:
        """What there is in memory now."""
        if self.library is None:
            return Held()
        shelf, flights = self.library.shelf, len(self.flights)
        return Held(
            entries=len(shelf), bytes=shelf.size, memory=shelf.memory, warm=self.library.is_warm, flights=flights
        )

    def _followers(self, settings: CacheSettings, library: Library) -> Sequence[Follow]:
        self._guard.terms = terms_of(settings)
        if settings.judge is None:
            return (Checks(library, self.errands, self._background.page, self._clock).follow,)
        one = PairJudge(self.errands, self._background.chat, model=settings.judge.model, approve=settings.judge.approve)
        checks = Checks(library, self.errands, self._background.page, self._clock, one)
        return checks.follow, Judging(library, self.errands, one, self._judged).follow

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Store what is new, and read what other processes stored, until the end."""
        tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._tend())]
        try:
            yield
        finally:
            await self.errands.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self.library is not None:
                await self.library.exchange_news()

    async def wait_warm(self, seconds: float = 15.0) -> None:
        """Until what was stored before is known, but no longer than that: for requests that have time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.library is not None and not self.library.is_warm:  # noqa: ASYNC110  it is seldom waited for
                    await asyncio.sleep(_LOOK_S)

    async def _run(self) -> None:
        while True:
            if self.library is not None:
                try:
                    await self.library.exchange_news()
                except Exception:  # whatever a store gives back: who stops here hears of no purge any more
                    logger.exception("the news of the cache could not be taken")
            await asyncio.sleep(_PAUSE_S)

    async def _tend(self) -> None:
        """Half of the time is left to requests: 100,000 vectors of one partition take half a minute to a minute."""
        while True:
            try:
                busy = self.library is not None and self.library.tend()
            except Exception:  # an index is a third party's code, and texts are found without it
                logger.exception("an index of the cache could not be tended")
                busy = False
            await asyncio.sleep(_TURN_S if busy else _PAUSE_S)

    def _library_of(self, settings: CacheSettings) -> Library:
        """What is known already, unless its vectors are another model's."""
        limits = _limits(settings)
        wanted = settings.embedder if settings.is_semantic else ""
        if self.library is not None and wanted in ("", self._wanted):
            self.library.shelf.resize(limits)
            return self.library
        embedder = open_embedder(Model(wanted), self._models) if wanted else None
        semantic = None if embedder is None else SemanticTier(embedder, Verifier(), clock=self._clock)
        self._wanted, self._embedder = wanted, "" if embedder is None else embedder.name
        self.library = Library(Shelf(limits, self._clock, semantic), self._store, semantic, self._clock, self._guard)
        return self.library


def terms_of(settings: CacheSettings) -> Terms:
    """By which partitions are bounded."""
    return Terms(budget=settings.wrong_percent / 100, share=settings.check_percent / 100)


def cache_secret(secret: bytes) -> bytes:
    """What keys of entries are made with, of the installation's secret."""
    return hashlib.blake2b(b"homeport cache", key=secret[:64], digest_size=32).digest()


def _limits(settings: CacheSettings) -> Limits:
    share = settings.tenant_percent / 100
    return Limits(
        entries=settings.max_entries,
        size=settings.max_bytes,
        tenant_entries=max(1, round(settings.max_entries * share)),
        tenant_size=max(1, round(settings.max_bytes * share)),
        memory=settings.max_memory_bytes,
    )
