"""Callers that are slow, silent or too many: they hold a connection for a while, and never a place."""

import asyncio
import json
from typing import Any

import pytest

from homeport.api.server import Edge
from homeport.core.types import Outcome
from tests.fakes.house import MID, STREAM, House
from tests.fakes.sockets import BODY, HEAD, REQUEST, all_of, front, statuses
from tests.fakes.upstream import Hang, said, spoken, whole

SHORT = Edge(head_timeout=0.3, body_timeout=0.3, idle_timeout=0.3, send_timeout=0.5)
OLD = HEAD.replace(b"HTTP/1.1", b"HTTP/1.0")


def code(response: bytes) -> Any:
    return json.loads(response.partition(b"\r\n\r\n")[2])["error"]["code"]


async def test_a_head_that_does_not_end() -> None:
    async with front(House(MID), SHORT) as server:
        async with asyncio.timeout(5):
            stopped = await server.send(HEAD)
            trickled = await server.trickle(HEAD, *[b"a: b\r\n"] * 40)
    for response in (stopped, trickled):
        assert statuses(response) == [b"HTTP/1.1 408 Request Timeout"]
        assert code(response) == "request_timeout"


async def test_a_connection_that_says_nothing_is_closed_without_a_word() -> None:
    async with front(House(MID), SHORT) as server, asyncio.timeout(5):
        assert await server.send() == b""
        assert await server.trickle(*[b"\r\n"] * 40) == b""


async def test_a_connection_between_requests_is_closed_without_a_word() -> None:
    ask = b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n"
    async with front(House(MID), SHORT) as server, asyncio.timeout(5):
        assert (await server.send(ask)).endswith(b"0\r\n\r\n")
        assert statuses(await server.trickle(ask, *[b"\r\n"] * 40)) == [b"HTTP/1.1 200 OK"]
    async with front(House(MID), Edge(head_timeout=0.3)) as server, asyncio.timeout(5):
        assert statuses(await server.send(ask + b"GET /li"))[1:] == [b"HTTP/1.1 408 Request Timeout"]


@pytest.mark.parametrize("framing", [b"Content-Length: 60\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"])
async def test_a_body_that_does_not_come_gives_its_place_back(framing: bytes) -> None:
    house = House(MID, max_in_flight=1)
    house.upstreams["mid"].script(whole())
    async with front(house, SHORT) as server:
        async with asyncio.timeout(5):
            response = await server.send(HEAD + framing)
        assert statuses(response) == [b"HTTP/1.1 408 Request Timeout"]
        assert code(response) == "request_timeout"
        assert b"connection: close" in response
        assert house.admission.in_flight == 0
        assert (house.event.outcome, house.event.status) == (Outcome.REJECTED, 408)
        assert b" 200 OK" in await server.send(REQUEST.replace(b"Host: h", b"Host: h\r\nConnection: close"))


async def test_a_body_that_comes_byte_by_byte_does_not_come() -> None:
    house = House(MID)
    async with front(house, SHORT) as server, asyncio.timeout(8):
        response = await server.trickle(HEAD + b"Content-Length: 10000\r\n\r\n", *[b" "] * 60)
    assert statuses(response) == [b"HTTP/1.1 408 Request Timeout"]
    assert house.admission.in_flight == 0


async def test_a_long_body_in_good_time_is_read() -> None:
    house = House(MID, max_body=1_000_000)
    house.upstreams["mid"].script(whole())
    filler = b" " * 20_000
    async with front(house, SHORT) as server, asyncio.timeout(8):
        head = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % (len(BODY) + 12 * len(filler))
        assert statuses(await server.trickle(head, *[filler] * 12, BODY)) == [b"HTTP/1.1 200 OK"]


async def test_a_body_that_nobody_reads_is_not_waited_for() -> None:
    house = House(MID)
    async with front(house, SHORT) as server, asyncio.timeout(5):
        refused = await server.trickle(b"POST /nowhere HTTP/1.1\r\nContent-Length: 9999\r\n\r\n", *[b"x"] * 40)
    assert statuses(refused) == [b"HTTP/1.1 404 Not Found"]


async def test_those_who_wait_for_us_are_not_slow() -> None:
    """A request behind one that takes long, whole or in part, is not timed."""
    house = House(MID)
    house.upstreams["mid"].script([said("a"), Hang()], whole())
    stream = json.dumps(STREAM).encode()
    head = HEAD + b"Content-Length: %d\r\n\r\n" % len(stream)
    async with front(house, SHORT) as server:
        reader, writer = await server.open()
        writer.write(head + stream + REQUEST[:-10])
        await house.upstreams["mid"].hanging.wait()
        reading = asyncio.create_task(all_of(reader))
        await asyncio.wait([reading], timeout=1.5)
        assert not reading.done(), "five times as long as anybody may be slow"
        assert house.recorder.events == []
        writer.transport.abort()
        assert statuses(await reading) == [b"HTTP/1.1 200 OK"]
        while not house.recorder.events:
            await asyncio.sleep(0.001)
    assert house.event.outcome == Outcome.CANCELLED


async def test_an_answer_that_is_not_read_is_given_up() -> None:
    house = House(MID)
    house.upstreams["mid"].script([said("x" * 1_000_000) for _ in range(30)])
    stream = json.dumps(STREAM).encode()
    async with front(house, SHORT) as server, asyncio.timeout(10):
        _, writer = await server.open()
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio's own transport has it
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(stream) + stream)
        while not house.recorder.events:
            await asyncio.sleep(0.01)
        writer.transport.abort()
    assert (house.event.outcome, house.event.status) == (Outcome.CANCELLED, 499)
    assert house.admission.in_flight == 0


async def test_there_is_an_end_of_connections() -> None:
    house = House(MID)
    async with front(house, Edge(max_connections=2)) as server:
        kept = [await server.open() for _ in range(2)]
        for reader, writer in kept:
            writer.write(b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n")
            assert await reader.readuntil(b"}")
        response = await server.send()
        assert statuses(response) == [b"HTTP/1.1 503 Service Unavailable"]
        assert code(response) == "overloaded"
        assert b"retry-after: 1" in response
        kept.pop()[1].close()
        async with asyncio.timeout(5):
            while b"200 OK" not in await server.send(b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n"):
                await asyncio.sleep(0.01)
        kept.pop()[1].close()


async def test_a_stream_for_http_1_0_has_no_chunks_and_ends_with_its_connection() -> None:
    house = House(MID)
    house.upstreams["mid"].script(spoken("a", "b"), whole())
    stream = json.dumps(STREAM).encode()
    async with front(house) as server:
        streamed = await server.send(OLD + b"Content-Length: %d\r\n\r\n" % len(stream) + stream)
        whole_answer = await server.send(OLD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
        listing = await server.send(b"GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    head, _, body = streamed.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert body.startswith(b"data: ")
    assert body.endswith(b"data: [DONE]\n\n")
    assert whole_answer.endswith(whole().body)
    assert b"content-length" in whole_answer
    assert listing.endswith(b'{"status":"alive"}')
