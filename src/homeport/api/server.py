"""The HTTP server: uvicorn on httptools, with bounded heads and its refusals in OpenAI's shape."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from homeport.api import errors
from homeport.core.errors import HomeportError, InvalidRequest, RequestTooLarge

MAX_HEAD_BYTES = 64 << 10
"""Bound on a request's line and headers together, and on a chunked body's trailers."""


class Protocol(HttpToolsProtocol):
    """uvicorn's, which has no bound on headers, with one; and what it refuses has the shape of all errors.

    The parser keeps what it has not understood yet, so that is what is counted: the bytes that came
    since the last head, piece of body, or end of a message.
    """

    _pending = 0
    _head_too_large = False

    def data_received(self, data: bytes) -> None:
        self._pending += len(data)
        super().data_received(data)
        if self._pending > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse_head()

    def on_headers_complete(self) -> None:
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
            self._head_too_large = True
            raise ValueError("headers too large")  # The parser stops, and asks for send_400_response.
        self._pending = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._pending = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if self._head_too_large:
            self._refuse_head()
            return
        hint = "check its headers and framing"
        self._refuse("400 Bad Request", InvalidRequest("this is not valid HTTP", code="invalid_http", hint=hint))

    def _refuse_head(self) -> None:
        message = f"the request's headers are larger than {MAX_HEAD_BYTES} bytes"
        error = RequestTooLarge(message, hint="send fewer or shorter headers")
        self._refuse("431 Request Header Fields Too Large", error)

    def _refuse(self, status: str, error: HomeportError) -> None:
        body = errors.reply(error, "").body
        head = (
            f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


class Server(uvicorn.Server):
    """uvicorn's, without its signal handlers: who runs it sets `should_exit`, and cleans up after it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def make_server(app: Any, drain_seconds: int) -> Server:
    """A server that, told to exit, stops accepting and lets requests end for `drain_seconds`."""
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=drain_seconds,
    )
    return Server(config)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; connections wait in its backlog while no process accepts.

    Raises:
        OSError: the address is in use, or is not ours.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    sock.listen(1024)
    sock.setblocking(False)
    return sock
