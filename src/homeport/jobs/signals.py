"""Every minute: notices answers that were asked for again or refused by what was said next, and forgets what is old."""

import logging

from sqlalchemy import Engine

from homeport.storage.decisions import prune
from homeport.storage.feedback import forget, notice

logger = logging.getLogger(__name__)

EVERY_S = 60.0
_FIRST_LOOK_NS = 24 * 3_600 * 1_000_000_000
_OVERLAP_NS = 10 * 60 * 1_000_000_000
"""Rows come a little after their requests began: each round looks at the last minutes again."""

_PRUNED = 500


class Signals:
    """Notices signals.

    Args:
        retry_ns: the same conversation, sent again within so long of its answer, counts against the answer.
        keep_ns: how long decisions, and what was said of answers, are kept.
    """

    def __init__(self, engine: Engine, *, retry_ns: int, keep_ns: int) -> None:
        self._engine = engine
        self._retry_ns = retry_ns
        self._keep_ns = keep_ns
        self._looked_at: int | None = None

    def look(self, now: int) -> int:
        """One round, at a time in nanoseconds since the epoch; how many signals are new. Raises SQLAlchemyError."""
        last = now - _FIRST_LOOK_NS if self._looked_at is None else self._looked_at
        new = notice(self._engine, last - _OVERLAP_NS, self._retry_ns, now)
        self._looked_at = now
        for remove in (prune, forget):
            while remove(self._engine, now - self._keep_ns, _PRUNED) == _PRUNED:
                pass
        if new:
            logger.info("%d answers were asked for again or refused", new)
        return new
