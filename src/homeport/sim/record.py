"""What the upstream saw: every request, what it was answered, and whether the client stayed to the end."""

import asyncio
import base64
import hashlib
import time
from collections import deque
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from homeport.sim.reply import Request

MAX_BYTES = 128 << 20
"""Bound on the bodies that are remembered."""

_SECRETS = frozenset({"authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie"})
_SECRET_PARAMETERS = frozenset({"key", "api_key", "access_token"})


class Seen(msgspec.Struct, kw_only=True):
    """One request. It changes while it is answered.

    Attributes:
        number: 1 for the first request of this server.
        connection: 1 for the first connection; it tells connections apart.
        path: with its query; keys in it are hashed.
        headers: names in lower case; keys are hashed, so that two can be compared.
        body: as text, where it is UTF-8; else `body_base64` has it.
        began: seconds since the epoch.
        seconds: how long it took; None while it is answered.
        status: of the answer; 0 where none was sent.
        events: how many events of a stream were written.
        bytes_sent: of head and body, as far as they left this process.
        cancelled: the client closed the connection before the end.
        ended: the answer was sent as far as it was meant to be.
        faults: that it got.
    """

    number: int
    connection: int
    method: str
    path: str
    headers: dict[str, str]
    body: str = ""
    body_base64: str = ""
    began: float = 0.0
    seconds: float | None = None
    status: int = 0
    events: int = 0
    bytes_sent: int = 0
    cancelled: bool = False
    ended: bool = False
    faults: dict[str, float | str] = {}

    @property
    def size(self) -> int:
        """Characters of the body, about its bytes in memory."""
        return len(self.body) + len(self.body_base64)

    @property
    def fields(self) -> dict[str, Any]:
        """The body as JSON; empty where it is not an object."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            return {}


class Record:
    """The last requests, oldest first, and no more of them than fit into `MAX_BYTES`."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._seen: deque[Seen] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()
        self.total = 0
        self.running = 0
        self.connections = 0

    @property
    def seen(self) -> list[Seen]:
        return list(self._seen)

    def keep(self, many: int) -> None:
        """Remember another number of requests from now on."""
        self._keep = many
        self._trim()

    def clear(self) -> None:
        self._seen.clear()
        self._bytes = 0

    def begin(self, connection: int, request: Request) -> Seen:
        """Note a request that came whole."""
        self.total += 1
        self.running += 1
        seen = Seen(
            number=self.total,
            connection=connection,
            method=request.method,
            path=_shown_path(request),
            headers={name: hidden(value) if name in _SECRETS else value for name, value in request.headers.items()},
            began=time.time(),
        )
        if self._keep:
            _add_body(seen, request.body)
            self._seen.append(seen)
            self._bytes += seen.size
            self._trim()
        self.wake()
        return seen

    def _trim(self) -> None:
        while len(self._seen) > self._keep or self._bytes > MAX_BYTES:
            self._bytes -= self._seen.popleft().size

    def end(self, seen: Seen) -> None:
        """Note that nothing more happens to a request."""
        seen.seconds = max(0.0, time.time() - seen.began)
        self.running -= 1
        self.wake()

    def wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        """Until a request or a connection begins or ends."""
        await self._changed.wait()


def hidden(secret: str) -> str:
    """A secret as it may be shown: its hash tells whether two are the same."""
    return f"sha256:{hashlib.sha256(secret.encode()).hexdigest()[:12]}"


def _shown_path(request: Request) -> str:
    if not request.query:
        return request.path
    pairs = parse_qsl(request.query, keep_blank_values=True)
    if not any(name in _SECRET_PARAMETERS for name, _ in pairs):
        return f"{request.path}?{request.query}"
    shown = [(name, hidden(value) if name in _SECRET_PARAMETERS else value) for name, value in pairs]
    return f"{request.path}?{urlencode(shown, safe=':')}"


def _add_body(seen: Seen, body: bytes) -> None:
    try:
        seen.body = body.decode()
    except UnicodeDecodeError:
        seen.body_base64 = base64.b64encode(body).decode()
