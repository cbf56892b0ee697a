"""The HTTP client against a server that says anything, in any pieces, and ends whenever it likes."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import h11

from homeport.core.errors import StreamCut, UpstreamError, UpstreamTimeout
from homeport.core.types import Timeouts
from homeport.transport.connection import _HIGH_WATER, MAX_HEAD_BYTES, Answer
from homeport.transport.http import HttpRequest, HttpResponse
from homeport.transport.pool import PooledTransport
from tests.fuzz.loop import Step, VirtualLoop, Wire
from tests.fuzz.source import Source

MAX_BODY = 1 << 20
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
SECOND = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"
TIMES = Timeouts(connect=1, first_token=4, between_tokens=4, total=9)
_ASK = HttpRequest(url="http://up.example/v1/chat", headers={"a": "b"}, body=b"{}", timeouts=TIMES)
_BARE = (204, 304)


class Plan(NamedTuple):
    """One answer of the server, and what the client must make of it."""

    head: bytes
    body: bytes
    wire: bytes
    status: int
    framing: str
    keeps: bool
    fault: str
    steps: Sequence[Step]


def plan_of(source: Source, number: int) -> Plan:
    status = source.choice((200, 200, 200, 204, 304, 404, 429, 500, 299))
    version = source.choice((b"1.1", b"1.1", b"1.1", b"1.0"))
    framing = "none" if status in _BARE else source.choice(("length", "chunked", "length", "close"))
    framing = "length" if version == b"1.0" and framing == "chunked" else framing
    body = b"" if framing == "none" else b"<%d:%s>" % (number, source.take(source.integer(0, 40)))
    headers = [b"X-%d: %s" % (at, source.choice((b"", b"y", b"a, b", b"\xe9"))) for at in range(source.integer(0, 3))]
    said_close = source.byte() & 7 == 7
    headers += [b"Connection: close"] if said_close else [b"Connection: keep-alive"] if source.flag() else []
    told = headers[-1:] == [b"Connection: keep-alive"]
    headers += [b"Content-Length: %d" % len(body)] if framing == "length" else []
    headers += (
        [source.choice((b"Transfer-Encoding: chunked", b"transfer-encoding:Chunked"))] if framing == "chunked" else []
    )
    early = source.choice((b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"))
    head = b"HTTP/%s %d %s\r\n%s\r\n" % (version, status, source.choice((b"OK", b"", b"\xe9 b")), _lines(headers))
    wire = early + head + (_chunked(source, body) if framing == "chunked" else body)
    fault = source.choice(("", "", "", "", "cut", "reset", "stall", "extra", "stray"))
    keeps = not said_close and framing != "close" and (version == b"1.1" or told)
    steps = _steps(source, wire, fault if fault or framing != "close" else "end")
    return Plan(head, body, wire, status, framing, keeps, fault, steps)


def _lines(headers: Sequence[bytes]) -> bytes:
    return b"".join(header + b"\r\n" for header in headers)


def _chunked(source: Source, body: bytes) -> bytes:
    extension = source.choice((b"", b";a", b";a=b", b';a="b"'))
    chunks = [b"%X%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in source.pieces(body) if piece]
    trailer = source.choice((b"", b"", b"X-Sum: 1\r\n"))
    return b"".join(chunks) + b"0" + extension + b"\r\n" + trailer + b"\r\n"


def _steps(source: Source, wire: bytes, fault: str) -> list[Step]:
    match fault:
        case "cut" | "reset" | "stall":
            wire = wire[: source.integer(1, len(wire))]  # An end without a byte is what `stale` is for.
        case "extra":
            wire += source.choice((POISON, b"x", b"\r\nx", b"HTTP/1.1"))
    steps = [Step(piece, source.choice((0.0, 0.0, 0.001))) for piece in source.pieces(wire) if piece]
    if steps and source.flag():
        steps[-1] = steps[-1]._replace(delay=1.5)
    match fault:
        case "cut" | "end":
            steps.append(Step(None))
        case "reset":
            steps.append(Step(None, error=ConnectionResetError()))
        case "stray":
            steps.append(Step(POISON, 0.5))
    return steps


async def _ask(pool: PooledTransport, *, streamed: bool) -> HttpResponse:
    if not streamed:
        return await pool.post(_ASK)
    async with pool.stream(_ASK) as answer:
        body = b"".join([piece async for piece in answer.chunks()])
        assert isinstance(answer, Answer)
        return HttpResponse(status=answer.status, raw_headers=answer.raw_headers, body=body)


def answers(data: bytes) -> None:
    """Every whole answer comes out as it went in; every other ends in its error; none is given to another."""
    source = Source(data)
    plans = [plan_of(source, number) for number in range(source.integer(1, 4))]
    streamed = [source.flag() for _ in plans]
    stale = [source.seldom() for _ in plans]
    asked = 0

    def script(wire: Wire, number: int) -> Sequence[Step]:
        nonlocal asked
        if number and stale[asked]:
            return [Step(None)]  # Closed just as it was used again: the client asks once more, elsewhere.
        asked += 1
        return plans[asked - 1].steps

    loop = VirtualLoop(script)

    async def work() -> None:
        pool = PooledTransport(MAX_BODY)
        for number, plan in enumerate(plans):
            wires = len(loop.wires)
            await _check(pool, plan, streamed=streamed[number])
            assert asked == number + 1, "asked twice"
            await asyncio.sleep(3)  # What the server still has to say comes before the next request.
            kept = pool.connections
            assert kept == _kept(plan), f"{kept} connections are open after {plan}"
            assert len(loop.wires) <= wires + 2
        await pool.close()
        assert pool.connections == 0

    loop.run(work())
    assert all(wire.is_lost for wire in loop.wires), "a connection leaked"


def _kept(plan: Plan) -> int:
    sent = b"".join(step.data or b"" for step in plan.steps)
    is_whole = sent == plan.wire and not any(step.data is None for step in plan.steps)
    return int(plan.keeps and is_whole)


async def _check(pool: PooledTransport, plan: Plan, *, streamed: bool) -> None:
    sent = b"".join(step.data or b"" for step in plan.steps)
    is_whole = sent.startswith(plan.wire)
    try:
        response = await _ask(pool, streamed=streamed)
    except UpstreamError as error:
        # An answer that ends with its connection was not whole before that.
        ends_well = is_whole and (plan.framing != "close" or plan.fault == "cut" or not plan.fault)
        assert not ends_well, f"{error.code}: a whole answer was refused: {plan}"
        kinds = {"stall": UpstreamTimeout, "cut": StreamCut, "reset": StreamCut}
        assert isinstance(error, kinds.get(plan.fault, UpstreamError)), f"{error.code} for {plan.fault}"
        return
    assert response.status == plan.status
    names = [name + b": " + value for name, value in response.raw_headers]
    assert _lines(names).lower().replace(b":chunked", b": chunked") == _said(plan), "headers were lost or invented"
    if plan.framing == "close":
        extra = sent.removeprefix(plan.wire) if is_whole else b""
        assert (plan.body + extra).startswith(response.body) or response.body == plan.body + extra
        assert plan.fault not in ("reset", "stall"), "a broken answer was taken for a whole one"
        assert not is_whole or response.body == plan.body + extra
    else:
        assert is_whole, f"half an answer was taken for a whole one: {plan}"
        assert response.body == plan.body, "bytes were lost, invented or moved"


def _said(plan: Plan) -> bytes:
    lines = plan.head.partition(b"\r\n")[2].removesuffix(b"\r\n")
    return lines.lower().replace(b":chunked", b": chunked")


_FRAGMENTS = (
    *(
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 204 No\r\n",
        b"HTTP/1.1 101 S\r\n",
    ),
    *(
        b"HTTP/1.1 200\r\n",
        b"HTTP/1.1 304 N\r\n",
        b"HTTP/2 200\r\n",
        b"ICY 200 OK\r\n",
        b"HTTP/1.1 99 x\r\n",
        b"HTTP/1.1 2000 x\r\n",
    ),
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b"\x00",
        b"Content-Length: 2\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: 0\r\n",
    ),
    *(
        b"Content-Length: -1\r\n",
        b"Content-Length: +2\r\n",
        b"Content-Length: 2, 2\r\n",
        b"Content-Length : 2\r\n",
        b"Content-Length: 99999999999999999999\r\n",
    ),
    *(
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
    ),
    *(
        b"Connection: close\r\n",
        b"Connection: upgrade\r\nUpgrade: h2c\r\n",
        b"Connection: keep-alive\r\n",
        b"A: b\r\n c\r\n",
        b": x\r\n",
        b"A\r\n",
    ),
    *(
        b"\r\nok",
        b"2\r\nok\r\n0\r\n\r\n",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"0\r\nX: y\r\n\r\n",
        b"2;x=y\r\nok\r\n",
        b"2 \r\nok\r\n",
        b"0x2\r\nok\r\n",
    ),
    *(
        b"ffffffffffffffffff\r\n",
        b"-2\r\nok\r\n",
        b"ok",
        b"2\nok\n",
        b"\r\n\r\n",
        POISON,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ),
)


_INFORMATIONAL = re.compile(rb"HTTP/1\.\d 1\d\d.*?\r\n\r\n", re.DOTALL)


def hostile(data: bytes) -> None:
    """Any bytes end in an answer or an upstream's error; where the connection is used again, a second parser agrees."""
    source = Source(data)
    how = source.take(8)
    parts = source.many(lambda: source.take(2) if source.seldom() else source.choice(_FRAGMENTS), most=12)
    wire = b"".join(parts)
    ends = source.flag()
    whole = _exchange([wire], ends=ends)
    cut = _exchange([piece for piece in Source(how + data).pieces(wire) if piece], ends=ends)
    assert cut[:3] == whole[:3], f"the network's cuts changed what came: {whole} or {cut}"
    extra = _second_opinion(wire, whole) if whole.reused else b""
    # Empty lines between answers are passed over, if they do not come alone: they can say nothing to anybody.
    assert extra.strip(b"\r\n") == b"", "used again, though more had come"
    assert cut.reused == whole.reused or extra, "the network's cuts changed whether the connection is used again"


class Ending(NamedTuple):
    status: int
    body: bytes
    error: str
    reused: bool


def _exchange(pieces: Sequence[bytes], *, ends: bool) -> Ending:
    def script(wire: Wire, number: int) -> Sequence[Step]:
        if len(loop.wires) > 1 or number:
            return [Step(SECOND)]
        return [*map(Step, pieces), *([Step(None)] if ends else [])]

    loop = VirtualLoop(script)

    async def work() -> Ending:
        pool = PooledTransport(MAX_BODY)
        status, body, error = 0, b"", ""
        try:
            response = await pool.post(_ASK)
            status, body = response.status, response.body
        except UpstreamError as refused:
            error = refused.code
        await asyncio.sleep(1)
        second = await pool.post(_ASK)
        assert second.body == b"second", "an answer was given to another request"
        await pool.close()
        return Ending(status, body, error, reused=len(loop.wires) == 1)

    return loop.run(work())


def _without_empty_lines(wire: bytes) -> bytes:
    """h11 takes no empty line before an answer, nor between informational ones and it; llhttp passes over them."""
    informational, rest = b"", wire.lstrip(b"\r\n")
    while head := _INFORMATIONAL.match(rest):
        informational += head[0]
        rest = rest[head.end() :].lstrip(b"\r\n")
    return informational + rest


def _second_opinion(wire: bytes, ending: Ending) -> bytes:
    """h11 reads the same answer; what follows it is given back."""
    assert not ending.error, "a connection was used again after an error"
    reader = h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method="POST", target="/", headers=[("host", "up.example"), ("content-length", "0")]))
    reader.send(h11.EndOfMessage())
    reader.receive_data(_without_empty_lines(wire))
    body, status = b"", 0
    while True:
        try:
            event: Any = reader.next_event()
        except h11.RemoteProtocolError as error:
            raise AssertionError(f"used again, though h11 says: {error}") from None
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            break
        else:
            assert isinstance(event, h11.InformationalResponse), f"used again, though h11 waits: {event}"
    assert (status, body) == (ending.status, ending.body), "two parsers read two answers"
    return reader.trailing_data[0]


_ENDLESS: tuple[tuple[bytes, bytes], ...] = (
    (b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
    (b"HTTP/1.1 200 OK\r\nA: ", b"aaaaaaaa"),
    (b"HTTP/1.1 200 ", b"aaaaaaaa"),
    (b"", b"HTTP/1.1 103 Early\r\nA: b\r\n\r\n"),
    (b"", b"\r\n"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1", b";aaaaaaa"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"8\r\nabcdefgh\r\n"),
    (b"HTTP/1.1 200 OK\r\n\r\n", b"abcdefgh"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", b"abcdefgh"),
)


def floods(data: bytes) -> None:
    """A server that goes on for ever, to a reader who does not read: what is kept of it has a bound."""
    source = Source(data)
    start, again = source.choice(_ENDLESS)
    size = source.integer(1, 60_000)
    piece = again * (size // len(again) + 1)
    rounds = source.integer(1, 1_500_000) // len(piece) + 2
    loop = VirtualLoop(lambda wire, number: [Step(start), *(Step(piece) for _ in range(rounds))])

    async def work() -> None:
        pool = PooledTransport(MAX_BODY)
        try:
            async with pool.stream(_ASK) as answer:
                await asyncio.sleep(1)
                assert isinstance(answer, Answer)
                assert answer._size <= _HIGH_WATER + len(piece), "unread bytes pile up"
                assert sum(len(name) + len(value) for name, value in answer.raw_headers) <= MAX_HEAD_BYTES
        except UpstreamError:
            pass
        sent = sum(wire.sent for wire in loop.wires)
        # Of chunks of eight bytes, five more each are framing.
        assert sent <= 2 * _HIGH_WATER + MAX_HEAD_BYTES + 2 * len(piece) + len(start), f"{sent} bytes were taken in"
        await pool.close()

    loop.run(work())
