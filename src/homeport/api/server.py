"""The HTTP server: uvicorn, and how it begins, watches its connections and ends."""

import asyncio
import contextlib
import ctypes
import gc
import resource
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Any

import uvicorn

from homeport.api.protocol import MAX_HEAD_BYTES, Edge, Protocol

__all__ = ["MAX_HEAD_BYTES", "Edge", "Protocol", "Server", "listen", "make_server", "open_files"]

_TICKS_BETWEEN_CHECKS = 5
"""uvicorn ticks ten times a second."""
_TURNS_TO_ACCEPT = 4
_BPF_RETURN = 6
_SO_ATTACH_FILTER = 26
_M_ARENA_MAX = -8
_COLLECT_EVERY = (50_000, 2, 2)
"""Objects between two collections of the youngest generation, and how many of those an older one waits for.

With Python's own ten and ten, cycles that requests in progress held at such a moment would lie about for
millions of requests."""
_FILES_BESIDE_CONNECTIONS = 256


class Config(uvicorn.Config):
    """uvicorn's, with what its protocol needs to know."""

    edge = Edge()


class Server(uvicorn.Server):
    """uvicorn's, without its signal handlers: who runs it sets `should_exit`, and cleans up after it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's, after whoever has connected was accepted: closing the socket would reset them."""
        for sock in sockets or []:
            _let_nobody_connect(sock)
        for _ in range(_TURNS_TO_ACCEPT):
            await asyncio.sleep(0)
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_BETWEEN_CHECKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in tuple(self.server_state.connections):
                if isinstance(connection, Protocol):
                    connection.check(now)
        return await super().on_tick(counter)


def _let_nobody_connect(sock: socket.socket) -> None:
    """Drop what asks to connect, unanswered: it asks again a second later, when the socket is closed or another's.

    Linux alone can; elsewhere who connects in the moment before the socket is closed is reset.
    """
    if sys.platform == "linux":
        drop_all = ctypes.create_string_buffer(struct.pack("HBBI", _BPF_RETURN, 0, 0, 0))
        program = struct.pack("HP", 1, ctypes.addressof(drop_all))
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def make_server(app: Any, drain_seconds: int, edge: Edge | None = None) -> Server:
    """A server that, told to exit, stops accepting and lets requests end for `drain_seconds`."""
    edge = edge or Edge()
    config = Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=edge.idle_timeout,  # type: ignore[arg-type]  # a loop's delay: fractions are fine
        timeout_graceful_shutdown=drain_seconds,
    )
    config.edge = edge
    return Server(config)


def open_files(max_connections: int) -> None:
    """Raise this process's limit on open files to what the connections, and as many to upstreams, can need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * max_connections + _FILES_BESIDE_CONNECTIONS
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def share_memory() -> None:
    """One heap of the C library for all threads: each would keep its own at the largest page that it ever made.

    glibc alone has several. They spare waiting for each other, which the interpreter's lock makes them do anyway.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def collect_seldom() -> None:
    """What is here now stays; and what requests leave is looked for seldom: they make hardly a cycle."""
    gc.freeze()
    gc.set_threshold(*_COLLECT_EVERY)


def listen_together(host: str, port: int, count: int) -> list[socket.socket]:
    """Listening sockets of one port, one for each process: the kernel spreads new connections over them.

    Raises:
        OSError: the address is in use, or is not ours.
    """
    first = listen(host, port)
    if count == 1:
        return [first]
    # Sockets that share a port also share it with a stranger's, so first it was made sure that it is free.
    first.close()
    return [listen(host, port, shared=True) for _ in range(count)]


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket; connections wait in its backlog while no process accepts.

    Args:
        shared: other sockets of this user may listen on the same port.

    Raises:
        OSError: the address is in use, or is not ours.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    sock.listen(1024)
    sock.setblocking(False)
    return sock
