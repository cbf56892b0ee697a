"""Requests as they end, for whoever watches: read from the journal, which all processes of a state folder write.

So the request path knows nothing of it, and it costs nothing while nobody watches. Each subscriber has a bounded queue;
what does not fit is dropped and counted. A gateway that answers thousands of requests a second would spend a tenth of
its time on telling of each, which nobody could follow: where more end than are read, the latest are told, and fewer.
"""

import asyncio
import contextlib
import logging
import os
from collections import deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO

from homeport.core.errors import CapacityError
from homeport.core.events import RequestFinished
from homeport.storage import journal
from homeport.storage.request_filter import RequestFilter
from homeport.storage.request_rows import RequestRow, row_of_event

logger = logging.getLogger(__name__)

_EVERY_S = 0.2
_READ_BYTES = 4 << 20
_MOST_WATCHERS = 64
_MOST_WAITING = 2_000
_READ_PER_S = 600
"""Requests that are read a second, for all watchers; as many as may wait for one are read at once after a pause."""
_SAMPLED_PER_S = 60
"""Of more than these so many: a list that is not whole is looked at for what is there, and more is no use."""


class Watcher:
    """One subscriber.

    Attributes:
        dropped: how many requests did not fit into its queue, or were passed over because there were too many to be
            read, wanted or not; it may be set to 0.
    """

    def __init__(self, wanted: RequestFilter, most: int) -> None:
        self._wanted = wanted
        self._most = most
        self._waiting: deque[RequestRow] = deque()
        self._news = asyncio.Event()
        self._over = False
        self.dropped = 0

    def offer(self, row: RequestRow) -> None:
        """Put a request into the queue, if it is wanted."""
        if not self._wanted.admits(row):
            return
        if len(self._waiting) >= self._most:
            self.dropped += 1
            return
        self._waiting.append(row)
        self._news.set()

    def pass_over(self, count: int) -> None:
        """So many were not read at all."""
        if count:
            self.dropped += count
            self._news.set()

    def end(self) -> None:
        """No more will come."""
        self._over = True
        self._news.set()

    async def next(self, patience_s: float) -> list[RequestRow] | None:
        """What has come, once something has; nothing after so many seconds; None when no more will come."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._news.wait()
        if self._over:
            return None
        self._news.clear()
        rows = list(self._waiting)
        self._waiting.clear()
        return rows


class Tail:
    """Of one process.

    Args:
        folder: of the journal.
        every_s: seconds between two looks, while somebody watches.
        most_waiting: requests that may wait for one watcher.
    """

    def __init__(self, folder: Path, *, every_s: float = _EVERY_S, most_waiting: int = _MOST_WAITING) -> None:
        self._folder = folder
        self._every_s = every_s
        self._most_waiting = most_waiting
        self._watchers: set[Watcher] = set()
        self._following: asyncio.Task[None] | None = None
        self._closed = False

    @contextlib.asynccontextmanager
    async def watch(self, wanted: RequestFilter | None = None) -> AsyncIterator[Watcher]:
        """What ends from now on.

        Raises:
            CapacityError: tail_full; there are too many watchers.
        """
        if len(self._watchers) >= _MOST_WATCHERS or self._closed:
            raise CapacityError(
                f"{_MOST_WATCHERS} watch already, or the gateway ends", code="tail_full", hint="close one, or come back"
            )
        watcher = Watcher(wanted or RequestFilter(), self._most_waiting)
        self._watchers.add(watcher)
        try:
            if self._following is None:
                reader = JournalEnds(self._folder)
                await asyncio.to_thread(reader.skip)
                self._begin(reader)
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def close(self) -> None:
        """Tell every watcher that this process ends."""
        self._closed = True
        for watcher in self._watchers:
            watcher.end()

    def _begin(self, reader: "JournalEnds") -> None:
        if self._following is None:
            self._following = asyncio.create_task(self._follow(reader))
        else:  # somebody else was faster
            reader.close()

    async def _follow(self, reader: "JournalEnds") -> None:
        """Hand out what is new, for as long as somebody watches."""
        clock = asyncio.get_running_loop().time
        allowed, looked_at = float(_READ_PER_S), clock()
        try:
            while self._watchers:
                events, passed = await asyncio.to_thread(reader.read, int(allowed))
                self._hand_out(events, passed)
                await asyncio.sleep(self._every_s)
                now = clock()
                allowed = min(_MOST_WAITING, allowed - len(events) + _more(len(events), passed, now - looked_at))
                looked_at = now
        except OSError as error:
            logger.error("the journal cannot be followed: %s", error.strerror)
            for watcher in self._watchers:
                watcher.end()
        finally:
            self._following = None
            reader.close()

    def _hand_out(self, events: list[RequestFinished], passed: int) -> None:
        rows = [row_of_event(event) for event in events]
        for watcher in self._watchers:
            watcher.pass_over(passed)
            for row in rows:
                watcher.offer(row)


def _more(read: int, passed: int, seconds: float) -> float:
    """How many requests more may be read after so many seconds in which these were, and those were passed over."""
    too_many = passed and read + passed > seconds * _READ_PER_S
    return seconds * (_SAMPLED_PER_S if too_many else _READ_PER_S)


class JournalEnds:
    """The ends of all segments of a journal. It is used on one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, BinaryIO] = {}

    def skip(self) -> None:
        """Begin after what is there."""
        for file in self._new():
            file.seek(0, 2)

    def read(self, most: int = _MOST_WAITING) -> tuple[list[RequestFinished], int]:
        """What was recorded since, at most so much, in the order of its end; and how much was passed over."""
        for _ in self._new():
            pass
        events: list[RequestFinished] = []
        passed = 0
        for name in list(self._files):
            found, more = self._read_one(name, max(0, most - len(events)))
            events += found
            passed += more
        events.sort(key=lambda event: event.started_at + event.latency_ns)
        return events, passed

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _new(self) -> Iterator[BinaryIO]:
        for path in journal.segments(self._folder):
            if path.name not in self._files:
                with contextlib.suppress(FileNotFoundError):  # it was ingested and removed between the two
                    self._files[path.name] = file = path.open("rb")
                    yield file

    def _read_one(self, name: str, most: int) -> tuple[list[RequestFinished], int]:
        """All that is new of one segment: the latest is decoded, and what was before that is counted."""
        file = self._files[name]
        events: list[RequestFinished] = []
        passed = 0
        while True:
            start, data = file.tell(), file.read(_READ_BYTES)
            found, done, skipped = _latest(data, most - len(events))
            events += found
            passed += skipped
            file.seek(start + done)
            if len(data) < _READ_BYTES:
                break
            if not done:  # megabytes that no frame explains
                file.seek(0, os.SEEK_END)
                break
        if not data and not (self._folder / name).exists():
            self._files.pop(name).close()
        return events, passed


def _latest(data: bytes, most: int) -> tuple[list[RequestFinished], int, int]:
    """The last events of some bytes, at most so many; how many bytes are done with; how many events were before."""
    ends = journal.frame_ends(data)
    skipped = max(0, len(ends) - most)
    begin = ends[skipped - 1] if skipped else 0
    events, done, _ = journal.read_frames(data[begin:], abandoned=False, most=most)
    return events, begin + done, skipped
