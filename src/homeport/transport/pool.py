"""The transport of the request path: a thin pooled HTTP/1.1 client on httptools.

It follows no redirects, keeps no cookies, reads no proxy settings and decodes no bodies. What it
does not do (proxies), `fallback` does.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from homeport.core.errors import ConnectFailed, StreamCut
from homeport.transport.connection import Alarm, Answer, Connection
from homeport.transport.deadlines import Deadlines, late, shut_down, too_large, unreachable
from homeport.transport.http import DEFAULT_MAX_BODY, HttpRequest, HttpResponse, HttpStream

_KEEPALIVE_S = 30.0
_DEFAULT_HEADERS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "homeport"}
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_VISIBLE = re.compile(r"[\x21-\x7e]+")


class Place(NamedTuple):
    """Where a URL points, taken apart once."""

    host: str
    port: int
    tls: bool
    authority: str
    target: str


class PooledTransport:
    """A `Transport`: kept-alive connections by origin, the newest first, without a limit of its own."""

    def __init__(self, max_body: int = DEFAULT_MAX_BODY, tls: ssl.SSLContext | None = None) -> None:
        """`max_body` is the size in bytes that a whole answer may have; `tls` is for certificates of your own."""
        self._max_body = max_body
        self._tls = tls
        self._idle: dict[tuple[str, int, bool], dict[Connection, None]] = {}
        self._all: set[Connection] = set()
        self._heads: dict[tuple[str, str, tuple[tuple[str, str], ...]], bytes] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._alarm: Alarm | None = None
        self._closed = False

    @property
    def connections(self) -> int:
        """How many are open, idle ones included."""
        return len(self._all)

    async def post(self, request: HttpRequest) -> HttpResponse:
        """See `Transport.post`."""
        answer = await self._open(request)
        try:
            body = await answer.read(self._max_body + 1)
            if len(body) > self._max_body:
                raise too_large(request.url, self._max_body)
            return HttpResponse(status=answer.status, raw_headers=answer.raw_headers, body=body)
        finally:
            self._give_back(request.url, answer)

    @asynccontextmanager
    async def stream(self, request: HttpRequest) -> AsyncGenerator[HttpStream]:
        """See `Transport.stream`."""
        answer = await self._open(request)
        try:
            yield answer
        finally:
            self._give_back(request.url, answer)

    async def close(self) -> None:
        """See `Transport.close`."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self._all):
            connection.abort()

    async def _open(self, request: HttpRequest) -> Answer:
        """An answer whose head is there."""
        if self._closed:
            raise shut_down(request.url)
        place = place_of(request.url)
        message = self._head(request, place) + request.body
        alarm = self._alarm or self._begin()
        deadlines = Deadlines(request.timeouts, alarm.loop)
        idle = self._idle.get((place.host, place.port, place.tls))
        if idle:
            answer = idle.popitem()[0].send(message, deadlines)
            try:
                return await _with_head(answer)
            except StreamCut:
                # The server closed a kept-alive connection just as we used it. It said nothing, so it never
                # saw the request, and asking again is safe; on a new connection, because others may be stale too.
                if answer.touched or not deadlines.just_began:
                    raise
        connection = await self._connect(request.url, place, deadlines, alarm)
        return await _with_head(connection.send(message, deadlines))

    def _begin(self) -> Alarm:
        self._alarm = Alarm(asyncio.get_running_loop())
        return self._alarm

    async def _connect(self, url: str, place: Place, deadlines: Deadlines, alarm: Alarm) -> Connection:
        until, code = deadlines.connect()
        try:
            async with asyncio.timeout_at(until):
                _, connection = await alarm.loop.create_connection(
                    lambda: Connection(url, alarm, self._forget),
                    place.host,
                    place.port,
                    ssl=self._context() if place.tls else None,
                )
        except TimeoutError as error:
            raise late(code) from error
        except OSError as error:
            raise unreachable(url, f"cannot be reached: {_reason(error)}") from error
        except UnicodeError:  # a name that no DNS can hold: a label of it is empty, or too long
            raise _cannot_ask(url) from None
        self._all.add(connection)
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def _give_back(self, url: str, answer: Answer) -> None:
        connection = answer.connection
        if not answer.release():
            return
        place = place_of(url)
        loop = answer.loop
        connection.idle_since = loop.time()
        self._idle.setdefault((place.host, place.port, place.tls), {})[connection] = None
        if self._sweeper is None:
            self._sweeper = loop.call_later(_KEEPALIVE_S, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle for long; look again as long as something is idle."""
        loop = asyncio.get_running_loop()
        self._sweeper = None
        for connections in self._idle.values():
            for connection in [each for each in connections if each.idle_since <= loop.time() - _KEEPALIVE_S]:
                connection.abort()
        if any(self._idle.values()):
            self._sweeper = loop.call_later(_KEEPALIVE_S / 2, self._sweep)

    def _forget(self, connection: Connection) -> None:
        self._all.discard(connection)
        for connections in self._idle.values():
            connections.pop(connection, None)

    def _head(self, request: HttpRequest, place: Place) -> bytes:
        """Everything before the body. What is the same for each request of an upstream is written once."""
        key = (request.method, request.url, tuple(request.headers.items()))
        head = self._heads.get(key)
        if head is None:
            if len(self._heads) >= 256:
                self._heads.clear()
            head = self._heads[key] = _write_head(request, place)
        if request.own_headers:
            head += _write_lines(
                request.url,
                {name: value for name, value in request.own_headers.items() if name not in request.headers},
            )
        if request.method == "GET":
            return head + b"\r\n"
        return b"%bcontent-length: %d\r\n\r\n" % (head, len(request.body))


async def _with_head(answer: Answer) -> Answer:
    try:
        await answer.head()
    except BaseException:  # a cancelled caller too: whatever ends the wait ends the connection; raised again
        answer.release()
        raise
    return answer


@lru_cache(maxsize=256)
def place_of(url: str) -> Place:
    """Raises `ConnectFailed` for what is not an address that HTTP can carry."""
    try:
        parts = urlsplit(url)
        tls = {"http": False, "https": True}[parts.scheme]
        host, port = parts.hostname, parts.port or (443 if tls else 80)
    except (ValueError, KeyError):
        raise _cannot_ask(url) from None
    authority = parts.netloc.rpartition("@")[2]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not host or not _VISIBLE.fullmatch(url):
        raise _cannot_ask(url)
    return Place(host, port, tls, authority, target)


def _write_head(request: HttpRequest, place: Place) -> bytes:
    headers: Mapping[str, str] = _DEFAULT_HEADERS | {name.lower(): value for name, value in request.headers.items()}
    first = f"{request.method} {place.target} HTTP/1.1\r\nhost: {place.authority}\r\n"
    return first.encode("latin-1") + _write_lines(request.url, headers)


def _write_lines(url: str, headers: Mapping[str, str]) -> bytes:
    if not all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in headers.items()):
        raise _cannot_ask(url)
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()]).encode("latin-1")


def _cannot_ask(url: str) -> ConnectFailed:
    return unreachable(url, "cannot be asked: its base_url or a header is not valid")


def _reason(error: OSError) -> str:
    """What the system says, without the address, which may be a private one."""
    return error.strerror or type(error).__name__
