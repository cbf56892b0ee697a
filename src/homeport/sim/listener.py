"""The listening socket, and what goes wrong before the first byte of HTTP."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from enum import StrEnum

from homeport.sim.connection import Connection
from homeport.sim.wire import reset

_BACKLOG = 1024
_RETRY_S = 0.05
_GARBAGE = b"\x00\x16garbage instead of a handshake\r\n\xff\xfe" * 4


class Mode(StrEnum):
    """How connections are received."""

    OPEN = "open"
    REFUSE = "refuse"  # nothing listens, so the kernel refuses
    HANG = "hang"  # the queue of connections is full, so that connecting does not end
    SILENT = "silent"  # connections are made and never read
    GARBAGE = "garbage"  # bytes that are neither TLS nor HTTP, at once, and the end
    RESET = "reset"  # connections are made and reset at once


class Listener:
    """Accepts connections on one address, which it keeps through every change of mode."""

    def __init__(self, host: str, port: int, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._held: list[socket.socket] = []
        self._accepting: asyncio.Task[None] | None = None
        self._reopening: asyncio.Task[None] | None = None
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._socket: socket.socket | None = _listen(host, port)
        self._address: tuple[str, int] = self._socket.getsockname()[:2]
        self.mode = Mode.OPEN

    @property
    def port(self) -> int:
        return self._address[1]

    def start(self) -> None:
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    async def change(self, mode: Mode, seconds: float = 0.0) -> None:
        """Receive connections in another way; after `seconds` as always again, if that is not 0."""
        await self._pause()
        self.mode = mode
        if mode is Mode.REFUSE:
            self._close_socket()
        else:
            self._socket = self._socket or _listen(*self._address)
            if mode is Mode.HANG:
                await self._fill()
            else:
                self._socket.listen(_BACKLOG)
                self.start()
        self._is_open.set() if mode is Mode.OPEN else self._is_open.clear()
        if seconds:
            self._reopening = asyncio.get_running_loop().create_task(self._reopen(seconds))

    async def wait_open(self) -> None:
        """Until connections are received as always."""
        await self._is_open.wait()

    async def close(self) -> None:
        await self._pause()
        self._close_socket()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        assert self._socket is not None
        while True:
            try:
                sock, _ = await loop.sock_accept(self._socket)
            except OSError:  # Too many open files: others will be closed.
                await asyncio.sleep(_RETRY_S)
                continue
            if self.mode is Mode.SILENT:
                self._held.append(sock)
                continue
            with contextlib.suppress(OSError):  # The client may be gone already.
                await self._receive(sock)

    async def _receive(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport, _ = await asyncio.get_running_loop().connect_accepted_socket(self._connect, sock)
        if self.mode is Mode.RESET:
            reset(transport)
        elif self.mode is Mode.GARBAGE:
            transport.write(_GARBAGE)
            transport.close()

    async def _reopen(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.change(Mode.OPEN)

    async def _fill(self) -> None:
        """Fill the queue of connections with our own, so that the kernel drops what comes after."""
        assert self._socket is not None
        self._socket.listen(0)
        for _ in range(4):
            sock = socket.socket(self._socket.family, socket.SOCK_STREAM)
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sock.connect(self._address)
            self._held.append(sock)
        await asyncio.sleep(0.05)

    async def _pause(self) -> None:
        if self._reopening is not None and self._reopening is not asyncio.current_task():
            self._reopening.cancel()
        self._reopening = None
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
            self._accepting = None
        for sock in self._held:
            sock.close()
        self._held.clear()

    def _close_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    sock.listen(_BACKLOG)
    sock.setblocking(False)
    return sock
