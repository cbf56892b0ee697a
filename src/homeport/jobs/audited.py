"""Every ten minutes what the audit log has kept long enough goes, and so do sessions that are over."""

import logging

import msgspec
from sqlalchemy import Engine

from homeport.storage.audit import prune_audit
from homeport.storage.users import prune_sessions

logger = logging.getLogger(__name__)

EVERY_S = 600.0
_BATCH = 500
_MOST_BATCHES = 20


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How long it is kept, in nanoseconds: what was changed; a session without a request, and in all."""

    audit: int
    idle: int
    whole: int


class AuditRetention:
    """Removes what is older than its terms."""

    def __init__(self, engine: Engine, terms: Terms) -> None:
        self._engine = engine
        self._terms = terms

    def tidy(self, now: int) -> int:
        """One pass at a time, in nanoseconds since the epoch; how many rows went. Raises SQLAlchemyError."""
        sessions = prune_sessions(self._engine, now - self._terms.whole, now - self._terms.idle)
        entries = self._entries(now - self._terms.audit)
        if entries:
            logger.info("%d entries of the audit log were old enough to go", entries)
        return sessions + entries

    def _entries(self, before: int) -> int:
        total = 0
        for _ in range(_MOST_BATCHES):
            total += (removed := prune_audit(self._engine, before, _BATCH))
            if removed < _BATCH:
                break
        return total
