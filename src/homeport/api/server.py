"""The HTTP server: uvicorn on httptools, with its refusals in OpenAI's shape."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from homeport.api import errors
from homeport.core.errors import InvalidRequest

_MALFORMED = errors.reply(
    InvalidRequest("this is not a valid HTTP request", code="invalid_http", hint="check its headers and framing"), ""
)


class Protocol(HttpToolsProtocol):
    """uvicorn's, but bytes that are not HTTP get the error shape of everything else."""

    def send_400_response(self, msg: str) -> None:
        head = (
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            f"content-length: {len(_MALFORMED.body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + _MALFORMED.body)
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
