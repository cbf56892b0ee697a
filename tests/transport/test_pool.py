"""What only the pooled transport promises, or can get wrong."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.core.errors import BadAnswer, ConnectFailed, StreamCut, UpstreamError
from homeport.transport.pool import PooledTransport, place_of
from tests.transport.peers import CHUNKED, OK, Handler, Peer, ask, quick, serving


@pytest.fixture
async def pool() -> AsyncIterator[PooledTransport]:
    pool = PooledTransport(max_body=1 << 20)
    yield pool
    await pool.close()


def saying(*answers: bytes) -> Handler:
    """One answer a request, in order; then the connection stays open until the client closes it."""

    async def handler(peer: Peer) -> None:
        for answer in answers:
            await peer.request()
            await peer.send(answer)
        await peer.reader.read()

    return handler


async def test_informational_answers_are_passed_over(pool: PooledTransport) -> None:
    early = b"HTTP/1.1 100 Continue\r\nX-A: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    async with serving(saying(early + OK, OK)) as server:
        response = await pool.post(ask(server.url))
        assert (response.status, response.body) == (200, b"ok")
        assert dict(response.headers) == {"content-length": "2"}
        assert (await pool.post(ask(server.url))).body == b"ok"
        assert server.connections == 1


async def test_an_answer_without_a_length_ends_with_its_connection(pool: PooledTransport) -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nfirst ")
        await peer.send(b"second")

    async with serving(handler) as server:
        assert (await pool.post(ask(server.url))).body == b"first second"
        assert pool.connections == 0


async def test_an_answer_to_nothing_is_not_taken_for_the_next_one(pool: PooledTransport) -> None:
    """Response splitting: what follows an answer on its connection never answers another request."""
    foreign = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign"
    async with serving(saying(OK + foreign)) as server:
        for _ in range(2):
            assert (await pool.post(ask(server.url))).body == b"ok"
        assert server.connections == 2


async def test_unasked_bytes_close_an_idle_connection(pool: PooledTransport) -> None:
    said = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await asyncio.sleep(0.05)
        await peer.send(OK)
        await peer.reader.read()
        said.set()

    async with serving(handler) as server:
        await pool.post(ask(server.url))
        await said.wait()
        assert pool.connections == 0


async def test_an_early_answer_does_not_leave_half_a_request_behind(pool: PooledTransport) -> None:
    async def refuse_at_once(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(0.1)

    async with serving(refuse_at_once) as server:
        assert (await pool.post(ask(server.url, body=b"x" * (32 << 20)))).status == 413
        assert pool.connections == 0


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nConnection: close\r\n", b"HTTP/1.0 200 OK\r\n"])
async def test_connections_that_will_close_are_not_kept(pool: PooledTransport, head: bytes) -> None:
    async with serving(saying(head + b"Content-Length: 2\r\n\r\nok")) as server:
        assert (await pool.post(ask(server.url))).body == b"ok"
        assert pool.connections == 0


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
@pytest.mark.parametrize(
    ("coding", "kept"), [(b"", 1), (b"Transfer-Encoding: x\r\n", 0), (b"TRANSFER-ENCODING: chunked\r\n", 0)]
)
async def test_where_an_answer_ends_must_be_beyond_doubt(
    pool: PooledTransport, status: bytes, coding: bytes, kept: int
) -> None:
    """An answer without a body that says how its body is sent may, for another reader, go on."""
    async with serving(saying(b"HTTP/1.1 " + status + b"\r\n" + coding + b"\r\n")) as server:
        response = await pool.post(ask(server.url))
        assert (response.status, response.body) == (int(status[:3]), b"")
        assert pool.connections == kept


async def test_a_protocol_switch_is_no_answer(pool: PooledTransport) -> None:
    upgrade = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    async with serving(saying(upgrade)) as server:
        with pytest.raises(UpstreamError):
            await pool.post(ask(server.url))
        assert pool.connections == 0


@pytest.mark.parametrize(
    "endless",
    [
        CHUNKED + b"2;" + b"x" * (1 << 20),
        CHUNKED + b"2\r\nok\r\n0\r\nTrailer: " + b"x" * (1 << 20),
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 20),
    ],
    ids=["chunk extension", "trailer", "header"],
)
async def test_what_a_parser_would_keep_is_bounded(pool: PooledTransport, endless: bytes) -> None:
    async with serving(saying(endless)) as server:
        with pytest.raises((BadAnswer, StreamCut)):
            await pool.post(ask(server.url))


async def test_a_slow_reader_holds_the_server_back(pool: PooledTransport) -> None:
    """What the server could send before the reader began is bounded by the buffers between them."""
    size = 64 << 20
    sent = 0
    part = b"x" * (1 << 20)

    async def firehose(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            await peer.send(part)
            sent += len(part)

    async with serving(firehose) as server, pool.stream(ask(server.url)) as answer:
        await anext(answer.chunks())
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.1)
        assert sent < size // 2
        assert sum([len(chunk) async for chunk in answer.chunks()]) + 1 > size - (1 << 20)


async def test_a_reader_who_leaves_a_whole_answer_unread_holds_nobody_back(pool: PooledTransport) -> None:
    """The connection was paused for it; whoever is next must not wait for an answer that is never read."""
    long = b"x" * 300_000
    whole = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(long), long))
        whole.set()
        await peer.request()
        await peer.send(OK)
        await peer.reader.read()

    async with serving(handler) as server:
        async with pool.stream(ask(server.url)) as answer:
            await whole.wait()
            while not getattr(answer, "complete"):  # noqa: B009  of the pool's own answers, not of the Protocol
                await asyncio.sleep(0)
        assert (await pool.post(ask(server.url))).body == b"ok"
        assert server.connections == 1


async def test_a_server_that_never_pauses_ends_at_the_total_timeout(pool: PooledTransport) -> None:
    async def endless(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        while not peer.writer.is_closing():
            await peer.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")

    async with serving(endless) as server, pool.stream(ask(server.url, quick(total=0.3))) as answer:
        with pytest.raises(UpstreamError) as caught:
            async for _ in answer.chunks():
                pass
        assert caught.value.code == "upstream_total_timeout"


async def test_closing_ends_what_is_open(pool: PooledTransport) -> None:
    async with serving(saying(CHUNKED + b"3\r\nabc\r\n")) as server, pool.stream(ask(server.url)) as answer:
        assert await anext(answer.chunks()) == b"abc"
        await pool.close()
        with pytest.raises(StreamCut):
            await anext(answer.chunks())


async def test_a_connection_that_its_server_closed_is_not_kept(pool: PooledTransport) -> None:
    async def one(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)

    async with serving(one) as server:
        await pool.post(ask(server.url))
        while pool.connections:
            await asyncio.sleep(0.01)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(1, 50))
async def test_no_byte_is_lost_however_the_network_cuts(sizes: list[int], step: int) -> None:
    body = b"".join(b"%x\r\n" % size + bytes([65 + size % 26]) * size + b"\r\n" for size in sizes)
    answer = CHUNKED + body + b"0\r\n\r\n"

    async def handler(peer: Peer) -> None:
        await peer.request()
        for start in range(0, len(answer), step):
            await peer.send(answer[start : start + step])
            await asyncio.sleep(0)
        await peer.reader.read()

    pool = PooledTransport()
    async with serving(handler) as server:
        response = await pool.post(ask(server.url))
    assert response.body == b"".join(bytes([65 + size % 26]) * size for size in sizes)
    await pool.close()


@pytest.mark.parametrize("start", [b"0\r\n", b"1"], ids=["trailers", "a chunk's extensions"])
async def test_an_endless_trailer_is_not_taken_in_while_the_reader_is_busy(pool: PooledTransport, start: bytes) -> None:
    ended = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n" + start)
        with contextlib.suppress(ConnectionError):
            for _ in range(500):
                await peer.send((b";a=b" if start == b"1" else b"A: b\r\n") * 10_000)
            ended.set()

    async with serving(handler) as server:
        async with pool.stream(ask(server.url)) as answer:
            while pool.connections:
                await asyncio.sleep(0)
            with pytest.raises(BadAnswer):
                await answer.read(1 << 20)
        assert not ended.is_set(), "all of it was taken in"


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("http://h", "h", "/"),
        ("https://h:8443/v1?a=b", "h:8443", "/v1?a=b"),
        ("http://[::1]:80/x", "[::1]:80", "/x"),
        ("http://user:pass@h/v1", "h", "/v1"),
    ],
)
def test_where_a_url_points(url: str, authority: str, target: str) -> None:
    place = place_of(url)
    assert (place.authority, place.target, place.tls) == (authority, target, url.startswith("https"))


@pytest.mark.parametrize(
    "url", ["http://h/a b", "http://h/\r\nx: y", "http://h\r\n/", "http://bücher.example/", "//h/"]
)
def test_what_http_cannot_carry_is_refused(url: str) -> None:
    with pytest.raises(ConnectFailed):
        place_of(url)


async def test_headers_of_one_call_are_written_for_it_alone(pool: PooledTransport) -> None:
    heads: list[bytes] = []

    async def handler(peer: Peer) -> None:
        while request := await peer.request():
            heads.append(request)
            await peer.send(OK)

    async with serving(handler) as server:
        for traceparent in ("00-a", "00-b"):
            request = msgspec.structs.replace(ask(server.url), own_headers={"traceparent": traceparent})
            await pool.post(request)
        await pool.post(ask(server.url))
    assert b"traceparent: 00-a\r\n" in heads[0]
    assert b"traceparent: 00-b\r\n" in heads[1]
    assert b"traceparent" not in heads[2]
    assert len(pool._heads) == 1, "what is the same for each call is written once"


async def test_a_header_of_one_call_gives_way_to_one_of_the_configuration(pool: PooledTransport) -> None:
    heads: list[bytes] = []

    async def handler(peer: Peer) -> None:
        heads.append(await peer.request())
        await peer.send(OK)

    async with serving(handler) as server:
        await pool.post(msgspec.structs.replace(ask(server.url), own_headers={"authorization": "Bearer other"}))
    assert heads[0].lower().count(b"authorization:") == 1
    assert b"other" not in heads[0]


@pytest.mark.parametrize("own", [{"trace\r\nx": "1"}, {"traceparent": "1\r\nx: 2"}])
async def test_a_header_of_one_call_that_would_break_the_request_is_not_sent(
    pool: PooledTransport, own: dict[str, str]
) -> None:
    with pytest.raises(ConnectFailed):
        await pool.post(msgspec.structs.replace(ask("http://127.0.0.1:9"), own_headers=own))
