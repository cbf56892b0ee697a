"""The upstreams of former configurations: requests that were in progress still use them."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from homeport.core.ports import Upstream
from homeport.pipeline.occupancy import Occupancy

logger = logging.getLogger(__name__)


class _Former(NamedTuple):
    upstreams: Sequence[Upstream]
    then: Callable[[], None]


class Retired:
    """Closes each of them when the last request that uses it is over, so that a reload leaves nothing behind."""

    def __init__(self) -> None:
        self._occupied: list[_Former] = []
        self._closing: set[asyncio.Task[None]] = set()

    def add(self, upstreams: Collection[Upstream], use: Occupancy, then: Callable[[], None] = lambda: None) -> None:
        """No request begins to use them any more; `use` knows those that do. Needs a running event loop.

        Args:
            then: called when none does.
        """
        former = _Former(tuple(upstreams), then)
        self._occupied.append(former)
        use.when_empty(lambda: self._close(former))

    async def close(self) -> None:
        """Close what is left, used or not."""
        for former in tuple(self._occupied):
            self._close(former)
        await asyncio.gather(*self._closing)

    def _close(self, former: "_Former") -> None:
        if former in self._occupied:
            self._occupied.remove(former)
            former.then()
            task = asyncio.get_running_loop().create_task(close_all(former.upstreams))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


async def close_all(upstreams: Collection[Upstream]) -> None:
    """Close every one of them, also where closing one fails."""
    ends = await asyncio.gather(*(upstream.close() for upstream in upstreams), return_exceptions=True)
    for error in ends:
        if isinstance(error, Exception):
            logger.error("an upstream could not be closed: %s", type(error).__name__)
