"""A raw TCP server for tests of HTTP clients: each test writes the server's side of the talk."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from homeport.core.types import Timeouts
from homeport.transport.http import HttpRequest

SECRET = "top-secret"
PATIENT = Timeouts(connect=5, first_token=20, between_tokens=20, total=60)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Kind: A\r\n\r\n"
Handler = Callable[["Peer"], Awaitable[None]]


class Peer:
    """The server's side of one connection."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer

    async def request(self) -> bytes:
        """The next request's head and body; b"" when the client closed instead."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return head + await self.reader.readexactly(int(length.partition(b":")[2]))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


class Server:
    """A TCP server of one handler; it counts connections."""

    def __init__(self, handler: Handler) -> None:
        self.connections = 0
        self.url = ""
        self._handler = handler

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._handler(Peer(self.connections, reader, writer))
        finally:
            writer.close()


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[Server]:
    server = Server(handler)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1/chat?key={SECRET}"
    try:
        yield server
    finally:
        listener.close()


def ask(url: str, timeouts: Timeouts = PATIENT, body: bytes = b"{}") -> HttpRequest:
    return HttpRequest(url=url, headers={"authorization": f"Bearer {SECRET}"}, body=body, timeouts=timeouts)


def quick(**bounds: float) -> Timeouts:
    return Timeouts(**({"connect": 5, "first_token": 20, "between_tokens": 20, "total": 60} | bounds))


async def answer_all(peer: Peer, answer: bytes = OK) -> None:
    while await peer.request():
        await peer.send(answer)
