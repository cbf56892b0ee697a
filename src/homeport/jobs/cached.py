"""Every minute the answers whose time is over leave the database, and those that are too many."""

import logging
from collections.abc import Callable

from sqlalchemy import Engine

from homeport.storage.cached_removal import BATCH, Bounds, prune, trim

logger = logging.getLogger(__name__)

EVERY_S = 60.0
_MOST_BATCHES = 50


class CacheRetention:
    """Keeps what is kept of answers within its bounds.

    Args:
        bounds: None where nothing is too much; what has ended goes all the same.
        batch: entries of one transaction; a pass has fifty of each kind, at most.
    """

    def __init__(self, engine: Engine, bounds: Bounds | None, batch: int = BATCH) -> None:
        self._engine = engine
        self._bounds = bounds
        self._batch = batch

    def tidy(self, now: int) -> int:
        """One pass at a time, in nanoseconds since the epoch; how many went. Raises SQLAlchemyError."""
        ended = self._repeated(lambda: prune(self._engine, now, self._batch))
        bounds = self._bounds
        if bounds is None:
            return ended
        evicted = self._repeated(lambda: trim(self._engine, bounds, now, self._batch))
        if evicted:
            logger.info("%d answers were taken out of the cache, for want of room", evicted)
        return ended + evicted

    def _repeated(self, remove: Callable[[], int]) -> int:
        """Until nothing is left to do. A part that is not full says nothing: the next may be another tenant's."""
        total = 0
        for _ in range(_MOST_BATCHES):
            if not (removed := remove()):
                break
            total += removed
        return total
