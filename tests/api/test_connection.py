"""One HTTP exchange: the body in pieces, the response in order, the caller's leaving noticed."""

import asyncio

import pytest

from homeport.api.connection import Connection
from homeport.core.errors import RequestTooLarge
from tests.fakes.wire import Caller


def connect(caller: Caller, max_body: int = 100) -> Connection:
    return Connection(caller.scope, caller.receive, caller.send, max_body)


async def test_a_body_in_pieces() -> None:
    connection = connect(Caller("/", body=[b"ab", b"", b"c"]))
    assert await connection.read_body() == b"abc"
    connection.close()


async def test_a_message_without_a_body_is_an_empty_one() -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.request"}

    async def send(message: object) -> None:
        raise AssertionError(message)

    connection = Connection({"headers": []}, receive, send, 10)
    assert await connection.read_body() == b""
    connection.close()


@pytest.mark.parametrize("sent", ["José 東京", "José"])
@pytest.mark.parametrize("codec", ["utf-8", "latin-1"])
def test_a_name_in_a_header_is_the_same_name_as_in_a_body(sent: str, codec: str) -> None:
    """A user who is named in both ways must not have two budgets: today's clients send UTF-8."""
    raw = sent.encode(codec, "ignore")
    caller = Caller("/")
    caller.scope["headers"] = [(b"x-homeport-user", raw)]
    connection = connect(caller)
    assert connection.header(b"x-homeport-user") == raw.decode(codec)


@pytest.mark.parametrize(("sizes", "fits"), [([100], True), ([50, 50], True), ([101], False), ([50, 51], False)])
async def test_the_bound(sizes: list[int], fits: bool) -> None:
    connection = connect(Caller("/", body=[b"x" * size for size in sizes]))
    if fits:
        assert len(await connection.read_body()) == sum(sizes)
        connection.close()
        return
    with pytest.raises(RequestTooLarge) as caught:
        await connection.read_body()
    assert "server.max_body_bytes" in caught.value.hint


async def test_a_caller_that_leaves_in_the_middle_of_the_body() -> None:
    caller = Caller("/", body=[b"ab"], more=True)
    caller.leave()
    connection = connect(caller)
    with pytest.raises(ConnectionResetError):
        await connection.read_body()
    assert connection.disconnected


async def test_a_caller_that_leaves_cancels_the_task_that_read_the_body() -> None:
    caller = Caller("/", body=[b"ab"])
    connection = connect(caller)

    async def answer() -> None:
        await connection.read_body()
        await asyncio.Event().wait()

    task = asyncio.create_task(answer())
    await caller.listening.wait()
    assert not connection.disconnected
    caller.leave()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert connection.disconnected


async def test_a_closed_connection_cancels_nobody() -> None:
    caller = Caller("/", body=[b"ab"])
    connection = connect(caller)
    await connection.read_body()
    await caller.listening.wait()
    connection.close()
    caller.leave()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not connection.disconnected
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ([], None),
        ([("x-a", "1")], "1"),
        ([("X-A", " é ")], " é "),
        ([("x-a", "1"), ("x-b", "2"), ("x-a", "3")], "1, 3"),
        ([("x-a", ""), ("x-a", "3")], ", 3"),
    ],
)
def test_headers(sent: list[tuple[str, str]], value: str | None) -> None:
    assert connect(Caller("/", headers=sent)).header(b"x-a") == value


async def test_a_response_in_pieces() -> None:
    caller = Caller("/")
    connection = connect(caller)
    before = connection.started
    await connection.start(201, {"content-type": "x", "x-a": "é"})
    assert (before, connection.started) == (False, True)
    await connection.send(b"a")
    await connection.send(b"b")
    await connection.finish()
    assert (caller.status, caller.headers, caller.body) == (201, {"content-type": "x", "x-a": "é"}, b"ab")
    assert caller.finished
