"""The server's side of a connection: uvicorn's on httptools, with bounds on size and time, and framing without guesses.

Whoever is slow here holds a connection and nothing else: a place among the requests in progress is
taken once the key is known, and given back when the body does not come.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import httptools
import msgspec
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from homeport.api import errors
from homeport.api.connection import LATE, LEFT, READER, Message, Receive, Scope, Send
from homeport.core.errors import CapacityError, HomeportError, InvalidRequest, RequestTimeout, RequestTooLarge

MAX_HEAD_BYTES = 64 << 10
"""Bound on a request's line and headers together, and on a chunked body's trailers."""

MAX_PIPELINED = 32
"""Requests that may wait on one connection for the answer to the one before."""

MIN_BYTES_PER_SECOND = 4 << 10
"""How fast a body must come on average, once `body_timeout` is over."""

LAST_REQUEST_SECONDS = 0.5
"""How long a server that ends waits for a request on a connection that has none."""

_FRAMING = (b"content-length", b"transfer-encoding")


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection may take, in seconds, before it is closed.

    Attributes:
        head_timeout: for a request's line and headers, from the first byte or the connection's start.
        body_timeout: without a byte of the body; and for all of it, what `MIN_BYTES_PER_SECOND` adds.
        idle_timeout: between two requests.
        send_timeout: while an answer waits to be read and nothing is.
        max_connections: one more is refused.
    """

    head_timeout: float = 10.0
    body_timeout: float = 30.0
    idle_timeout: float = 75.0
    send_timeout: float = 60.0
    max_connections: int = 4096


class Protocol(HttpToolsProtocol):
    """uvicorn's, which bounds neither headers nor time, with bounds; what it refuses has the shape of all errors.

    The parser keeps what it has not understood yet, so that is what is counted: the bytes that came
    since the last head, piece of body, or end of a message.
    """

    _pending = 0
    _head_too_large = False
    _deaf = False
    _muted = False
    _upgrading = False
    _leaving = False
    _in_head = False
    _in_body = False
    _now = 0.0
    _since: float | None = None  # when the head or the body that we wait for began
    _progress = 0.0
    _received = 0
    _unsent = 0
    _unsent_since = 0.0
    _running: RequestResponseCycle | None = None

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.edge: Edge = getattr(self.config, "edge", Edge())

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._since = self._unsent_since = self.loop.time()
        if len(self.connections) > self.edge.max_connections:
            hint = "try again after Retry-After seconds, or raise server.max_connections"
            message = f"there are {self.edge.max_connections} connections already"
            self._refuse("503 Service Unavailable", CapacityError(message, hint=hint))

    def connection_lost(self, exc: Exception | None) -> None:
        # uvicorn tells the newest request alone; the one that is being answered may be another.
        self.pipeline.clear()
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
            left: Callable[[], None] | None = self._running.scope.get(LEFT)  # type: ignore[assignment]  # our own entry
            if left is not None:
                left()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        self._now = self.loop.time()
        if self._since is None and not self._is_answering():
            self._since = self._now
        self._pending += len(data)
        self._feed(data)
        if self._pending > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse_head()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("")

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Go on in HTTP/1.1, as RFC 9110, section 7.8, allows.

        The parser takes what follows for another protocol. To us it is the body of the request, and
        never the next request, which is what the parser would read in it.
        """
        framing = [(name, value) for name, value in self.headers if name in _FRAMING]
        head = b"".join(b"%s: %s\r\n" % pair for pair in framing)
        self.parser = httptools.HttpRequestParser(self)
        self._muted = True
        self.parser.feed_data(b"POST / HTTP/1.1\r\n" + head)
        self._feed(b"\r\n" + rest)

    def on_message_begin(self) -> None:
        if self._muted:
            return
        if self._since is None:
            self._since = self._now
        self._in_head = True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._muted:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes after the head is a trailer, and no trailer becomes a header (RFC 9110, section 6.5.1).
        if not self._muted and not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._muted:
            self._muted = False
            return
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
            self._head_too_large = True
            raise ValueError("headers too large")  # The parser stops, and asks for send_400_response.
        self._check_framing()
        self._pending = self._received = 0
        self._since = self._progress = self._now
        self._in_head, self._in_body = False, True
        self._upgrading = self.parser.should_upgrade()
        super().on_headers_complete()
        if self._leaving:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._pending = 0
        self._received += len(body)
        self._progress = self._now
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._upgrading:  # too early: the body is still to come
            self._upgrading = False
            return
        self._pending = 0
        self._in_body = False
        self._since = None
        super().on_message_complete()

    def shutdown(self) -> None:
        """The server ends. What is being answered still is, and so is a request that is on its way already."""
        self._leaving = True
        if self._is_idle():
            self.loop.call_later(LAST_REQUEST_SECONDS, self._leave)
        else:
            super().shutdown()

    def _leave(self) -> None:
        if self._is_idle():
            self.transport.close()

    def _is_idle(self) -> bool:
        newest: RequestResponseCycle | None = self.cycle  # uvicorn's type leaves out that there may be none yet
        return newest is None or newest.response_complete

    def check(self, now: float) -> None:
        """End what takes too long; called twice a second. `now` is of the loop's clock."""
        self._check_sending(now)
        if self._since is None or self.transport.is_closing():
            return
        if self.flow.read_paused or (self._is_answering() and not self._is_reading_its_body()):
            self._since = self._progress = now  # It is we who let them wait.
        elif not self._in_body:
            if now - self._since > self.edge.head_timeout:
                self._end_late_head()
        elif (
            now - self._progress > self.edge.body_timeout
            or now - self._since > self.edge.body_timeout + self._received / MIN_BYTES_PER_SECOND
        ):
            self._end_late_body()

    def send_400_response(self, msg: str) -> None:
        if self._head_too_large:
            self._refuse_head()
            return
        hint = "check its headers and framing"
        self._refuse("400 Bad Request", InvalidRequest("this is not valid HTTP", code="invalid_http", hint=hint))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        old = cycle.scope["http_version"] == "1.0"
        super()._start_asgi_task(cycle, _until_close(cycle, app) if old else app)

    def _is_answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def _is_reading_its_body(self) -> bool:
        """Whether what comes now is the body of the request that is being answered."""
        return self._in_body and self._running is self.cycle

    def _check_framing(self) -> None:
        """What the parser lets through, and two servers might read in two ways (RFC 9112, section 11.2)."""
        version = self.parser.get_http_version()
        names = [name for name, _ in self.headers]
        codings = [value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"]
        if (
            version not in ("1.0", "1.1")
            or self.parser.get_method() == b"CONNECT"
            or names.count(b"host") > 1
            or (codings and (codings != [b"chunked"] or version == "1.0"))
            or len(self.pipeline) >= MAX_PIPELINED
        ):
            raise ValueError("refused")  # The parser stops, and asks for send_400_response.

    def _check_sending(self, now: float) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent < self._unsent:
            self._unsent_since = now
        self._unsent = unsent
        if now - self._unsent_since > self.edge.send_timeout:
            self.transport.abort()

    def _end_late_head(self) -> None:
        if not self._in_head:  # there is no request to answer
            self.transport.close()
            return
        hint = "send the request's line and headers without pauses"
        self._refuse("408 Request Timeout", RequestTimeout("the request's headers did not come in time", hint=hint))

    def _end_late_body(self) -> None:
        self._since = None
        reader: asyncio.Task[None] | None = self.scope.get(READER)  # type: ignore[assignment]  # our own entry
        if reader is not None:
            # Who reads it answers: in the caller's dialect, and into the ledger.
            self.scope[LATE] = True  # type: ignore[literal-required]  # our own entry
            reader.cancel()
        else:
            self.transport.close()

    def _refuse_head(self) -> None:
        message = f"the request's headers are larger than {MAX_HEAD_BYTES} bytes"
        error = RequestTooLarge(message, hint="send fewer or shorter headers")
        self._refuse("431 Request Header Fields Too Large", error)

    def _refuse(self, status: str, error: HomeportError) -> None:
        """Say why and close. While others wait for their answers, close after those, and say nothing in between."""
        self._deaf = True
        if self._is_answering() and not self._is_reading_its_body():
            if self._in_body:
                self.pipeline.popleft()  # the newest, whose body is broken
            last = self.pipeline[0][0] if self.pipeline else self._running
            assert last is not None, "somebody is being answered"
            last.keep_alive = False
        elif self._running is None or not self._running.response_started or self._running.response_complete:
            self._write_refusal(status, error)
        else:
            self.transport.close()

    def _write_refusal(self, status: str, error: HomeportError) -> None:
        reply = errors.reply(error, "")
        headers = {
            **reply.headers,
            "content-type": "application/json",
            "content-length": str(len(reply.body)),
            "connection": "close",
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + reply.body)
        self.transport.close()


def _until_close(cycle: RequestResponseCycle, app: ASGI3Application) -> ASGI3Application:
    """For HTTP/1.0, which knows no chunks: an answer of unknown length ends with the connection."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        unsized = False

        async def write(message: Message) -> None:
            nonlocal unsized
            if message["type"] == "http.response.start":
                unsized = all(name != b"content-length" for name, _ in message["headers"])
                if unsized:
                    cycle.chunked_encoding = False
            elif unsized:
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, write)  # type: ignore[arg-type]  # uvicorn's names for the same types

    return answer  # type: ignore[return-value]  # uvicorn's names for the same types
