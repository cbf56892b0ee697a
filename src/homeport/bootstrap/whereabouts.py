"""Where the engines are, as a process that answers requests knows it; what is told anew is adopted while it runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from homeport.bootstrap.endpoints import NOWHERE, InUse, Placement, read_placement, stamp
from homeport.config.home import Home
from homeport.core.errors import HomeportError

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.1
_TRY_AGAIN_S = 5.0


class Whereabouts:
    """The placement that is in effect, and the one that `homeport up` tells now.

    Attributes:
        placement: what requests go by.

    Raises:
        StorageError: what `homeport up` wrote cannot be read.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._in_use = InUse(home)
        self._stamp = NOWHERE
        self._let_go: Callable[[], None] = lambda: None
        self.placement = read_placement(home)

    def look(self) -> tuple[tuple[int, int], Placement]:
        """What is told now, and its stamp. Raises StorageError."""
        told, placement = stamp(self._home), read_placement(self._home)
        # Where nobody says where they are, they are where they were.
        return told, placement if placement.serial else self.placement

    def go_by(self, told: tuple[int, int], placement: Placement) -> Callable[[], None]:
        """Requests that begin go by what was looked at; to be called when none goes by what was in effect before."""
        former, self._let_go = self._let_go, self._in_use.begin(placement.serial)
        self._stamp, self.placement = told, placement
        return former

    def turned(self, replica: str) -> None:
        """A conversation goes on at a replica that drains."""
        self._in_use.turned(replica)

    async def follow(self, busy: Callable[[], Iterable[str]], renew: Callable[[], Awaitable[None]]) -> None:
        """Adopt whatever is told anew, and tell of conversations that go on; until cancelled.

        Args:
            busy: replicas that drain and have requests in progress.
            renew: looks, and adopts what it sees.
        """
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            self._in_use.tell_turns(busy())
            if stamp(self._home) in (self._stamp, NOWHERE):
                continue
            try:
                await renew()
            except HomeportError as error:
                logger.error("what is told of the engines is refused, what was told before holds: %s", error.message)
                await asyncio.sleep(_TRY_AGAIN_S)

    def close(self) -> None:
        self._in_use.close()
