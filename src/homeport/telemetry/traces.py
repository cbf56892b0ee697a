"""Requests that ended, on their way to a collector: few wait, they go in batches, and nobody waits for them.

It happens in the jobs worker, after the request is in the ledger. A collector that is slow or gone costs spans, which
are counted, and nothing else.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from homeport.core.events import RequestFinished
from homeport.telemetry.otlp import Send
from homeport.telemetry.spans import Span

logger = logging.getLogger(__name__)

BATCH = 256
_EVERY_S = 1.0
_CLOSING_S = 3.0

Make = Callable[[RequestFinished], list[Span]]


class TraceFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Requests whose spans were sent, were dropped because too many waited, or did not arrive; and those that wait.

    `stale_at` is nanoseconds since the epoch.
    """

    sent: int = 0
    dropped: int = 0
    failed: int = 0
    waiting: int = 0
    stale_at: int = 0


class TraceExport:
    """One exporter, with a thread of its own from `start` to `close`.

    Args:
        make: the spans of a request; what it raises costs that request's spans alone.
        most: requests that wait at most.
        settle_s: so long after it came a request's spans are made: what is kept of it is written a moment later.
    """

    def __init__(self, make: Make, send: Send, *, most: int, settle_s: float = 0.0, every_s: float = _EVERY_S) -> None:
        self._make = make
        self._send = send
        self._most = most
        self._settle_s = settle_s
        self._every_s = every_s
        self._waiting: deque[tuple[float, RequestFinished]] = deque()
        self._ready = threading.Event()
        self._closing: float | None = None
        self._thread: threading.Thread | None = None
        self._sent = self._dropped = self._failed = 0

    def observe(self, event: RequestFinished) -> None:
        """Take a request that ended; it returns at once."""
        if event.traced is None:
            return
        if len(self._waiting) >= self._most:
            self._dropped += 1
            return
        self._waiting.append((time.monotonic(), event))
        if len(self._waiting) >= BATCH:
            self._ready.set()

    def figures(self, stale_at: int = 0) -> TraceFigures:
        """What became of them until now."""
        return TraceFigures(
            sent=self._sent,
            dropped=self._dropped,
            failed=self._failed,
            waiting=len(self._waiting),
            stale_at=stale_at,
        )

    def start(self) -> None:
        """Begin to send."""
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def close(self, seconds: float = _CLOSING_S) -> None:
        """Send what waits, for so many seconds at most; the rest is dropped."""
        self._closing = time.monotonic() + seconds
        self._ready.set()
        if self._thread is not None:
            self._thread.join(seconds)
        self._dropped += len(self._waiting)
        self._waiting.clear()

    def _run(self) -> None:
        while self._closing is None:
            self._ready.wait(self._every_s)
            self._ready.clear()
            self._flush()
        self._flush()

    def _flush(self) -> None:
        while events := self._take():
            spans = [span for event in events for span in self._spans(event)]
            if not spans or self._send(spans):
                self._sent += len(events)
            else:
                self._failed += len(events)
            if self._closing is not None and time.monotonic() > self._closing:
                return

    def _take(self) -> Sequence[RequestFinished]:
        """The next ones whose time has come."""
        latest = time.monotonic() - (self._settle_s if self._closing is None else 0.0)
        taken: list[RequestFinished] = []
        while self._waiting and len(taken) < BATCH and self._waiting[0][0] <= latest:
            taken.append(self._waiting.popleft()[1])
        return taken

    def _spans(self, event: RequestFinished) -> list[Span]:
        try:
            return self._make(event)
        except Exception:  # one request that cannot be told must not cost the others theirs
            logger.exception("the spans of request %s could not be made", event.request_id)
            return []
