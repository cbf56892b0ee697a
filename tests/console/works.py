"""What is behind a console's pages, where nothing real is: all of it can be set, and what was asked is noted."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from homeport.api.cache_admin import CacheProcess
from homeport.api.requests import RequestStore
from homeport.cache.guard import Terms
from homeport.console.figures.machines import Engines
from homeport.console.figures.replayed import Chances
from homeport.console.figures.routed import Wanted
from homeport.console.works import Works
from homeport.core.caching import Purge
from homeport.core.captured import Captured
from homeport.core.errors import HomeportError
from homeport.core.types import Target
from homeport.pipeline.exchange import Exchange


class Behind:
    """Behind an office. `works` is what its pages see.

    Attributes:
        said: orders and purges, in order.
        refuses: what an order is refused with.
        hold: orders wait for it.
    """

    def __init__(self, store: RequestStore) -> None:
        self.store = store
        self.said: list[Any] = []
        self.told = Engines(why="nobody takes orders here")
        self.refuses: HomeportError | None = None
        self.hold: asyncio.Event | None = None
        self.rendered: str | None = None
        self.ask: Callable[[Exchange], Any] | None = None
        self.lend: Callable[[str], str | None] = lambda _: None
        self.models: tuple[str, ...] = ("mid",)
        self.purged = 0
        self.wanted = Wanted(policy="static")
        self.ladder: Mapping[str, Target] = {}
        self.chances: Chances | None = None

    @property
    def works(self) -> Works:
        """Works of this, as it is when one of them is asked."""
        return Works(
            wanted=lambda: self.wanted,
            ladder=lambda: self.ladder,
            chances=lambda: self.chances,
            models=lambda: self.models,
            terms=Terms(),
            held=lambda: CacheProcess(is_on=True),
            purge=self._purge,
            resume=self._resume,
            prompt_of=lambda text: text.encode()[:16].ljust(16, b"\0"),
            orders=self,
            ask=self._ask,
            lend=lambda key_id: self.lend(key_id),
            store=self.store,
            rendered=self._rendered,
        )

    async def engines(self, packages: bool = True) -> Engines:
        return self.told if packages else msgspec.structs.replace(self.told, packages=())

    async def drain(self, engine: str) -> None:
        await self._note("drain", engine)

    async def restart(self, engine: str) -> None:
        await self._note("restart", engine)

    async def _note(self, *said: str) -> None:
        if self.hold is not None:
            await self.hold.wait()
        if self.refuses is not None:
            raise self.refuses
        self.said.append(said)

    async def _purge(self, purge: Purge) -> int:
        self.said.append(purge)
        return self.purged

    async def _resume(self, partition: bytes) -> None:
        self.said.append(partition)

    async def _ask(self, exchange: Exchange) -> None:
        assert self.ask is not None, "nobody is asked here"
        await self.ask(exchange)

    async def _rendered(self, _: Captured) -> str | None:
        return self.rendered
