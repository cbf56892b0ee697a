"""People who look at a gateway while it works, in a process of their own: some follow requests, one opens pages."""

import contextlib
import http.client
import itertools
import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection

import msgspec

from bench.machine import pinned

SHOWN = (200, 303)
"""What a page that works answers; some lead on to another."""
_READ_BYTES = 1 << 18
_ROW = b'<tr class="new"'
_EVENT = re.compile(rb"event: (\w+)\n(.*?)\n\n", re.DOTALL)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where they look, and as whom: a key of the admin API, and the cookie of somebody who is signed in."""

    port: int
    key: str
    cookie: str
    pages: Sequence[str]


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks.

    Attributes:
        programs: follow all requests by the admin API.
        people: follow all requests on the console's page.
        page_every_s: somebody opens the next page of the console so often; 0 for nobody.
    """

    programs: int = 0
    people: int = 0
    page_every_s: float = 0.0


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What they saw.

    Attributes:
        came: requests, by follower, programs first; `dropped`: those that a follower was told it did not get.
        late_ms: of each request that a program was told, since it ended.
        page_ms: how long each page took.
        failed: pages that were not `SHOWN`, and followers who got no answer.
    """

    came: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()
    late_ms: tuple[float, ...] = ()
    page_ms: tuple[float, ...] = ()
    failed: int = 0


class _Told(msgspec.Struct):
    started_at: float
    latency_ms: float


_TOLD = msgspec.json.Decoder(_Told)


class Follower(threading.Thread):
    """Counts what it is told, until `leave`."""

    def __init__(self, port: int, path: str, headers: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._asked = (path, headers)
        self._buffer = b""
        self.begun = threading.Event()
        self.status = self.came = self.dropped = 0
        self.late_ms: list[float] = []

    def run(self) -> None:
        path, headers = self._asked
        with contextlib.suppress(OSError, http.client.HTTPException):  # as it ends when `leave` was called
            self._connection.request("GET", path, headers=headers)
            answer = self._connection.getresponse()
            self.status = answer.status
            while data := answer.read1(_READ_BYTES):
                self.begun.set()
                self.take(data, time.time())

    def leave(self) -> None:
        if self._connection.sock is not None:
            with contextlib.suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        self.join()
        self._connection.close()

    def take(self, data: bytes, now: float) -> None:
        """Some more of what the gateway sent."""
        self._buffer += data
        end = 0
        for event in _EVENT.finditer(self._buffer):
            self._count(event[1], event[2], now)
            end = event.end()
        self._buffer = self._buffer[end:]

    def _count(self, name: bytes, data: bytes, now: float) -> None:
        match name:
            case b"request":
                told = _TOLD.decode(data.removeprefix(b"data: "))
                self.came += 1
                self.late_ms.append((now - told.started_at) * 1e3 - told.latency_ms)
            case b"rows":
                self.came += data.count(_ROW)
            case b"dropped" | b"lost":
                self.dropped += int(re.sub(rb"\D", b"", data))


class _Walker(threading.Thread):
    """Opens one page after the other."""

    def __init__(self, place: Place, pages: Iterator[str], every_s: float) -> None:
        super().__init__(daemon=True)
        self._place = place
        self._pages = pages
        self._every_s = every_s
        self._over = threading.Event()
        self.took_ms: list[float] = []
        self.failed = 0

    def run(self) -> None:
        wait = self._every_s / 2
        while not self._over.wait(wait):
            wait = self._every_s
            begun = time.perf_counter()
            status, _ = fetch(self._place, next(self._pages))
            self.took_ms.append((time.perf_counter() - begun) * 1e3)
            self.failed += status not in SHOWN

    def leave(self) -> None:
        self._over.set()
        self.join()


class People:
    """The process, from outside: `look` begins, `leave` tells what was seen."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def look(self, party: Party) -> None:
        """Returns when every follower is there."""
        self._pipe.send(party)
        self._pipe.recv()

    def leave(self) -> Seen:
        self._pipe.send(None)
        seen: Seen = self._pipe.recv()
        return seen


@contextlib.contextmanager
def people(core: int, place: Place) -> Iterator[People]:
    """They have a core that they share with whatever else is not the gateway."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    with pinned(core):
        process = context.Process(target=_live, args=(theirs, place), daemon=True)
        process.start()
    try:
        yield People(ours)
    finally:
        process.terminate()
        process.join()


def fetch(place: Place, path: str) -> tuple[int, bytes]:
    """A page of the console: its status and the whole of it."""
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", f"/console{path}", headers={"cookie": place.cookie})
        answer = connection.getresponse()
        return answer.status, answer.read()


def _live(pipe: Connection, place: Place) -> None:
    pages = itertools.cycle(place.pages)
    while True:
        party: Party = pipe.recv()
        followers = _followers(place, party)
        walker = _Walker(place, pages, party.page_every_s) if party.page_every_s else None
        for one in (*followers, *((walker,) if walker else ())):
            one.start()
        for follower in followers:
            follower.begun.wait(10)
        pipe.send(None)
        pipe.recv()
        for one in (*followers, *((walker,) if walker else ())):
            one.leave()
        pipe.send(_seen(followers, walker))


def _followers(place: Place, party: Party) -> list[Follower]:
    program = ("/admin/v1/requests/tail", {"authorization": f"Bearer {place.key}"})
    person = ("/console/requests/tail", {"cookie": place.cookie})
    return [Follower(place.port, *how) for how in (*[program] * party.programs, *[person] * party.people)]


def _seen(followers: Sequence[Follower], walker: _Walker | None) -> Seen:
    return Seen(
        came=tuple(one.came for one in followers),
        dropped=tuple(one.dropped for one in followers),
        late_ms=tuple(late for one in followers for late in one.late_ms),
        page_ms=tuple(walker.took_ms) if walker else (),
        failed=sum(one.status != 200 for one in followers) + (walker.failed if walker else 0),
    )
