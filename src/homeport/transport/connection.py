"""One HTTP/1.1 connection to an upstream. llhttp (through httptools) parses; nothing is parsed here."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import cast

import httptools

from homeport.core.errors import UpstreamError
from homeport.transport.deadlines import Deadlines, cut, disconnected, late, not_http
from homeport.transport.http import readable

MAX_HEAD_BYTES = 64 << 10
"""Bound on what the parser may hold back: a head, a trailer, the extensions of a chunk."""
_HIGH_WATER = 256 << 10
_SWITCHING_PROTOCOLS = 101
_BODILESS = frozenset({204, 304})
_TOTAL = "upstream_total_timeout"
_LOOK_EVERY_S = 0.02


class Connection(asyncio.Protocol):
    """Carries one request at a time.

    Args:
        url: whose messages name it.
        forget: called when the connection can carry no more requests; perhaps twice.
    """

    __slots__ = ("_alarm", "_answer", "_forget", "_parser", "_pending", "_stray", "_transport", "_url", "idle_since")

    def __init__(self, url: str, alarm: "Alarm", forget: Callable[["Connection"], None]) -> None:
        self._url = url
        self._alarm = alarm
        self._forget = forget
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: Answer | None = None
        self._pending = 0
        self._stray = False
        self.idle_since = 0.0

    def send(self, request: bytes, deadlines: Deadlines) -> "Answer":
        """Send a whole request; the connection must be idle."""
        self._answer = answer = Answer(self, deadlines, self._alarm)
        assert self._transport is not None
        self._transport.write(request)
        return answer

    def finish(self) -> bool:
        """The reader is done with its answer: True if the connection is idle again, else it was closed."""
        answer, self._answer = self._answer, None
        assert self._transport is not None
        clean = answer is not None and answer.complete and answer.keep_alive and not self._stray
        # An answer that came before the whole request was sent leaves half a request on the wire.
        if clean and not self._transport.is_closing() and self._transport.get_write_buffer_size() == 0:
            return True
        self.abort()
        return False

    def abort(self) -> None:
        self._forget(self)
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass of it

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None:
            self.abort()  # Nothing was asked, so whatever this is would be taken for the next answer.
            return
        answer.touched = True
        self._pending += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._break(answer, cut() if answer.has_head else not_http(self._url))
        if self._pending > MAX_HEAD_BYTES:
            self._break(answer, not_http(self._url))
        answer.wake()

    def _break(self, answer: "Answer", error: UpstreamError) -> None:
        """What came cannot be right. Nothing more is taken in: a reader who is busy might not look for long."""
        self._stray = True
        answer.fail(error)
        self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._forget(self)
        if self._answer is not None:
            self._answer.lose(self._url, clean=error is None)

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._stray = self._stray or self._answer is None or self._answer.complete

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._answer is not None and not self._answer.has_head:
            self._answer.raw_headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._answer is None or self._stray:
            return
        if status == _SWITCHING_PROTOCOLS:
            raise ValueError("nobody asked for another protocol")  # The parser stops, and reports it.
        if self._pending > MAX_HEAD_BYTES and self._head_bytes() > MAX_HEAD_BYTES:
            raise ValueError("headers too large")
        if status >= 200:
            self._pending = 0
            self._answer.begin(status)
        else:
            self._answer.raw_headers.clear()

    def _head_bytes(self) -> int:
        assert self._answer is not None
        return sum(len(name) + len(value) for name, value in self._answer.raw_headers)

    def on_body(self, data: bytes) -> None:
        if self._answer is not None and not self._stray:
            self._pending = 0
            self._answer.add(data)

    def on_message_complete(self) -> None:
        # An informational answer (100, 103) ends too; the real one follows.
        if self._answer is not None and self._answer.has_head and not self._stray:
            self._pending = 0
            self._answer.end(self._parser.should_keep_alive() and not self._is_ambiguous(self._answer))

    @staticmethod
    def _is_ambiguous(answer: "Answer") -> bool:
        """Whether it cannot have a body and yet says how one is sent: two readers may not agree where it ends."""
        return answer.status in _BODILESS and any(
            name.lower() == b"transfer-encoding" for name, _ in answer.raw_headers
        )


class Answer:
    """An `HttpStream` that a `Connection` fills. It is its own iterator."""

    __slots__ = (
        "_alarm",
        "_deadlines",
        "_error",
        "_headers",
        "_late_code",
        "_late_time",
        "_parts",
        "_paused",
        "_size",
        "_waiter",
        "complete",
        "connection",
        "has_head",
        "keep_alive",
        "loop",
        "raw_headers",
        "status",
        "touched",
    )

    def __init__(self, connection: Connection, deadlines: Deadlines, alarm: "Alarm") -> None:
        self.connection = connection
        self._deadlines = deadlines
        self._alarm = alarm
        self.loop = alarm.loop
        self._parts: list[bytes] = []
        self._size = 0
        self._paused = False
        self._error: UpstreamError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._headers: Mapping[str, str] | None = None
        self._late_time, self._late_code = deadlines.first_token()
        self.raw_headers: list[tuple[bytes, bytes]] = []
        self.status = 0
        self.has_head = False
        self.complete = False
        self.keep_alive = False
        self.touched = False
        alarm.add(self)

    # The reader's side.

    @property
    def headers(self) -> Mapping[str, str]:
        if self._headers is None:
            self._headers = readable(self.raw_headers)
        return self._headers

    async def head(self) -> None:
        """Wait until status and headers are there."""
        while not self.has_head:
            if self._error is not None:
                raise self._error
            await self._wait()

    def chunks(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._parts:
            if self._error is not None:
                raise self._error
            if self.complete:
                raise StopAsyncIteration
            await self._wait()
        return self._take()

    async def read(self, limit: int) -> bytes:
        """See `HttpStream.read`."""
        parts = []
        size = 0
        async for chunk in self:
            parts.append(chunk)
            size += len(chunk)
            if size >= limit:
                break
        return (parts[0] if len(parts) == 1 else b"".join(parts))[:limit]

    def release(self) -> bool:
        """Stop reading: True if the connection can carry another request."""
        self._alarm.discard(self)
        kept = self.connection.finish()
        if kept and self._paused:
            self.connection.resume()  # Or nothing of the next answer would ever be read.
        return kept

    def _take(self) -> bytes:
        parts, self._parts = self._parts, []
        self._size = 0
        if self._paused:
            self._paused = False
            self.connection.resume()
        self._late_time, self._late_code = self._deadlines.next_chunk()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _wait(self) -> None:
        self._waiter = self.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def look(self, now: float) -> None:
        """Fail if it is too late by now; a reader who is busy elsewhere is late only in total."""
        if now >= self._late_time and (self._waiter is not None or self._late_code == _TOTAL):
            self.fail(late(self._late_code))
            self.connection.abort()  # Or a server that never pauses would go on for ever.
            self.wake()

    # The connection's side.

    def begin(self, status: int) -> None:
        self.status = status
        self.has_head = True

    def add(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size > _HIGH_WATER and not self._paused:
            self._paused = True
            self.connection.pause()

    def end(self, keep_alive: bool) -> None:
        self.complete = True
        self.keep_alive = keep_alive

    def fail(self, error: UpstreamError) -> None:
        if not self.complete and self._error is None:
            self._error = error

    def lose(self, url: str, *, clean: bool) -> None:
        """The connection ended: that is the end of an answer without a length, and an error of any other."""
        if clean and self.has_head and self._ends_with_connection():
            self.complete = True
        else:
            self.fail(cut() if self.has_head else disconnected(url))
        self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _ends_with_connection(self) -> bool:
        return "content-length" not in self.headers and "transfer-encoding" not in self.headers


class Alarm:
    """Looks at the deadlines of all answers that are read, fifty times a second while there are any.

    A timer for each would cost more than the rest of a request; so a timeout may come 20 ms late.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._answers: set[Answer] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, answer: Answer) -> None:
        self._answers.add(answer)
        if self._timer is None:
            self._timer = self.loop.call_later(_LOOK_EVERY_S, self._look)

    def discard(self, answer: Answer) -> None:
        self._answers.discard(answer)

    def _look(self) -> None:
        now = self.loop.time()
        for answer in list(self._answers):
            answer.look(now)
        self._timer = self.loop.call_later(_LOOK_EVERY_S, self._look) if self._answers else None
