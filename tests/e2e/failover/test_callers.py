"""Callers who leave, dawdle, crowd, or send what no client library would."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.failover.house import BODIES, House, wait_until
from tests.e2e.program import Program

pytestmark = pytest.mark.slow

WHOLE = [
    *[(surface, "chat") for surface in ("chat/completions", "completions", "embeddings", "responses", "messages")],
    *[(surface, "native") for surface in ("responses", "rerank", "moderations")],
    *[(surface, "claude") for surface in ("chat/completions", "messages")],
]


def connect(program: Program) -> socket.socket:
    return socket.create_connection(("127.0.0.1", program.port), timeout=30)


def written(program: Program, body: bytes, *headers: bytes, path: bytes = b"/v1/chat/completions") -> bytes:
    head = [b"POST %b HTTP/1.1" % path, b"host: x", b"authorization: Bearer " + program.key.encode(), *headers]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def received(sock: socket.socket) -> tuple[int, bytes]:
    """Status and body of one answer; the connection ends with it."""
    answer = b""
    while data := sock.recv(65_536):
        answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.parametrize(("surface", "model"), WHOLE)
@pytest.mark.parametrize("fault", ["delay", "stall"])
def test_a_caller_who_leaves_cancels_a_whole_answer_too(house: House, surface: str, model: str, fault: str) -> None:
    """The upstream is told at once, by the end of its connection; the prompt is billed."""
    before, since = house.sim.total, time.time_ns()
    house.sim.queue(fault)
    body = json.dumps(house.body(surface, model)).encode()
    with connect(house.program) as sock:
        path = f"/v1/{surface}".encode()
        sock.sendall(written(house.program, body, b"content-length: %d" % len(body), path=path))
        wait_until(lambda: house.sim.total > before)
    house.sim.wait_idle()
    (seen,) = house.sim.seen(before)
    assert (seen["cancelled"], seen["ended"]) == (True, False)
    row = house.left(since)
    assert (row["surface"], row["status"], row["output_tokens"], row["estimated"]) == (surface, 499, 0, True)
    assert row["cost"] == row["input_tokens"] * 2000 > 0


def test_a_caller_who_leaves_ends_the_retries(house: House) -> None:
    model, before, since = house.limited(), house.sim.total, time.time_ns()
    house.sim.queue("status=503;retry-after=2", times=3)
    body = json.dumps(house.body("chat/completions", model)).encode()
    with connect(house.program) as sock:
        sock.sendall(written(house.program, body, b"content-length: %d" % len(body)))
        wait_until(lambda: house.sim.total > before)
    assert house.left(since)["cost"] == 0
    assert len(house.sim.seen(before)) == 1


def test_one_who_leaves_takes_nobody_along(house: House) -> None:
    house.sim.queue("delay;latency=1", times=1)
    body = json.dumps(house.body("chat/completions", "chat")).encode()
    before = house.sim.total
    with connect(house.program) as sock:
        sock.sendall(written(house.program, body, b"content-length: %d" % len(body)))
        wait_until(lambda: house.sim.total > before)
        house.sim.queue("latency=300", times=4)
        with ThreadPoolExecutor(4) as callers:
            others = [callers.submit(house.ask) for _ in range(4)]
            wait_until(lambda: house.sim.total == before + 5)
            sock.close()
            assert {other.result().status for other in others} == {200}


@pytest.mark.parametrize("part", ["head", "body", "chunk"])
def test_a_slow_caller_is_sent_away(house: House, part: str) -> None:
    """A head or a body that does not come is a 408, and nothing was asked of the upstream."""
    before = house.sim.total
    starts = {
        "head": b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-a:",
        "body": written(house.program, b'{"model"', b"content-length: 500"),
        "chunk": written(house.program, b"8\r\n{'mod", b"transfer-encoding: chunked"),
    }
    with connect(house.program) as sock:
        sock.sendall(starts[part])
        status, body = received(sock)
    assert status == 408
    assert json.loads(body)["error"]["code"] == "request_timeout"
    assert house.sim.total == before


def test_a_hundred_slow_callers_keep_nobody_waiting(house: House) -> None:
    socks = [connect(house.program) for _ in range(100)]
    try:
        for sock in socks:
            sock.sendall(written(house.program, b'{"model"', b"content-length: 500"))
        assert house.ask().status == 200
    finally:
        for sock in socks:
            sock.close()


def test_a_caller_who_does_not_read_is_the_only_one_who_waits(house: House) -> None:
    house.sim.queue("tokens=20000")
    body = json.dumps(house.body("chat/completions", "chat", stream=True)).encode()
    before, since = house.sim.total, time.time_ns()
    with connect(house.program) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(written(house.program, body, b"content-length: %d" % len(body)))
        wait_until(lambda: house.sim.total > before)
        assert house.ask().status == 200
    house.sim.wait_idle()
    assert house.left(since)["surface"] == "chat/completions"


@pytest.mark.parametrize("surface", ["chat/completions", "completions", "embeddings", "responses", "messages"])
def test_a_prompt_of_two_megabytes(house: House, surface: str) -> None:
    body = json.dumps(house.body(surface, "chat")).replace("Which clause", r"\u00e9" * 350_000)
    assert len(body) > 2_000_000
    before = house.sim.total
    reply = house.send(f"/v1/{surface}", body)
    assert reply.status == 200
    (seen,) = house.sim.seen(before)
    assert "é" * 1000 in seen["body"] or "\\u00e9" * 1000 in seen["body"]
    row = house.row(reply.request_id)
    assert row["cost"] == row["input_tokens"] * 2000 + row["output_tokens"] * 8000


DEEP = 10_000


def spoilt() -> dict[str, tuple[bytes, str]]:
    deep = b"[" * DEEP + b"]" * DEEP
    return {
        "deep": (b'"x":' + deep, "json_too_deep"),
        "deep object": (b'"x":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP, "json_too_deep"),
        "NaN": (b'"x":NaN', "invalid_json"),
        "Infinity": (b'"x":[-Infinity]', "invalid_json"),
        "UTF-8": (b'"x":"\xff\xfe"', "invalid_utf8"),
        "half": (b'"x":', "invalid_json"),
    }


@pytest.mark.parametrize("surface", BODIES)
@pytest.mark.parametrize("name", spoilt())
def test_spoilt_json_through_every_surface(house: House, surface: str, name: str) -> None:
    extra, code = spoilt()[name]
    model = "native" if surface in ("rerank", "moderations") else "chat"
    before = house.sim.total
    reply = house.send(f"/v1/{surface}", json.dumps(house.body(surface, model)).encode()[:-1] + b"," + extra + b"}")
    assert (reply.status, reply.error["code"]) == (400, code)
    assert house.sim.total == before
    row = house.row(reply.request_id)
    assert (row["outcome"], row["cost"]) == ("rejected", 0)


def test_expect_100_continue(house: House) -> None:
    body = json.dumps(house.body("chat/completions", "chat")).encode()
    with connect(house.program) as sock:
        headers = (b"content-length: %d" % len(body), b"expect: 100-continue", b"connection: close")
        sock.sendall(written(house.program, b"", *headers))
        assert sock.recv(1000).startswith(b"HTTP/1.1 100")
        sock.sendall(body)
        assert received(sock)[0] == 200


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_request_in_chunks(house: House, size: int) -> None:
    body = json.dumps(house.body("chat/completions", "chat")).encode()
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x;a=b\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nx-t: y\r\n\r\n"
    with connect(house.program) as sock:
        sock.sendall(written(house.program, chunks, b"transfer-encoding: chunked", b"connection: close"))
        assert received(sock)[0] == 200


SMUGGLED = {
    "two lengths": (b"content-length: 4", b"content-length: 40"),
    "length and chunks": (b"content-length: 4", b"transfer-encoding: chunked"),
    "two codings": (b"transfer-encoding: chunked", b"transfer-encoding: identity"),
    "a space before the colon": (b"transfer-encoding : chunked",),
    "a folded header": (b"x-a: b", b" content-length: 4"),
    "an unknown coding": (b"transfer-encoding: xchunked",),
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_a_smuggled_request_reaches_nobody(house: House, name: str) -> None:
    """What two servers could read in two ways is refused, and what follows it is not answered."""
    before = house.sim.total
    body = json.dumps(house.body("chat/completions", "chat")).encode()
    inner = written(house.program, body, b"content-length: %d" % len(body))
    with connect(house.program) as sock:
        sock.sendall(written(house.program, b"0\r\n\r\n" + inner, *SMUGGLED[name]))
        status, answer = received(sock)
    assert status == 400
    assert json.loads(answer)["error"]["code"] == "invalid_http"
    assert house.sim.total == before


INJECTED: tuple[dict[str, Any], ...] = (
    {"model": "chat\r\nx-evil: 1"},
    {"user": "a\r\nx-evil: 1"},
    {"metadata": {"x-evil: 1\r\n": "b"}},
)


@pytest.mark.parametrize("fields", INJECTED)
def test_no_header_is_made_of_a_body(house: House, fields: dict[str, Any]) -> None:
    before = house.sim.total
    reply = house.send("/v1/chat/completions", json.dumps(house.body("chat/completions", "chat") | fields))
    assert reply.status in {200, 404}
    assert "x-evil" not in reply.headers
    assert all("x-evil" not in seen["headers"] for seen in house.sim.seen(before))


def test_no_header_of_a_caller_reaches_the_upstream(house: House) -> None:
    """Cookies, keys and faults of a caller are not the upstream's business."""
    before = house.sim.total
    reply = house.ask(headers={"x-sim-fault": "status=500", "cookie": "a=b", "x-api-key": "hp-x", "x-evil": "1"})
    assert reply.status == 200
    (seen,) = house.sim.seen(before)
    assert not {"x-sim-fault", "cookie", "x-api-key", "x-evil"} & set(seen["headers"])
    assert house.program.key not in json.dumps(seen)


def test_a_flood_of_wrong_keys_leaves_the_others_alone(house: House) -> None:
    """Each is told 401, none costs a row or a call, and a good key is served meanwhile."""
    rows, before = len(house.rows()), house.sim.total
    stop = threading.Event()
    statuses: set[int] = set()

    def flood(worker: int) -> None:
        for number in range(150):
            if not stop.is_set():
                statuses.add(house.ask(headers={"authorization": f"Bearer hp-{worker}-{number}"}).status)

    with ThreadPoolExecutor(4) as callers:
        floods = [callers.submit(flood, worker) for worker in range(4)]
        good = [house.ask().status for _ in range(10)]
        stop.set()
        for done in floods:
            done.result()
    assert (statuses, good) == ({401}, [200] * 10)
    assert len(house.rows()) == rows + 10
    assert house.sim.total == before + 10
    page = house.program.get("/metrics")[1].decode()
    assert "hp-0-1" not in page, "a wrong key is no label"
