"""One connection of a client: bytes into requests, one answered after the other."""

import asyncio
from collections import deque
from typing import Protocol, cast
from urllib.parse import unquote

import httptools

from homeport.sim.faults import Faults, number
from homeport.sim.record import Record, Seen
from homeport.sim.reply import Request
from homeport.sim.wire import Wire, reset

MAX_BODY_BYTES = 64 << 20
MAX_HEAD_BYTES = 256 << 10
_LINGER_S = 1.0
_CLOSING = frozenset({"close", "until-close", "refuse"})


class Host(Protocol):
    """What a connection needs of its server."""

    record: Record
    open_connections: "set[Connection]"

    async def answer(self, request: Request, wire: Wire, seen: Seen) -> Faults: ...

    async def control(self, request: Request, wire: Wire) -> None: ...


class Connection(asyncio.Protocol):
    """See the module."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._requests: deque[Request] = deque()
        self._task: asyncio.Task[None] | None = None
        self._seen: Seen | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._reset_on_reuse = False
        self._last = False
        self._pending = 0
        self._refused = False
        host.record.connections += 1
        self.number = host.record.connections

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop does not derive its own from it
        self._wire = Wire(self.transport)
        self._parser = httptools.HttpRequestParser(self)
        self._host.open_connections.add(self)
        self._host.record.wake()

    def connection_lost(self, error: Exception | None) -> None:
        self._host.open_connections.discard(self)
        self._stop_idling()
        self._wire.lose()
        if self._task is not None:
            if self._seen is not None and not self._seen.ended:
                self._seen.cancelled = True
            self._task.cancel()
        self._host.record.wake()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._stop_idling()
        if self._reset_on_reuse:
            reset(self.transport)
            return
        # The parser keeps what it has not understood yet, so that is what is counted.
        self._pending += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse()
        else:
            if self._pending > MAX_HEAD_BYTES:
                self._refuse()

    def pause_writing(self) -> None:
        self._wire.pause()

    def resume_writing(self) -> None:
        self._wire.resume()

    @property
    def idle(self) -> bool:
        """It is between two requests."""
        return self._task is None

    def reset(self) -> None:
        """End the connection with RST."""
        reset(self.transport)

    # The parser's side

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self._pending = 0
        if len(self._url) + sum(len(name) + len(value) for name, value in self._headers) > MAX_HEAD_BYTES:
            raise ValueError("the head is too large")  # The parser stops with an error of its own.
        if any(name == "expect" and value.lower() == "100-continue" for name, value in self._headers):
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._pending = 0
        self._body.append(body)
        self._size += len(body)
        if self._size > MAX_BODY_BYTES:
            raise ValueError("the body is too large")  # Likewise.

    def on_message_complete(self) -> None:
        self._pending = 0
        path, _, query = self._url.decode("latin-1").partition("?")
        request = Request(
            method=self._parser.get_method().decode("latin-1"),
            path=unquote(path),
            query=query,
            headers=dict(self._headers),
            body=b"".join(self._body),
        )
        self._last = not self._parser.should_keep_alive()
        self._requests.append(request)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._answer_all())

    # Answers

    async def _answer_all(self) -> None:
        try:
            while self._requests and not self.transport.is_closing():
                await self._follow(await self._answer(self._requests.popleft()))
        except Exception:
            # A defect of ours must not look like a stall that somebody asked for.
            self.transport.abort()
            raise
        finally:
            self._task = None

    async def _answer(self, request: Request) -> Faults:
        if request.path.startswith("/sim/"):
            await self._host.control(request, self._wire)
            return {}
        self._seen = seen = self._host.record.begin(self.number, request)
        try:
            faults = await self._host.answer(request, self._wire, seen)
            seen.ended = True
        finally:
            seen.bytes_sent -= min(seen.bytes_sent, self._wire.unsent)
            self._host.record.end(seen)
            self._seen = None
        return faults

    async def _follow(self, faults: Faults) -> None:
        """What becomes of the connection between two requests."""
        if "close-reset" in faults:
            await self._wire.reset()
        elif not _CLOSING.isdisjoint(faults) or (self._last and not self._requests):
            self.transport.close()
        elif "close-idle" in faults:
            self._idle = asyncio.get_running_loop().call_later(number(faults, "close-idle"), self.transport.close)
        self._reset_on_reuse = "close-reuse" in faults

    def _stop_idling(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _refuse(self) -> None:
        body = b'{"error": {"message": "Simulated: this is not a valid HTTP request", "type": "invalid_request_error"}}'
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        # Closing now, with bytes unread, would reset the connection, and the client might miss why.
        self.transport.write_eof()
        self._refused = True
        self._idle = asyncio.get_running_loop().call_later(_LINGER_S, self.transport.close)
