"""A house behind the real server on a real socket, and callers that send bytes."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from homeport.api.server import Edge, listen, make_server
from tests.fakes.house import OPEN, House

BODY = b'{"model":"auto","messages":[{"role":"user","content":"x"}]}'
START = b"POST /v1/chat/completions HTTP/1.1\r\n"
HEAD = START + b"Host: h\r\nAuthorization: Bearer %s\r\n" % OPEN.encode()
REQUEST = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Front:
    """Where it listens."""

    def __init__(self, sock: socket.socket) -> None:
        self._address = sock.getsockname()

    async def open(self) -> Peer:
        return await asyncio.open_connection(*self._address)

    async def send(self, *pieces: bytes) -> bytes:
        """All that comes back until the server closes; each piece is a write of its own."""
        reader, writer = await self.open()
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await all_of(reader)
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async def trickle(self, *pieces: bytes) -> bytes:
        """The same with pauses of a tenth of a second, until all is sent or the server has closed."""
        reader, writer = await self.open()
        answer = asyncio.create_task(all_of(reader))
        for piece in pieces:
            if answer.done():
                break
            writer.write(piece)
            await asyncio.wait([answer], timeout=0.1)
        writer.close()
        return await answer


async def all_of(reader: asyncio.StreamReader) -> bytes:
    """What comes until the end, also where that is a reset: the server need not read what we still send."""
    received = b""
    try:
        while piece := await reader.read(65_536):
            received += piece
    except ConnectionError:
        pass
    return received


@asynccontextmanager
async def front(house: House, edge: Edge | None = None) -> AsyncIterator[Front]:
    with listen("127.0.0.1", 0) as sock:
        server = make_server(house.app, drain_seconds=5, edge=edge)
        task = asyncio.create_task(server.serve(sockets=[sock]))
        try:
            yield Front(sock)
        finally:
            server.should_exit = True
            await task


def statuses(response: bytes) -> list[bytes]:
    """The status lines in what came back: one for each answer."""
    return re.findall(rb"HTTP/1\.1 \d{3} [A-Za-z -]+(?=\r\n)", response)
