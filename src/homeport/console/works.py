"""What runs behind the pages: the policy, the cache, the engines, and the request path itself."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from homeport.api.cache_admin import CacheProcess
from homeport.api.requests import RequestStore
from homeport.cache.guard import Terms
from homeport.console.figures.machines import Engines
from homeport.console.figures.replayed import Chances
from homeport.console.figures.routed import Wanted
from homeport.core.caching import Purge
from homeport.core.captured import Captured
from homeport.core.types import Target
from homeport.pipeline.exchange import Exchange


class Orders(Protocol):
    """What a person may tell the engines to do. Each raises HomeportError where nobody takes orders, or one refuses."""

    async def engines(self, packages: bool = True) -> Engines:
        """The replicas and the packages; never raises, since a page shows why there are none."""

    async def drain(self, engine: str) -> None:
        """It ends its conversations and begins none, until it is restarted."""

    async def restart(self, engine: str) -> None:
        """New children in the place of those that there are; no request fails."""


class Works(msgspec.Struct, frozen=True, kw_only=True):
    """Of one process, as it is now.

    Attributes:
        wanted: what the routing policy wants.
        ladder: the tiers, the weakest first, each with its first priced target.
        chances: what the router's version learned of each tier's answers; None for nothing.
        models: what a request may name: tiers and public names, in the order of the configuration.
        terms: by which partitions of the cache are bounded.
        held: what this process has of the cache in memory.
        purge: takes entries out of the cache, in every process; how many.
        resume: lets a partition answer again.
        prompt_of: the digest of a system prompt.
        orders: to the engines.
        ask: the request path.
        lend: a token, good once and at once, with which a key's own request can be asked again; None where the key
            does not live any more.
        store: what requests are looked at with.
        rendered: the prompt as the engine that answered renders it; None where it does not say.
    """

    wanted: Callable[[], Wanted]
    ladder: Callable[[], Mapping[str, Target]]
    chances: Callable[[], Chances | None]
    models: Callable[[], tuple[str, ...]]
    terms: Terms
    held: Callable[[], CacheProcess]
    purge: Callable[[Purge], Awaitable[int]]
    resume: Callable[[bytes], Awaitable[None]]
    prompt_of: Callable[[str], bytes]
    orders: Orders
    ask: Callable[[Exchange], Awaitable[None]]
    lend: Callable[[str], str | None]
    store: RequestStore
    rendered: Callable[[Captured], Awaitable[str | None]]
