import asyncio
import socket

import pytest

from homeport.core.errors import BadAnswer, ConnectFailed, StreamCut, UpstreamError, UpstreamTimeout
from homeport.core.types import Timeouts
from homeport.transport import deadlines
from homeport.transport.http import HttpRequest, Transport
from tests.transport.peers import CHUNKED, OK, PATIENT, SECRET, Handler, Peer, answer_all, ask, quick, serving


async def read_all(transport: Transport, request: HttpRequest) -> list[bytes]:
    async with transport.stream(request) as answer:
        return [chunk async for chunk in answer.chunks()]


async def test_a_fresh_connection_that_is_dropped_is_not_asked_again(transport: Transport) -> None:
    async def drop(peer: Peer) -> None:
        await peer.request()

    async with serving(drop) as server:
        with pytest.raises(StreamCut) as caught:
            await transport.post(ask(server.url))
        assert caught.value.code == "upstream_disconnected"
        assert server.connections == 1


async def test_a_request_that_was_worked_on_is_not_repeated(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kept-alive connection that was stale ends at once. One that ends later had got the request, and may bill it."""
    monkeypatch.setattr(deadlines, "STALE_S", 0.05)

    async def dies_at_work(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        if await peer.request():
            await asyncio.sleep(0.2)

    async with serving(dies_at_work) as server:
        await transport.post(ask(server.url))
        with pytest.raises(StreamCut) as caught:
            await transport.post(ask(server.url))
        assert caught.value.code == "upstream_disconnected"
        assert server.connections == 1


async def test_nothing_is_repeated_once_an_answer_began(transport: Transport) -> None:
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
async def test_a_cut_body(transport: Transport, answer: bytes) -> None:
    async def cut(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)

    async with serving(cut) as server:
        with pytest.raises(StreamCut) as caught:
            await read_all(transport, ask(server.url))
        assert caught.value.code == "upstream_stream_cut"


async def test_a_reset_inside_the_body(transport: Transport) -> None:
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
async def test_timeouts(transport: Transport, handler: Handler, timeouts: Timeouts, code: str) -> None:
    async with serving(handler) as server:
        with pytest.raises(UpstreamTimeout) as caught:
            await read_all(transport, ask(server.url, timeouts))
        assert caught.value.code == code
        with pytest.raises(UpstreamTimeout) as caught:
            await transport.post(ask(server.url, timeouts))
        assert caught.value.code == code


async def test_connect_timeout(transport: Transport) -> None:
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


async def test_no_tls(transport: Transport) -> None:
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
        f"http://api..example/?key={SECRET}",
        f"http://{'x' * 64}.example/?key={SECRET}",
        "",
    ],
)
async def test_unreachable(transport: Transport, url: str) -> None:
    with pytest.raises(ConnectFailed) as caught:
        await transport.post(ask(url))
    assert caught.value.code == "upstream_unreachable"
    assert caught.value.hint
    assert SECRET not in caught.value.message


async def test_a_header_that_would_smuggle_another_is_not_sent(transport: Transport) -> None:
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
async def test_an_answer_that_is_not_http(transport: Transport, answer: bytes) -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)

    async with serving(handler) as server:
        with pytest.raises(BadAnswer) as caught:
            await transport.post(ask(server.url))
        assert caught.value.code == "upstream_bad_answer"


@pytest.mark.parametrize("answer", [b"Z\r\nabc\r\n", b"3\r\nabcdef\r\n", b"fffffffffffffffffff\r\nabc"])
async def test_broken_chunks(transport: Transport, answer: bytes) -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + answer)

    async with serving(handler) as server:
        with pytest.raises(UpstreamError):
            await transport.post(ask(server.url))
