import asyncio

import pytest

from homeport.core.errors import BadAnswer, ConnectFailed
from homeport.transport.http import Transport
from tests.transport.peers import CHUNKED, OK, SECRET, Peer, answer_all, ask, serving


async def test_a_post_gives_the_whole_answer_and_keeps_the_connection(transport: Transport) -> None:
    async with serving(answer_all) as server:
        for _ in range(3):
            response = await transport.post(ask(server.url))
            assert (response.status, response.body, response.headers["content-length"]) == (200, b"ok", "2")
        assert server.connections == 1


async def test_what_is_sent(transport: Transport) -> None:
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


async def test_a_stream_ends_and_gives_its_connection_back(transport: Transport) -> None:
    async with serving(lambda peer: answer_all(peer, CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")) as server:
        for _ in range(2):
            async with transport.stream(ask(server.url)) as answer:
                assert answer.status == 200
                assert answer.headers["x-kind"] == "A"
                assert b"".join([chunk async for chunk in answer.chunks()]) == b"abcde"
        assert server.connections == 1


async def test_redirects_and_cookies_are_left_alone(transport: Transport) -> None:
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


async def test_a_compressed_body_is_not_touched(transport: Transport) -> None:
    zipped = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8bx"
    async with serving(lambda peer: answer_all(peer, zipped)) as server:
        assert (await transport.post(ask(server.url))).body == b"\x1f\x8bx"


async def test_a_stale_connection_is_replaced_once(transport: Transport) -> None:
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


async def test_the_replacement_is_new_even_if_the_whole_pool_is_stale(transport: Transport) -> None:
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


async def test_the_size_of_a_whole_answer_is_bounded(transport: Transport) -> None:
    async def handler(peer: Peer) -> None:
        size = 1000 if peer.number == 1 else 1001
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % size + b"x" * size)

    async with serving(handler) as server:
        assert len((await transport.post(ask(server.url))).body) == 1000
        with pytest.raises(BadAnswer) as caught:
            await transport.post(ask(server.url))
        assert caught.value.code == "upstream_answer_too_large"


async def test_reading_is_bounded(transport: Transport) -> None:
    body = CHUNKED + b"5\r\nabcde\r\n0\r\n\r\n"
    async with serving(lambda peer: answer_all(peer, body)) as server, transport.stream(ask(server.url)) as answer:
        assert await answer.read(3) == b"abc"


@pytest.mark.parametrize("before_headers", [True, False])
async def test_cancelling_closes_the_connection(transport: Transport, before_headers: bool) -> None:
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


async def test_leaving_a_stream_early_closes_the_connection(transport: Transport) -> None:
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


async def test_after_close_nothing_is_sent(transport: Transport) -> None:
    async with serving(answer_all) as server:
        await transport.post(ask(server.url))
        await transport.close()
        await transport.close()
        with pytest.raises(ConnectFailed):
            await transport.post(ask(server.url))


def test_a_request_prints_no_secret() -> None:
    request = ask(f"http://h/v1?key={SECRET}", body=SECRET.encode())
    assert repr(request) == "HttpRequest(POST http://h/v1, 10 bytes)"
