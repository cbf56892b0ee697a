"""Requests that are kept whole: off the request path, into the state folder."""

import logging
from collections import deque

from homeport.bootstrap.behind import write_behind
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.captured import Captured
from homeport.core.errors import StorageError
from homeport.pipeline.capture import Capture
from homeport.storage.bodies import BodyStore

logger = logging.getLogger(__name__)

_SECONDS = 0.2
_MOST = 1_000
_MOST_BYTES = 64 << 20


def body_store(settings: Settings, home: Home) -> BodyStore:
    """What was kept, and may be."""
    return BodyStore(home.captured, keep_days=settings.capture.keep_days, most_bytes=settings.capture.max_bytes)


class Scribe:
    """Writes down what the request path wants to be kept.

    What waits is bounded, in number and in bytes: of more, what comes is not kept, which the log says.
    """

    def __init__(self, settings: Settings, home: Home) -> None:
        self._store = body_store(settings, home)
        self._waiting: deque[Captured] = deque()
        # Each is counted on one thread alone: what comes on the path's, what was taken on the one that writes.
        self._came = self._taken = 0
        self._lost = 0

    def stage(self, settings: Settings) -> Capture | None:
        """The stage of the request path for these settings; None where nothing is kept."""
        self._store.keep_days, self._store.most_bytes = settings.capture.keep_days, settings.capture.max_bytes
        return Capture(settings.capture.rules(), self.keep) if settings.capture.enabled else None

    def keep(self, captured: Captured) -> None:
        size = len(captured.body) + len(captured.answer)
        if len(self._waiting) >= _MOST or self._came - self._taken + size > _MOST_BYTES:
            self._lost += 1
            return
        self._waiting.append(captured)
        self._came += size

    async def run(self) -> None:
        """Until cancelled; then what still waits is written too."""
        await write_behind(self._waiting, self.flush, _SECONDS)

    def flush(self) -> None:
        """Write down what waits. What cannot be written is given up: requests are answered all the same."""
        while self._waiting:
            captured = self._waiting.popleft()
            self._taken += len(captured.body) + len(captured.answer)
            try:
                self._store.put(captured)
            except StorageError as error:
                logger.error("request %s was not kept: %s", captured.request_id, error.message)
        if self._lost:
            logger.error("%d requests were not kept: they came faster than they can be written", self._lost)
            self._lost = 0
