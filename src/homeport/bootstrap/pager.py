"""Who runs the gateway is told what the request path found: off that path, through the outbox of alerts."""

import logging
from collections import deque

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from homeport.bootstrap.behind import write_behind
from homeport.core.alerts import CacheSwitchedOff, LoopStopped
from homeport.storage.alerts import raise_alert

logger = logging.getLogger(__name__)

_SECONDS = 1.0
_MOST = 1_000

FoundOnThePath = LoopStopped | CacheSwitchedOff


class Pager:
    """Takes alerts from the request path and puts them into the outbox.

    What waits is bounded: of more, the oldest go, which the log has.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: deque[FoundOnThePath] = deque(maxlen=_MOST)

    def page(self, alert: FoundOnThePath) -> None:
        self._waiting.append(alert)

    async def run(self) -> None:
        """Until cancelled; then what still waits is put there too."""
        await write_behind(self._waiting, self.flush, _SECONDS)

    def flush(self) -> None:
        """Put what waits into the outbox; what cannot be put there waits on."""
        while self._waiting:
            alert = self._waiting.popleft()
            try:
                raise_alert(self._engine, alert)
            except SQLAlchemyError as error:
                self._waiting.appendleft(alert)
                logger.error("an alert waits, the database cannot be written: %s", type(error).__name__)
                return
