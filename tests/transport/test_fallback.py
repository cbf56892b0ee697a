import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from homeport.core.errors import BadAnswer, ConnectFailed, StreamCut, UpstreamError, UpstreamTimeout
from homeport.core.types import Timeouts
from homeport.transport.fallback import AiohttpTransport
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


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport(max_body=1000)
    yield transport
    await transport.close()


def ask(url: str, timeouts: Timeouts = PATIENT, body: bytes = b"{}") -> HttpRequest:
    return HttpRequest(url=url, headers={"authorization": f"Bearer {SECRET}"}, body=body, timeouts=timeouts)


def quick(**bounds: float) -> Timeouts:
    return Timeouts(**({"connect": 5, "first_token": 20, "between_tokens": 20, "total": 60} | bounds))


async def answer_all(peer: Peer, answer: bytes = OK) -> None:
    while await peer.request():
        await peer.send(answer)


async def read_all(transport: AiohttpTransport, request: HttpRequest) -> list[bytes]:
    async with transport.stream(request) as answer:
        return [chunk async for chunk in answer.chunks()]


async def test_a_post_gives_the_whole_answer_and_keeps_the_connection(transport: AiohttpTransport) -> None:
    async with serving(answer_all) as server:
        for _ in range(3):
            response = await transport.post(ask(server.url))
            assert (response.status, response.body, response.headers["content-length"]) == (200, b"ok", "2")
        assert server.connections == 1


async def test_what_is_sent(transport: AiohttpTransport) -> None:
    seen: list[bytes] = []

    async def handler(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.send(OK)

    async with serving(handler) as server:
        await transport.post(ask(server.url, body=b'{"a":1}'))
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert body == b'{"a":1}'
    assert b"accept-encoding: identity" in head.lower()
    assert f"authorization: Bearer {SECRET}".encode() in head
    assert b"cookie" not in head.lower()


async def test_a_stream_ends_and_gives_its_connection_back(transport: AiohttpTransport) -> None:
    async with serving(lambda peer: answer_all(peer, CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")) as server:
        for _ in range(2):
            async with transport.stream(ask(server.url)) as answer:
                assert answer.status == 200
                assert answer.headers["x-kind"] == "A"
                assert b"".join([chunk async for chunk in answer.chunks()]) == b"abcde"
        assert server.connections == 1


async def test_redirects_and_cookies_are_left_alone(transport: AiohttpTransport) -> None:
    redirect = b"HTTP/1.1 302 F\r\nLocation: /other\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    seen: list[bytes] = []

    async def handler(peer: Peer) -> None:
        while request := await peer.request():
            seen.append(request)
            await peer.send(redirect)

    async with serving(handler) as server:
        assert (await transport.post(ask(server.url))).status == 302
        await transport.post(ask(server.url))
    assert len(seen) == 2
    assert b"cookie" not in seen[1].lower()


async def test_a_compressed_body_is_not_touched(transport: AiohttpTransport) -> None:
    zipped = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8bx"
    async with serving(lambda peer: answer_all(peer, zipped)) as server:
        assert (await transport.post(ask(server.url))).body == b"\x1f\x8bx"


async def test_a_stale_connection_is_replaced_once(transport: AiohttpTransport) -> None:
    async def one_answer_a_connection(peer: Peer) -> None:
        """Closes without saying so, and only when the next request is on its way: the client cannot know."""
        await peer.request()
        await peer.send(OK)
        if peer.number == 1:
            await peer.request()

    async with serving(one_answer_a_connection) as server:
        assert (await transport.post(ask(server.url))).body == b"ok"
        assert (await transport.post(ask(server.url))).body == b"ok"
        assert server.connections == 2


async def test_the_replacement_is_new_even_if_the_whole_pool_is_stale(transport: AiohttpTransport) -> None:
    together = asyncio.Barrier(3)

    async def one_answer(peer: Peer) -> None:
        await peer.request()
        if peer.number <= 3:
            await together.wait()
        await peer.send(OK)
        await peer.request()

    async with serving(one_answer) as server:
        await asyncio.gather(*(transport.post(ask(server.url)) for _ in range(3)))
        assert (await transport.post(ask(server.url))).body == b"ok"
        assert server.connections == 4


async def test_a_fresh_connection_that_is_dropped_is_not_asked_again(transport: AiohttpTransport) -> None:
    async def drop(peer: Peer) -> None:
        await peer.request()

    async with serving(drop) as server:
        with pytest.raises(StreamCut) as caught:
            await transport.post(ask(server.url))
        assert caught.value.code == "upstream_disconnected"
        assert server.connections == 1


async def test_nothing_is_repeated_once_an_answer_began(transport: AiohttpTransport) -> None:
    async def second_is_cut(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal")

    async with serving(second_is_cut) as server:
        await transport.post(ask(server.url))
        with pytest.raises(StreamCut):
            await transport.post(ask(server.url))
        assert server.connections == 1


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal", CHUNKED + b"3\r\nhal\r\n"])
async def test_a_cut_body(transport: AiohttpTransport, answer: bytes) -> None:
    async def cut(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)

    async with serving(cut) as server:
        with pytest.raises(StreamCut) as caught:
            await read_all(transport, ask(server.url))
        assert caught.value.code == "upstream_stream_cut"


async def test_a_reset_inside_the_body(transport: AiohttpTransport) -> None:
    async def reset(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"3\r\nhal\r\n")
        peer.writer.transport.abort()

    async with serving(reset) as server:
        with pytest.raises(StreamCut):
            await read_all(transport, ask(server.url))


async def silent(peer: Peer) -> None:
    await peer.request()
    await peer.reader.read()


async def headers_only(peer: Peer) -> None:
    await peer.request()
    await peer.send(CHUNKED)
    await peer.reader.read()


async def one_chunk(peer: Peer) -> None:
    await peer.request()
    await peer.send(CHUNKED + b"3\r\nabc\r\n")
    await peer.reader.read()


async def drip(peer: Peer) -> None:
    await peer.request()
    await peer.send(CHUNKED)
    while not peer.reader.at_eof() and not peer.writer.is_closing():
        await peer.send(b"1\r\nx\r\n")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("handler", "timeouts", "code"),
    [
        (silent, quick(first_token=0.1), "upstream_first_token_timeout"),
        (headers_only, quick(first_token=0.1), "upstream_first_token_timeout"),
        (one_chunk, quick(between_tokens=0.1), "upstream_stalled"),
        (one_chunk, quick(first_token=0.3, between_tokens=0.5), "upstream_stalled"),
        (silent, quick(total=0.1), "upstream_total_timeout"),
        (one_chunk, quick(total=0.2), "upstream_total_timeout"),
        (drip, quick(total=0.3), "upstream_total_timeout"),
    ],
)
async def test_timeouts(transport: AiohttpTransport, handler: Handler, timeouts: Timeouts, code: str) -> None:
    async with serving(handler) as server:
        with pytest.raises(UpstreamTimeout) as caught:
            await read_all(transport, ask(server.url, timeouts))
        assert caught.value.code == code
        with pytest.raises(UpstreamTimeout) as caught:
            await transport.post(ask(server.url, timeouts))
        assert caught.value.code == code


async def test_connect_timeout(transport: AiohttpTransport) -> None:
    # A listener whose queue is full answers no handshake.
    with socket.socket() as listener, socket.socket() as filler:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        filler.connect(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(UpstreamTimeout) as caught:
            await transport.post(ask(url, quick(connect=0.2)))
    assert caught.value.code == "upstream_connect_timeout"


async def not_tls(peer: Peer) -> None:
    await peer.reader.read(10)
    await peer.send(b"HTTP/1.1 400 Bad\r\n\r\n")


async def test_no_tls(transport: AiohttpTransport) -> None:
    async with serving(not_tls) as server:
        with pytest.raises(ConnectFailed) as caught:
            await transport.post(ask(server.url.replace("http:", "https:")))
    assert caught.value.code == "upstream_unreachable"
    assert SECRET not in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:1/?key={SECRET}",
        f"http://no-such-host.invalid/?key={SECRET}",
        f"http:///?key={SECRET}",
        f"not a url {SECRET}",
        f"ftp://127.0.0.1/{SECRET}",
        f"http://user:{SECRET}@127.0.0.1:1/",
        f"http://127.0.0.1:99999/?key={SECRET}",
        "",
    ],
)
async def test_unreachable(transport: AiohttpTransport, url: str) -> None:
    with pytest.raises(ConnectFailed) as caught:
        await transport.post(ask(url))
    assert caught.value.code == "upstream_unreachable"
    assert caught.value.hint
    assert SECRET not in caught.value.message


async def test_a_header_that_would_smuggle_another_is_not_sent(transport: AiohttpTransport) -> None:
    async with serving(answer_all) as server:
        request = HttpRequest(url=server.url, headers={"x": "a\r\nevil: 1"}, body=b"", timeouts=PATIENT)
        with pytest.raises(ConnectFailed):
            await transport.post(request)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_an_answer_that_is_not_http(transport: AiohttpTransport, answer: bytes) -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)

    async with serving(handler) as server:
        with pytest.raises(BadAnswer) as caught:
            await transport.post(ask(server.url))
        assert caught.value.code == "upstream_bad_answer"


@pytest.mark.parametrize("answer", [b"Z\r\nabc\r\n", b"3\r\nabcdef\r\n", b"fffffffffffffffffff\r\nabc"])
async def test_broken_chunks(transport: AiohttpTransport, answer: bytes) -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + answer)

    async with serving(handler) as server:
        with pytest.raises(UpstreamError):
            await transport.post(ask(server.url))


async def test_the_size_of_a_whole_answer_is_bounded(transport: AiohttpTransport) -> None:
    async def handler(peer: Peer) -> None:
        size = 1000 if peer.number == 1 else 1001
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % size + b"x" * size)

    async with serving(handler) as server:
        assert len((await transport.post(ask(server.url))).body) == 1000
        with pytest.raises(BadAnswer) as caught:
            await transport.post(ask(server.url))
        assert caught.value.code == "upstream_answer_too_large"


async def test_reading_is_bounded(transport: AiohttpTransport) -> None:
    body = CHUNKED + b"5\r\nabcde\r\n0\r\n\r\n"
    async with serving(lambda peer: answer_all(peer, body)) as server, transport.stream(ask(server.url)) as answer:
        assert await answer.read(3) == b"abc"


@pytest.mark.parametrize("before_headers", [True, False])
async def test_cancelling_closes_the_connection(transport: AiohttpTransport, before_headers: bool) -> None:
    asked, closed = asyncio.Event(), asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        if not before_headers:
            await peer.send(CHUNKED + b"3\r\nabc\r\n")
        asked.set()
        assert await peer.reader.read() == b""
        closed.set()

    async with serving(handler) as server:
        task = asyncio.create_task(transport.post(ask(server.url)))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await closed.wait()


async def test_leaving_a_stream_early_closes_the_connection(transport: AiohttpTransport) -> None:
    closed = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"3\r\nabc\r\n")
        assert await peer.reader.read() == b""
        closed.set()

    async with serving(handler) as server:
        async with transport.stream(ask(server.url)) as answer:
            assert await anext(answer.chunks()) == b"abc"
        await closed.wait()


async def test_after_close_nothing_is_sent() -> None:
    transport = AiohttpTransport()
    async with serving(answer_all) as server:
        await transport.post(ask(server.url))
        await transport.close()
        await transport.close()
        with pytest.raises(ConnectFailed):
            await transport.post(ask(server.url))


def test_a_request_prints_no_secret() -> None:
    request = ask(f"http://h/v1?key={SECRET}", body=SECRET.encode())
    assert repr(request) == "HttpRequest(POST http://h/v1, 10 bytes)"
