"""HTTP for long transfers: blocking, one connection a call, nothing of the request path.

Layers of a package have gigabytes, and whoever fetches them waits for nothing else. So bodies stream
both ways from and to files, and every wait has a bound: an idle socket, and a whole call that takes
longer than its size allows. It follows redirects only in `follow`, keeps no cookies and decodes no bodies.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, BinaryIO, cast
from urllib.parse import urljoin, urlsplit

import msgspec

from homeport.core.errors import BadAnswer, ConnectFailed, StreamCut
from homeport.transport.deadlines import cut, disconnected, late, not_http, origin, too_large, unreachable
from homeport.transport.http import readable
from homeport.transport.pool import place_of

_BLOCK = 256 * 1024
_CONNECT_S = 10.0
_SLOWEST = 16 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})
_MAX_HEADER_BYTES = 64 * 1024


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an open file as the body of a request. `start` and `size` are in bytes."""

    file: BinaryIO
    start: int
    size: int
    done: Callable[[int], None] | None = None
    """Told how many bytes of the file were sent so far."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request.

    Attributes:
        url: absolute.
        expects: about how many bytes the answer has; with the body it decides how long the call may take.
        idle: the longest silence, in seconds.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = {}
    body: bytes | Segment = b""
    expects: int = 0
    idle: float = 60.0

    def __repr__(self) -> str:
        # Headers hold credentials and a query may hold a signature: neither belongs in a log.
        return f"Call({self.method} {self.url.partition('?')[0]})"

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return self.body.size if isinstance(self.body, Segment) else len(self.body)

    @property
    def longest(self) -> float:
        """Seconds that the whole call may take: a minute, and one second more for each 16 KiB."""
        return 60.0 + (self.size + self.expects) / _SLOWEST


class Reply:
    """An answer whose body still arrives. Reading raises `UpstreamTimeout`, `StreamCut` or `BadAnswer`."""

    def __init__(self, url: str, response: http.client.HTTPResponse) -> None:
        self.url = url
        self.status = response.status
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.getheaders()]
        self.headers: Mapping[str, str] = readable(raw)
        self._response = response

    def chunks(self) -> Iterator[bytes]:
        """The body, in pieces of up to 256 KiB."""
        while chunk := self._piece():
            yield chunk

    def read(self, limit: int) -> bytes:
        """The whole body. Raises `BadAnswer` where it has more than `limit` bytes."""
        data = self.start(limit + 1)
        if len(data) > limit:
            raise too_large(self.url, limit)
        return data

    def start(self, limit: int) -> bytes:
        """At most `limit` bytes of the body; the rest is dropped. For the bodies of errors."""
        data = bytearray()
        for chunk in self.chunks():
            data += chunk
            if len(data) >= limit:
                break
        return bytes(data[:limit])

    def _piece(self) -> bytes:
        try:
            chunk = self._response.read(_BLOCK)
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise cut() from error
        # `length` is what a body of known size still has; an early end is not told in any other way.
        if not chunk and self._response.length:
            raise cut()
        return chunk


class BlockingClient:
    """Sends calls. It has no state but its settings, so threads may share it."""

    def __init__(
        self,
        proxy: str = "",
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`proxy` is the URL of an HTTP proxy; `tls` is for certificates of your own."""
        self._proxy = proxy
        self._tls = tls
        self._clock = clock

    @contextmanager
    def send(self, call: Call) -> Generator[Reply]:
        """Entered when the head of the answer is there, of any status. Leaving it closes the connection.

        Raises:
            ConnectFailed, UpstreamTimeout, StreamCut, BadAnswer: as `transport.http.Transport`.
        """
        connection = self._connect(call)
        plain = connection.sock
        timed = _TimedSocket(plain, call, self._clock)
        # http.client only calls what `_TimedSocket` has.
        connection.sock = cast(socket.socket, timed)
        connection.auto_open = 0
        try:
            yield Reply(call.url, _exchange(connection, call, self._target(call.url)))
        finally:
            connection.close()
            plain.close()

    def _connect(self, call: Call) -> http.client.HTTPConnection:
        connection = self._unconnected(call.url)
        try:
            connection.connect()
        except TimeoutError as error:
            raise late("upstream_connect_timeout") from error
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(call.url, f"cannot be reached: {_reason(error)}") from error
        except UnicodeError:
            raise unreachable(call.url, "cannot be asked: its name is not valid") from None
        return connection

    def _unconnected(self, url: str) -> http.client.HTTPConnection:
        place = place_of(url)
        through = place_of(self._proxy) if self._proxy else place
        if not place.tls:
            return http.client.HTTPConnection(through.host, through.port, timeout=_CONNECT_S)
        connection = http.client.HTTPSConnection(
            through.host, through.port, timeout=_CONNECT_S, context=self._context()
        )
        if self._proxy:
            connection.set_tunnel(place.host, place.port)
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def _target(self, url: str) -> str:
        """What the request line names: the whole URL where a proxy is asked for plain HTTP."""
        place = place_of(url)
        return url if self._proxy and not place.tls else place.target


@contextmanager
def follow(client: BlockingClient, call: Call) -> Generator[Reply]:
    """Send a GET and follow its redirects: at most five, to https or, from this machine, to this machine.

    What is secret in the headers goes to the first origin only.

    Raises:
        BadAnswer: upstream_redirect_refused; and as `BlockingClient.send`.
    """
    for _ in range(_MAX_REDIRECTS + 1):
        with client.send(call) as reply:
            location = reply.headers.get("location")
            if reply.status not in _REDIRECTS or location is None:
                yield reply
                return
        call = _redirected(call, location)
    raise _refused(call.url, f"redirects more than {_MAX_REDIRECTS} times")


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine itself."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_safe(url: str) -> bool:
    """Whether nobody on the way can read or change what is sent: https, or this machine."""
    return urlsplit(url).scheme == "https" or is_loopback(url)


def same_origin(one: str, other: str) -> bool:
    """Whether two URLs have one scheme, host and port."""
    return place_of(one)[:3] == place_of(other)[:3]


def _redirected(call: Call, location: str) -> Call:
    try:
        url = urljoin(call.url, location)
        place_of(url)
        # A site elsewhere must not make this machine ask its own services.
        allowed = is_safe(url) and (is_loopback(call.url) or not is_loopback(url))
    except (ValueError, ConnectFailed):
        allowed = False
    if not allowed:
        raise _refused(call.url, "redirects to an address that is not https")
    headers = call.headers
    if not same_origin(call.url, url):
        headers = {name: value for name, value in headers.items() if name.lower() not in _SECRET_HEADERS}
    return msgspec.structs.replace(call, url=url, headers=headers)


def _refused(url: str, why: str) -> BadAnswer:
    return BadAnswer(
        f"{origin(url)} {why}", code="upstream_redirect_refused", hint="name the address that it should lead to"
    )


def _exchange(connection: http.client.HTTPConnection, call: Call, target: str) -> http.client.HTTPResponse:
    """Write the request and read the head of the answer."""
    try:
        _write(connection, call, target)
    except (BrokenPipeError, ConnectionResetError):
        # A server that refuses a large body says so, and does not read on; its answer is read below.
        pass
    except (ValueError, http.client.HTTPException):
        # What http.client says here quotes the header: it must not travel in the traceback.
        raise unreachable(call.url, "cannot be asked: its address or a header is not valid") from None
    except OSError as error:
        raise disconnected(call.url) from error
    response = http.client.HTTPResponse(connection.sock, method=call.method)
    try:
        response.begin()
    except (http.client.RemoteDisconnected, OSError) as error:
        raise disconnected(call.url) from error
    except (http.client.HTTPException, ValueError) as error:
        raise not_http(call.url) from error
    if sum(len(name) + len(value) for name, value in response.getheaders()) > _MAX_HEADER_BYTES:
        raise not_http(call.url)
    return response


def _write(connection: http.client.HTTPConnection, call: Call, target: str) -> None:
    connection.putrequest(call.method, target, skip_host=True, skip_accept_encoding=True)
    own = {
        "host": place_of(call.url).authority,
        "user-agent": "homeport",
        "accept-encoding": "identity",
        "connection": "close",
    }
    for name, value in {**own, **call.headers}.items():
        connection.putheader(name, value)
    if call.size or call.method not in {"GET", "HEAD"}:
        connection.putheader("content-length", str(call.size))
    connection.endheaders()
    for block in _blocks(call.body):
        connection.send(block)


def _blocks(body: bytes | Segment) -> Iterator[bytes]:
    if isinstance(body, bytes):
        if body:
            yield body
        return
    body.file.seek(body.start)
    left = body.size
    while left and (block := body.file.read(min(_BLOCK, left))):
        yield block
        left -= len(block)
        if body.done is not None:
            body.done(body.start + body.size - left)
    if left:
        raise StreamCut("the file that is sent became shorter", hint="send it again")


class _TimedSocket:
    """A socket that keeps to a call's bounds: `settimeout` alone lets a drop a minute go on for ever."""

    def __init__(self, sock: socket.socket, call: Call, clock: Callable[[], float]) -> None:
        self._sock = sock
        self._clock = clock
        self._idle = call.idle
        self._until = clock() + call.longest

    def sendall(self, data: bytes) -> None:
        with self._bounded():
            self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self))

    def recv_into(self, buffer: Any) -> int:
        with self._bounded():
            return self._sock.recv_into(buffer)

    def close(self) -> None:
        """Nothing yet: http.client closes the connection when it has the head, and the body still arrives."""

    @contextmanager
    def _bounded(self) -> Generator[None]:
        left = self._until - self._clock()
        if left <= 0:
            raise late("upstream_total_timeout")
        self._sock.settimeout(min(self._idle, left))
        try:
            yield
        except TimeoutError as error:
            raise late("upstream_stalled" if self._idle < left else "upstream_total_timeout") from error


class _Incoming(io.RawIOBase):
    def __init__(self, sock: _TimedSocket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._sock.recv_into(buffer)


def _reason(error: Exception) -> str:
    """What the system says, without the address, which may be a private one."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
