"""What we ask ourselves, in the background: in the name of a request's key, beside the traffic and never in its way.

It goes the way of every request, so the key's models, budgets and data class hold, and the ledger has it, with the
purpose as its reason. Nobody is told the answer. Few run at once and few wait; what is more is not asked.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from msgspec import Raw

from homeport.core.ports import Dialect
from homeport.core.types import Surface
from homeport.pipeline.attribution import Attribution
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.memory_wire import MemoryWire
from homeport.pipeline.visit import CacheHeaders

logger = logging.getLogger(__name__)

_AT_ONCE = 4
_MOST = 64
_LONGEST_S = "120"

Ask = Callable[[Exchange], Awaitable[None]]
Count = Callable[[str, str], None]
Errand = Callable[[], Awaitable[None]]


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """In whose name something is asked: what a request said of itself beside its body."""

    token: str | None
    data_class_header: str | None
    attribution: Attribution
    cache_headers: CacheHeaders

    @classmethod
    def of(cls, exchange: Exchange) -> "Asker":
        return cls(
            token=exchange.token,
            data_class_header=exchange.data_class_header,
            attribution=exchange.attribution,
            cache_headers=exchange.cache_headers,
        )


class Errands:
    """Those of one process; they outlive a configuration.

    Args:
        ask: answers a request by the configuration of the moment.
        count: told what kind of errand came to what, for the metrics.
        most: so many are there at most, running or not.
    """

    def __init__(self, ask: Ask, count: Count, *, at_once: int = _AT_ONCE, most: int = _MOST) -> None:
        self._ask = ask
        self.count = count
        self._places = asyncio.Semaphore(at_once)
        self._most = most
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def send(self, kind: str, errand: Errand) -> bool:
        """Begin soon; False where there are too many already."""
        if len(self._tasks) >= self._most:
            self.count(kind, "dropped")
            return False
        task = asyncio.create_task(self._run(kind, errand))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def ask(
        self, asker: Asker, surface: Surface, dialect: Dialect, fields: Mapping[str, Raw], *, purpose: str, control: str
    ) -> Exchange:
        """Ask in somebody's name, and wait for the end; what became of it is in the exchange.

        Args:
            control: what the cache is told.
        """

        async def read_body() -> bytes:
            return msgspec.json.encode(fields)

        exchange = Exchange(
            request_id=f"req_{secrets.token_hex(12)}",
            surface=surface,
            token=asker.token,
            data_class_header=asker.data_class_header,
            timeout_header=_LONGEST_S,
            read_body=read_body,
            dialect=dialect,
            wire=MemoryWire(),
            attribution=asker.attribution,
            cache_headers=msgspec.structs.replace(asker.cache_headers, control=control),
            purpose=purpose,
        )
        await self._ask(exchange)
        return exchange

    async def settled(self) -> None:
        """Wait until none is left."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """End all of them; what upstreams have done for them is billed."""
        for task in self._tasks:
            task.cancel()
        await self.settled()

    async def _run(self, kind: str, errand: Errand) -> None:
        async with self._places:
            try:
                await errand()
            except Exception:  # whatever goes wrong in the background, nobody is there to be told
                logger.exception("an errand of the cache failed: %s", kind)
