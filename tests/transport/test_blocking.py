"""The client for long transfers: every wait ends, secrets stay with whom they are for, nothing is followed astray."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO

import msgspec
import pytest

from homeport.core.errors import BadAnswer, ConnectFailed, StreamCut, UpstreamError, UpstreamTimeout
from homeport.transport.blocking import BlockingClient, Call, Segment, follow, is_safe, same_origin
from tests.fakes.registry import Exchange, FakeRegistry, running

SECRET = {"authorization": "Bearer top-secret", "x-kind": "a"}


@contextmanager
def saying(*pieces: bytes, hold: threading.Event | None = None) -> Iterator[str]:
    """A server that reads a request's head, says these bytes whatever was asked, and hangs up (when `hold` is set)."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(65_536)
            for piece in pieces:
                connection.sendall(piece)
            if hold is not None:
                hold.wait(20)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x"
    finally:
        if hold is not None:
            hold.set()
        thread.join(5)
        listener.close()


def get(call: Call, client: BlockingClient | None = None) -> bytes:
    with (client or BlockingClient()).send(call) as reply:
        return reply.read(1000)


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with running() as server:
        yield server


def test_bodies_go_both_ways() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\nX-A: 2\r\n\r\n"
    with saying(head, b"2\r\nok\r\n0\r\n\r\n") as url:
        done: list[int] = []
        part = Segment(file=BytesIO(b"0123456789"), start=2, size=5, done=done.append)
        with BlockingClient().send(Call(url=url, method="PUT", body=part)) as reply:
            assert (reply.status, reply.headers["x-a"], reply.read(2)) == (200, "1, 2", b"ok")
        assert done == [7]


def test_a_file_that_became_shorter_is_not_sent_as_if_it_were_whole() -> None:
    with saying(hold=threading.Event()) as url, pytest.raises(StreamCut):
        get(Call(url=url, method="PUT", body=Segment(file=BytesIO(b"01"), start=0, size=3)))


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"", StreamCut),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", StreamCut),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok", StreamCut),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\nok", StreamCut),
        (b"what?\r\n\r\n", BadAnswer),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + bytes(1001), BadAnswer),
        (b"HTTP/1.1 200 OK\r\n" + b"X-A: %b\r\n" % (b"a" * 70_000) + b"\r\n", BadAnswer),
        (b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: a\r\n" % number for number in range(200)) + b"\r\n", BadAnswer),
        (b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %b\r\n" % (n, b"a" * 9000) for n in range(50)) + b"\r\n", BadAnswer),
    ],
)
def test_what_is_no_whole_answer_is_told(said: bytes, kind: type[UpstreamError]) -> None:
    with saying(said) as url, pytest.raises(kind):
        get(Call(url=url))


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nX-", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok"])
def test_a_silence_ends(said: bytes) -> None:
    with saying(said, hold=threading.Event()) as url, pytest.raises(UpstreamTimeout) as caught:
        get(Call(url=url, idle=0.1))
    assert caught.value.code == "upstream_stalled"


def test_a_drip_ends_too() -> None:
    """Each byte in time, and never an end: what `settimeout` alone would wait for."""
    times = iter(range(0, 100_000, 40))
    client = BlockingClient(clock=lambda: float(next(times)))
    dripping = saying(b"HTTP/1.1 200 OK\r\n", b"X-A: 1\r\n" * 20, hold=threading.Event())
    with dripping as url, pytest.raises(UpstreamTimeout) as caught:
        get(Call(url=url, idle=60), client)
    assert caught.value.code == "upstream_total_timeout"


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "http:///x", "http://127.0.0.1:99999/x", "http://a b/x", "x"])
def test_what_is_no_address_is_not_asked(url: str) -> None:
    with pytest.raises(ConnectFailed):
        get(Call(url=url))


def test_a_header_cannot_bring_another_with_it() -> None:
    with saying(b"HTTP/1.1 200 OK\r\n\r\n") as url, pytest.raises(ConnectFailed) as caught:
        get(Call(url=url, headers={"x": "a\r\nauthorization: top-secret"}))
    assert "secret" not in caught.value.message
    assert caught.value.__cause__ is None


def test_who_is_not_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ConnectFailed, match=f"127.0.0.1:{port}"):
        get(Call(url=f"http://127.0.0.1:{port}/x"))


def test_nothing_secret_is_shown() -> None:
    assert "secret" not in repr(Call(url="https://a.example/x?sig=secret", headers=SECRET, body=b"secret"))


def test_a_redirect_is_followed_and_takes_no_secret_elsewhere(fake: FakeRegistry) -> None:
    with running() as other:
        fake.files["/here"] = other.files["/there"] = b"found"
        for target, told in ((f"http://{other.host}/there", None), ("/here", "Bearer top-secret")):
            fake.fault("GET", "/start", redirecting(target))
            with follow(BlockingClient(), Call(url=f"http://{fake.host}/start", headers=SECRET)) as reply:
                assert reply.read(10) == b"found"
            asked = other.asked[-1] if told is None else fake.asked[-1]
            assert {name.lower(): value for name, value in asked[2].items()}.get("authorization") == told
            assert {name.lower(): value for name, value in asked[2].items()}["x-kind"] == "a"


@pytest.mark.parametrize(
    "target",
    [
        "http://models.example.org/x",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://[x/",
        "https:///x",
        "http://a b/",
    ],
)
def test_a_redirect_to_what_others_could_read_is_refused(fake: FakeRegistry, target: str) -> None:
    fake.fault("GET", "/start", redirecting(target))
    with pytest.raises(BadAnswer) as caught, follow(BlockingClient(), Call(url=f"http://{fake.host}/start")):
        pass
    assert caught.value.code == "upstream_redirect_refused"


def test_a_redirect_into_this_machine_is_followed_from_this_machine_only(fake: FakeRegistry) -> None:
    call = Call(url=f"http://{fake.host}/start")
    fake.fault("GET", "/start", redirecting("http://localhost:1/x"))
    with pytest.raises(ConnectFailed), follow(BlockingClient(), call):
        pass
    elsewhere = BlockingClient(proxy=f"http://{fake.host}")
    fake.fault("GET", "/start", redirecting(f"http://{fake.host}/x"))
    with (
        pytest.raises(BadAnswer),
        follow(elsewhere, msgspec.structs.replace(call, url="http://models.example.org/start")),
    ):
        pass


def test_redirects_in_a_circle_end(fake: FakeRegistry) -> None:
    fake.fault("GET", "/start", redirecting("/start"), times=100)
    with pytest.raises(BadAnswer), follow(BlockingClient(), Call(url=f"http://{fake.host}/start")):
        pass
    assert fake.times("GET") == 6


def test_a_proxy_is_asked_for_the_whole_address(fake: FakeRegistry) -> None:
    fake.fault("GET", "http://models.example.org/x", lambda asked: asked.answer(200, b"by proxy"))
    assert get(Call(url="http://models.example.org/x"), BlockingClient(proxy=f"http://{fake.host}")) == b"by proxy"


def test_addresses_are_told_apart() -> None:
    assert all(map(is_safe, ("https://a.example/", "http://127.0.0.1:1/", "http://[::1]/")))
    assert not any(map(is_safe, ("http://a.example/", "http://127.0.0.1.a.example/")))
    assert same_origin("https://a.example/x", "https://a.example:443/y")
    assert not same_origin("https://a.example/x", "http://a.example/x")
    assert not same_origin("https://a.example/x", "https://b.example/x")


def redirecting(target: str) -> Callable[[Exchange], bool]:
    return lambda asked: asked.answer(307, Location=target)
