"""The server on a real socket: what is not HTTP, what is too long, who leaves, and how it ends."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from homeport.api.server import MAX_HEAD_BYTES, Protocol, listen, listen_together, make_server
from homeport.core.types import Outcome
from tests.fakes.house import MID, OPEN, STREAM, House, target
from tests.fakes.upstream import Hang, said, spoken, whole

BODY = b'{"model":"auto","messages":[{"role":"user","content":"x"}]}'
HEAD = f"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {OPEN}\r\n".encode()
REQUEST = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with listen("127.0.0.1", 0) as sock:
        yield sock


@asynccontextmanager
async def serving(house: House, sock: socket.socket) -> AsyncIterator[None]:
    server = make_server(house.app, drain_seconds=5)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def open_to(sock: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(*sock.getsockname())


async def send(sock: socket.socket, *pieces: bytes) -> bytes:
    """What comes back until the server closes; we say no more after the pieces."""
    reader, writer = await open_to(sock)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def error_of(response: bytes) -> tuple[int, str]:
    head, _, body = response.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head
    assert b"connection: close" in head
    assert f"content-length: {len(body)}".encode() in head
    return int(head.split()[1]), json.loads(body)["error"]["code"]


MALFORMED = [
    b"\r\n\x00\r\n\r\n",
    b"hello\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    b"GET / HTTP/1.1\r\na b: c\r\n\r\n",
    HEAD + b"Content-Length: -1\r\n\r\n",
    HEAD + b"Content-Length: x\r\n\r\n",
    HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n",
    HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
]


async def test_what_is_not_http_is_told_so_in_json(sock: socket.socket) -> None:
    house = House(MID)
    house.upstreams["mid"].script(whole())
    async with serving(house, sock):
        for malformed in MALFORMED:
            assert error_of(await send(sock, malformed)) == (400, "invalid_http"), malformed
    assert house.calls() == []


class Socket(asyncio.Transport):
    """The server's side of a connection of which a test feeds the bytes; a real one may be reset before it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        assert not self.closed
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


LONG = b"x" * (MAX_HEAD_BYTES * 10)
HEADS = {
    "line": b"GET /livez?" + LONG,
    "name": b"GET /livez HTTP/1.1\r\n" + LONG,
    "value": b"GET /livez HTTP/1.1\r\na: " + LONG,
    "many": b"GET /livez HTTP/1.1\r\n" + b"a: b\r\n" * MAX_HEAD_BYTES * 2,
    "chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;" + LONG,
    "trailer": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nt: " + LONG,
    "trailers": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" + b"a: b\r\n" * MAX_HEAD_BYTES * 2,
}


def connected(house: House) -> tuple[Protocol, Socket]:
    server = make_server(house.app, drain_seconds=1)
    server.config.load()
    protocol, transport = Protocol(server.config, server.server_state, {}), Socket()
    protocol.connection_made(transport)
    return protocol, transport


@pytest.mark.parametrize("size", [1_000, 65_536, 262_144])
@pytest.mark.parametrize("case", HEADS)
async def test_a_head_has_a_bound(case: str, size: int) -> None:
    """Nobody has shown a key yet, so this is all the memory that a stranger can have."""
    protocol, transport = connected(House(MID))
    head = HEADS[case]
    taken = 0
    while taken < len(head) and not transport.closed:
        protocol.data_received(head[taken : taken + size])
        taken += size
    assert transport.closed
    assert taken <= MAX_HEAD_BYTES + 1_000 + 2 * size, "what came with the head itself is not counted again"
    assert error_of(transport.written) == (431, "request_too_large")
    protocol.connection_lost(None)


@pytest.mark.parametrize("length", [MAX_HEAD_BYTES - 100, MAX_HEAD_BYTES + 100])
async def test_a_whole_head_that_comes_at_once_has_the_same_bound(length: int) -> None:
    protocol, transport = connected(House(MID))
    protocol.data_received(b"GET /livez HTTP/1.1\r\na: " + b"x" * length + b"\r\n\r\n")
    assert transport.closed is (length > MAX_HEAD_BYTES)
    protocol.connection_lost(None)


async def test_a_long_connection_and_a_long_body_are_not_a_long_head() -> None:
    house = House(MID, max_body=10_000_000)
    protocol, transport = connected(house)
    for _ in range(200):
        protocol.data_received(b"GET /livez HTTP/1.1\r\na: " + b"x" * 1_000 + b"\r\n\r\n")
        await asyncio.sleep(0)
    protocol.data_received(HEAD + b"Content-Length: 1000000\r\n\r\n")
    for _ in range(10):
        protocol.data_received(b"x" * 100_000)
        await asyncio.sleep(0)
    assert not transport.closed
    assert transport.written.count(b"HTTP/1.1 200 OK") == 200
    protocol.connection_lost(None)


async def test_requests_of_one_connection(sock: socket.socket) -> None:
    house = House(MID)
    house.upstreams["mid"].script(whole(), whole(), spoken("a", "b"))
    async with serving(house, sock):
        close = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        body = json.dumps(STREAM).encode()
        chunked = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
        response = await send(sock, REQUEST[:50], REQUEST[50:] + REQUEST, close + chunked)
    assert response.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert response.count(whole().body) == 2
    assert said("a").data in response
    assert response.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert [event.outcome for event in house.recorder.events] == [Outcome.COMPLETED] * 3


async def test_a_slash_in_a_name_may_be_encoded(sock: socket.socket) -> None:
    house = House(target("org/m"))
    async with serving(house, sock):
        for path in (b"/v1/models/org/m", b"/v1/models/org%2Fm", b"/v1/models/org%2fm?x=1"):
            head = b"GET %s HTTP/1.1\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n"
            response = await send(sock, head % (path, OPEN.encode()))
            assert b'"id":"org/m"' in response


async def test_head_has_no_body(sock: socket.socket) -> None:
    async with serving(House(MID), sock):
        response = await send(sock, b"HEAD /livez HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 200 OK\r\n")
    assert response.endswith(b"\r\n\r\n")


async def test_a_caller_that_hangs_up_cancels_its_upstream(sock: socket.socket) -> None:
    house = House(MID)
    house.upstreams["mid"].script(Hang(), [said("a"), Hang()])
    async with serving(house, sock):
        for body in (BODY, json.dumps(STREAM).encode()):
            house.upstreams["mid"].hanging.clear()
            _, writer = await open_to(sock)
            writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            await house.upstreams["mid"].hanging.wait()
            writer.transport.abort()
            while len(house.recorder.events) < len(house.upstreams["mid"].calls):
                await asyncio.sleep(0.001)
    assert [event.outcome for event in house.recorder.events] == [Outcome.CANCELLED] * 2
    assert house.upstreams["mid"].cancelled == 2


async def test_told_to_stop_it_lets_requests_end(sock: socket.socket) -> None:
    house = House(MID)
    go_on = asyncio.Event()

    class Waiting:
        async def __call__(self, scope: object, receive: object, send: object) -> None:
            reached.set()
            await go_on.wait()
            await house.app(scope, receive, send)  # type: ignore[arg-type]

    reached = asyncio.Event()
    house.upstreams["mid"].script(whole())
    server = make_server(Waiting(), drain_seconds=5)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    asking = asyncio.create_task(send(sock, REQUEST))
    await reached.wait()
    server.should_exit = True
    while not server.servers or server.servers[0].is_serving():
        await asyncio.sleep(0.001)
    go_on.set()
    assert whole().body in await asking
    await task


@pytest.mark.parametrize("used", [False, True], ids=["new", "kept alive"])
async def test_a_request_on_its_way_is_answered_while_it_stops(sock: socket.socket, used: bool) -> None:
    house = House(MID)
    house.upstreams["mid"].script(whole())
    server = make_server(house.app, drain_seconds=5)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    reader, writer = await open_to(sock)
    if used:
        writer.write(REQUEST)
        await reader.readuntil(whole().body)
    while not server.server_state.connections:
        await asyncio.sleep(0.001)
    server.should_exit = True
    while server.servers[0].is_serving():
        await asyncio.sleep(0.001)
    writer.write(REQUEST)
    answer = await reader.read()
    assert whole().body in answer
    assert b"connection: close" in answer
    await task
    writer.close()


def test_sockets_that_share_a_port_are_made_only_where_it_is_free() -> None:
    [one] = listen_together("127.0.0.1", 0, 1)
    port = one.getsockname()[1]
    with pytest.raises(OSError, match="in use"):
        listen_together("127.0.0.1", port, 3)
    one.close()
    three = listen_together("127.0.0.1", port, 3)
    assert [each.getsockname()[1] for each in three] == [port] * 3
    for each in three:
        each.close()


def test_an_address_that_is_taken(sock: socket.socket) -> None:
    with pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", sock.getsockname()[1])


def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(OSError):
        listen("192.0.2.1", 0)
