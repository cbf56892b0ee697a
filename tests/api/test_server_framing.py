"""Where a request ends: what two servers could read in two ways is refused, and never becomes a second request."""

import asyncio
import json

import pytest

from tests.fakes.house import MID, OPEN, House, seen, target
from tests.fakes.sockets import BODY, HEAD, REQUEST, START, front, statuses
from tests.fakes.upstream import Hang, whole

HIDDEN = b"GET /v1/models HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n\r\n" % OPEN.encode()
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
OLD = HEAD.replace(b"HTTP/1.1", b"HTTP/1.0")


def chunks(body: bytes, extension: bytes = b"") -> bytes:
    return b"".join(b"1%s\r\n%c\r\n" % (extension, byte) for byte in body)


SMUGGLED = {
    "length and chunks": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST,
    "chunks and length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + LAST,
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "the same length twice": HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a list of lengths": HEAD + b"Content-Length: 5, 5\r\n\r\nhello",
    "a signed length": HEAD + b"Content-Length: +5\r\n\r\nhello",
    "a hexadecimal length": HEAD + b"Content-Length: 0x5\r\n\r\nhello",
    "two numbers": HEAD + b"Content-Length: 5 5\r\n\r\nhello",
    "a space before the colon": HEAD + b"Content-Length : 5\r\n\r\nhello",
    "a space before the other colon": HEAD + b"Transfer-Encoding : chunked\r\n\r\n" + LAST,
    "an unknown coding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n" + LAST,
    "identity": HEAD + b"Transfer-Encoding: identity\r\n\r\n" + LAST,
    "gzip below chunked": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + LAST,
    "gzip above chunked": HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n" + LAST,
    "chunked twice": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST,
    "chunked, then identity": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + LAST,
    "gzip, then chunked": HEAD + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST,
    "a quoted coding": HEAD + b'Transfer-Encoding: "chunked"\r\n\r\n' + LAST,
    "a vertical tab": HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + LAST,
    "chunks in HTTP/1.0": OLD + b"Transfer-Encoding: chunked\r\n\r\n" + LAST,
    "bare line feeds": REQUEST.replace(b"\r\n", b"\n"),
    "a bare line feed in a header": HEAD + b"A: b\nContent-Length: 0\r\n\r\n",
    "a bare carriage return": HEAD + b"A: b\rContent-Length: 0\r\n\r\n",
    "a folded header": HEAD + b"A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "a folded coding": HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + LAST,
    "a folded first header": START + b" Host: h\r\n\r\n",
    "a zero byte in a value": HEAD + b"A: b\x00c\r\nContent-Length: 0\r\n\r\n",
    "a control in a name": HEAD + b"A\x01: b\r\nContent-Length: 0\r\n\r\n",
    "no name": HEAD + b": b\r\nContent-Length: 0\r\n\r\n",
    "two hosts": HEAD + b"Host: other\r\nContent-Length: 0\r\n\r\n",
    "a negative chunk": CHUNKED + b"-1\r\nx\r\n" + LAST,
    "an endless chunk": CHUNKED + b"fffffffffffffffff\r\nx\r\n" + LAST,
    "a chunk with a prefix": CHUNKED + b"0x1\r\nx\r\n" + LAST,
    "a chunk longer than it says": CHUNKED + b"1\r\nxx\r\n" + LAST,
    "chunks with bare line feeds": CHUNKED + b"1\nx\n0\n\n",
    "an extension with a bare line feed": CHUNKED + b"1;a\nx\r\n" + LAST,
    "a trailer with a length": CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n",
    "HTTP/0.9": START.replace(b"1.1", b"0.9") + b"\r\n",
    "HTTP/1.2": START.replace(b"1.1", b"1.2") + b"\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a tunnel": b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n",
}


@pytest.mark.parametrize("case", SMUGGLED)
async def test_it_is_refused_and_what_follows_is_not_answered(case: str) -> None:
    house = House(MID)
    house.upstreams["mid"].script(whole())
    async with front(house) as server:
        response = await server.send(SMUGGLED[case] + HIDDEN)
        apart = await server.send(SMUGGLED[case], HIDDEN)
    for answer in (response, apart):
        assert statuses(answer) in ([b"HTTP/1.1 400 Bad Request"], [])
        assert b'"object":"list"' not in answer
    assert statuses(response), "the whole of it came at once, so the refusal can be read"
    assert house.calls() == []


@pytest.mark.parametrize("extension", [b"", b";a=b", b';name="a;b"'])
async def test_chunks_with_extensions(extension: bytes) -> None:
    house = House(MID)
    house.upstreams["mid"].script(whole())
    async with front(house) as server:
        response = await server.send(
            HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(BODY, extension) + LAST
        )
    assert statuses(response) == [b"HTTP/1.1 200 OK"]
    assert seen(house.upstreams["mid"])["messages"] == [{"role": "user", "content": "x"}]


@pytest.mark.parametrize("name", [b"X-Homeport-Data-Class: private", b"Authorization: Bearer hp-x", b"Expect: x"])
async def test_a_trailer_is_no_header(name: bytes) -> None:
    house = House(MID)
    house.upstreams["mid"].script(whole())
    async with front(house) as server:
        head = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        response = await server.send(head + chunks(BODY) + b"0\r\n" + name + b"\r\n\r\n")
    assert statuses(response) == [b"HTTP/1.1 200 OK"]
    assert house.event.data_class == "open"


UPGRADES = {
    "a length": (b"Content-Length: %d\r\n\r\n" % len(BODY), BODY),
    "chunks": (b"Transfer-Encoding: chunked\r\n\r\n", chunks(BODY) + LAST),
}


@pytest.mark.parametrize("case", UPGRADES)
@pytest.mark.parametrize("apart", [True, False])
async def test_an_offer_to_upgrade_is_declined_and_its_body_read(case: str, apart: bool) -> None:
    """Java's client offers HTTP/2 with each request in the clear."""
    house = House(MID)
    house.upstreams["mid"].script(whole())
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    framing, body = UPGRADES[case]
    ending = REQUEST.replace(b"Host: h\r\n", b"Host: h\r\nConnection: close\r\n")
    async with front(house) as server:
        pieces = [HEAD + offer + framing, body + ending]
        response = await server.send(*(pieces if apart else [b"".join(pieces)]))
    assert statuses(response) == [b"HTTP/1.1 200 OK"] * 2
    assert len(house.calls()) == 2


async def test_the_body_of_an_upgrade_is_never_a_request() -> None:
    house = House(MID)
    async with front(house) as server:
        head = b"POST /livez HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n"
        end = b"GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        response = await server.send(head % len(HIDDEN), HIDDEN + end)
    assert [line.split()[1] for line in statuses(response)] == [b"405", b"200"]


async def test_an_upgrade_without_a_body() -> None:
    async with front(House(MID)) as server:
        offer = b"GET /livez HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        end = b"GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        assert statuses(await server.send(offer + end)) == [b"HTTP/1.1 200 OK"] * 2


async def test_no_answer_has_a_header_of_the_caller_s_making() -> None:
    house = House(MID)
    house.upstreams["mid"].script(whole())
    async with front(house) as server:
        for model in ("auto\r\nx-evil: 1", "mid\nx-evil: 1", "\x00"):
            body = json.dumps({"model": model, "messages": [{"role": "user", "content": "x"}]}).encode()
            head = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
            head_of_answer, _, _ = (await server.send(head + body)).partition(b"\r\n\r\n")
            assert b"x-evil" not in head_of_answer
            assert head_of_answer.startswith(b"HTTP/1.1 404 ")
        path = b"GET /v1/models/%0d%0ax-evil:%201 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        assert b"x-evil" not in (await server.send(path)).partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    ("name", "written"), [("模型", b"%E6%A8%A1%E5%9E%8B"), ("a\r\nx-evil: 1", b"a%0D%0Ax-evil: 1")]
)
async def test_a_model_may_have_any_name(name: str, written: bytes) -> None:
    house = House(target(name))
    house.upstreams[name].script(whole())
    async with front(house) as server:
        response = await server.send(REQUEST.replace(b"Host: h", b"Host: h\r\nConnection: close"))
    assert statuses(response) == [b"HTTP/1.1 200 OK"]
    assert b"x-homeport-model: " + written + b"\r\n" in response


async def test_a_caller_who_waits_to_be_told_to_continue() -> None:
    house = House(MID)
    house.upstreams["mid"].script(whole())
    async with front(house) as server:
        reader, writer = await server.open()
        head = HEAD + b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY)
        writer.write(head)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(BODY)
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
        writer.close()
        refused = await server.send(head.replace(OPEN.encode(), b"hp-unknown") + BODY)
    assert statuses(refused) == [b"HTTP/1.1 401 Unauthorized"], "nobody is asked to send what will not be read"


async def test_pipelined_requests_are_answered_in_order() -> None:
    house = House(MID)
    answers = [whole() for _ in range(3)]
    house.upstreams["mid"].script(*answers)
    end = b"GET /nowhere HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    async with front(house) as server:
        response = await server.send(REQUEST * 3 + HIDDEN + end)
    assert [line.split()[1] for line in statuses(response)] == [b"200"] * 4 + [b"404"]


async def test_a_broken_request_behind_others_is_not_told_into_their_answers() -> None:
    house = House(MID)
    house.upstreams["mid"].script(whole(), whole())
    async with front(house) as server:
        for broken in (b"junk\r\n\r\n", CHUNKED + b"zz\r\n"):
            response = await server.send(REQUEST * 2 + broken)
            assert statuses(response) == [b"HTTP/1.1 200 OK"] * 2
            assert response.endswith(whole().body)


async def test_a_queue_on_one_connection_has_an_end() -> None:
    house = House(MID)
    async with front(house) as server:
        many = b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n" * 2_000
        response = await server.send(many)
    assert 0 < len(statuses(response)) < 2_000
    assert set(statuses(response)) == {b"HTTP/1.1 200 OK"}


async def test_every_request_behind_one_ends_when_the_caller_leaves() -> None:
    house = House(MID)
    house.upstreams["mid"].script(Hang())
    async with front(house) as server:
        _, writer = await server.open()
        writer.write(REQUEST + b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n")
        await house.upstreams["mid"].hanging.wait()
        writer.transport.abort()
        async with asyncio.timeout(5):
            while not house.recorder.events:
                await asyncio.sleep(0.001)
    assert house.event.status == 499
