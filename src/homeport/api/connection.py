"""One HTTP exchange over ASGI: reading a bounded body, writing a response, noticing that the caller left."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping, MutableMapping
from typing import Any, TypeVar
from urllib.parse import quote

from homeport.core.errors import RequestTimeout, RequestTooLarge

Read = TypeVar("Read")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

READER, LATE, LEFT = "homeport.reader", "homeport.late", "homeport.left"
"""Entries of the scope: the task that waits for the body; that the server has cancelled it for want of one;
and what the server calls when the caller leaves before the end of the answer.

A task that waits for `http.disconnect` would do for the last, and cost more than the rest of this file."""

_PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
_TOO_LARGE_HINT = "send less, or raise server.max_body_bytes"


class Connection:
    """The `Wire` of the request path.

    Once the body is read, the task that read it is cancelled when the caller disconnects, until `close`.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, max_body: int) -> None:
        self._scope = scope
        self._headers = _combined(scope["headers"])
        self.path: str = scope.get("path", "")
        self.query: bytes = scope.get("query_string", b"")
        self._receive = receive
        self._send = send
        self._max_body = max_body
        self.disconnected = False
        self.started = False

    @property
    def address(self) -> str:
        """Where the caller connected from; "" where that is not known."""
        client = self._scope.get("client")
        return str(client[0]) if client else ""

    @property
    def scheme(self) -> str:
        """`http`, or `https` where the server speaks TLS itself."""
        return str(self._scope.get("scheme", "http"))

    def header(self, name: bytes) -> str | None:
        """A header's value, by its lower-case name; read as UTF-8, which clients send, or else as Latin-1.

        Of a header that was sent several times, all values, in order and with commas between them
        (RFC 9110, section 5.3): none of them can hide another.
        """
        value = self._headers.get(name)
        if value is None:
            return None
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode("latin-1")

    async def read_body(self, most: int | None = None) -> bytes:
        """The whole body.

        Args:
            most: a bound in bytes that is smaller than that of all bodies.

        Raises:
            RequestTooLarge: more than the bound, announced or sent.
            RequestTimeout: it did not come in time; the server says when that is.
            ConnectionResetError: the caller left before its end.
        """
        bound, hint = (self._max_body, _TOO_LARGE_HINT) if most is None else (min(most, self._max_body), "send less")
        self._check_announced_length(bound, hint)
        body = await self._in_time(self._whole_body(bound, hint))
        task = asyncio.current_task()
        assert task is not None

        def leave() -> None:
            self.disconnected = True
            task.cancel()

        self._scope[LEFT] = leave
        return body

    async def body_pieces(self, most: int, hint: str = _TOO_LARGE_HINT) -> AsyncGenerator[bytes, None]:
        """The body as it arrives; `most` is its bound in bytes. Raises what `read_body` does."""
        self._check_announced_length(most, hint)
        size, more = 0, True
        while more:
            piece, more = await self._in_time(self._next_piece())
            size += len(piece)
            if size > most:
                raise _too_large(most, hint)
            yield piece

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        self.started = True
        # One look at all of them: this is done for every answer, and almost all are plain.
        together = "".join(headers.values())
        write = str.encode if together.isascii() and together.isprintable() else _written
        pairs = [(name.encode("ascii"), write(value)) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})

    async def send(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes = b"") -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    def close(self) -> None:
        """The task has other work now; whoever leaves cancels nothing."""
        self._scope.pop(LEFT, None)

    async def _in_time(self, reading: Coroutine[Any, Any, Read]) -> Read:
        """Read on; the server cancels the task when it takes too long."""
        task = asyncio.current_task()
        assert task is not None
        self._scope[READER] = task
        try:
            return await reading
        except asyncio.CancelledError:
            if LATE not in self._scope:
                raise
            task.uncancel()
            raise RequestTimeout("the body did not come in time", hint="send it without pauses") from None
        finally:
            del self._scope[READER]

    async def _whole_body(self, most: int, hint: str) -> bytes:
        chunks: list[bytes] = []
        size, more = 0, True
        while more:
            piece, more = await self._next_piece()
            size += len(piece)
            if size > most:
                raise _too_large(most, hint)
            chunks.append(piece)
        return b"".join(chunks)

    async def _next_piece(self) -> tuple[bytes, bool]:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.disconnected = True
            raise ConnectionResetError("the caller left while sending the body")
        return message.get("body", b""), message.get("more_body", False)

    def _check_announced_length(self, most: int, hint: str) -> None:
        length = self.header(b"content-length")
        if length is not None and length.isdecimal() and int(length[:20]) > most:
            raise _too_large(most, hint)


def _written(value: str) -> bytes:
    """A header's value in bytes; percent-encoded where HTTP cannot carry it, as a model's name may be in any script."""
    try:
        return value.encode("latin-1") if value.isprintable() else quote(value, safe=_PLAIN).encode()
    except UnicodeEncodeError:
        return quote(value, safe=_PLAIN).encode()


def _combined(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for name, value in pairs:
        headers[name] = value if name not in headers else headers[name] + b", " + value
    return headers


def _too_large(most: int, hint: str) -> RequestTooLarge:
    return RequestTooLarge(f"the body is larger than {most} bytes", hint=hint)
