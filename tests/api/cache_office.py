"""A house whose answers are kept in a database, with all that can be said of them from outside."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from homeport.api.admin import AdminPaths
from homeport.api.admin import House as Parts
from homeport.api.cache import CachePaths
from homeport.api.cache_admin import CacheActions
from homeport.api.feedback import FeedbackPaths
from homeport.api.keys import KeyRegistry, Offer
from homeport.bootstrap.admin import recorder
from homeport.cache.desk import Desk
from homeport.cache.guard import Terms
from homeport.config.cache import CacheSettings
from homeport.core.types import DataClass, Key, RateLimits, Scope
from homeport.storage.cached import DatabaseEntryStore
from homeport.storage.db import writing
from homeport.storage.ingest import insert_events
from homeport.storage.ratelimits import SharedLimiter
from tests.databases import migrated
from tests.fakes.clock import ManualClock
from tests.fakes.house import CHAT, MID, OWN, House
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.wire import Caller
from tests.pipeline.test_caching import whole

ME, MATE, STRANGER, CLOSED, ADMIN = "hp-me", "hp-mate", "hp-stranger", "hp-closed", "hp-admin"
SLOW = "hp-slow"
KEYS = {
    ME: Key(id="key_me", name="me", project="acme/search"),
    MATE: Key(id="key_mate", name="mate", project="acme/search"),
    STRANGER: Key(id="key_stranger", name="stranger", project="other"),
    CLOSED: Key(id="key_closed", name="closed", project="acme/search", data_class=DataClass.PRIVATE),
    SLOW: Key(id="key_slow", name="slow", limits=RateLimits(requests_per_minute=3, concurrent_requests=1)),
    ADMIN: Key(id="key_admin", name="admin", scopes=frozenset({Scope.ADMIN})),
}
EXACT = CacheSettings(exact=True)
BAD, EXPLAIN, STATS, PURGE = "/v1/cache/bad", "/v1/cache/explain", "/admin/v1/cache", "/admin/v1/cache/purge"


class Office:
    """A house whose answers are kept in a database, and whose ledger is one."""

    def __init__(self, folder: Path, settings: CacheSettings = EXACT) -> None:
        self.engine: Engine = migrated(folder / "homeport.db")
        ring, clock = FixedKeyRing(KEYS), ManualClock()
        self.clock = clock
        self.entries = DatabaseEntryStore(self.engine, clock.wall_ns)
        desk = Desk(lambda: self.house.cache.library, self.entries)
        actions = CacheActions(
            desk,
            self.engine,
            flights=lambda: len(self.house.cache.flights),
            prompt_of=lambda text: self.house.cache.keys.prompt(text),
            terms=Terms(),
            wall_ns=clock.wall_ns,
        )
        admin = AdminPaths(
            keys=ring,
            registry=KeyRegistry(self.engine, b"p" * 32, lambda: Offer((), ()), clock.wall_ns),
            refresh=lambda: None,
            house=Parts(config=dict, digest=str, targets=list),
            clock=clock,
            record=recorder(self.engine),
            resources=(actions,),
        )
        self.slept = self.told = 0
        families = (
            CachePaths(ring, desk, self.engine, SharedLimiter(folder), self.sleep),
            FeedbackPaths(ring, self.engine, clock, self.sleep, desk),
            admin,
        )
        self.house = House(OWN, MID, keys=ring, families=families, cache=settings, entries=self.entries)
        for upstream in self.house.upstreams.values():
            upstream.script(whole())

    async def sleep(self, _: float) -> None:
        self.slept += 1

    async def chat(self, token: str = ME, body: Mapping[str, Any] = CHAT) -> Caller:
        return await self.house.ask(body, token=token)

    async def say(self, path: str, body: Any = None, *, token: str | None = ME, method: str = "POST") -> Caller:
        headers = [("authorization", f"Bearer {token}")] if token is not None else []
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await Caller(path, method=method, headers=headers, body=[sent]).call(self.house.app)

    async def settle(self) -> None:
        """Into the ledger and the database, as the background does."""
        with writing(self.engine) as connection:
            insert_events(connection, self.house.recorder.events[self.told :])
        self.told = len(self.house.recorder.events)
        assert self.house.cache.library is not None
        await self.house.cache.library.exchange_news()


def asking(text: str) -> dict[str, Any]:
    return {**CHAT, "messages": [{"role": "user", "content": text}]}
