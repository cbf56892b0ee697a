"""How long one call may take, and the errors in which a call of an upstream can end."""

import asyncio
from urllib.parse import urlsplit

from homeport.core.errors import BadAnswer, ConnectFailed, StreamCut, UpstreamTimeout
from homeport.core.types import Timeouts

STALE_S = 1.0
"""A kept-alive connection that its server had closed ends within this of being used; later, it had got the request."""

_LATE = {
    "upstream_connect_timeout": "accepted no connection in time",
    "upstream_first_token_timeout": "did not begin to answer in time",
    "upstream_stalled": "stopped in the middle of an answer",
    "upstream_total_timeout": "did not finish its answer in time",
}


class Deadlines:
    """When one call must have got how far, on the event loop's clock, as (time, code of the error)."""

    __slots__ = ("_began", "_connect", "_first", "_loop", "_total", "timeouts")

    def __init__(self, timeouts: Timeouts, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.timeouts = timeouts
        self._began = now = loop.time()
        self._connect = now + timeouts.connect
        self._first = now + timeouts.first_token
        self._total = now + timeouts.total

    def connect(self) -> tuple[float, str]:
        return self._bounded(self._connect, "upstream_connect_timeout")

    def first_token(self) -> tuple[float, str]:
        return self._bounded(self._first, "upstream_first_token_timeout")

    def next_chunk(self) -> tuple[float, str]:
        return self._bounded(self._loop.time() + self.timeouts.between_tokens, "upstream_stalled")

    @property
    def just_began(self) -> bool:
        """So little time has passed that a connection which ends without an answer can have been stale."""
        return self._loop.time() - self._began < STALE_S

    def _bounded(self, until: float, code: str) -> tuple[float, str]:
        return (until, code) if until < self._total else (self._total, "upstream_total_timeout")


def late(code: str) -> UpstreamTimeout:
    return UpstreamTimeout(
        f"the upstream {_LATE[code]}", code=code, hint="try again, or raise this upstream's timeouts"
    )


def cut() -> StreamCut:
    return StreamCut("the upstream closed the connection in the middle of its answer", hint="try again")


def disconnected(url: str) -> StreamCut:
    return StreamCut(f"{origin(url)} closed the connection without an answer", code="upstream_disconnected")


def unreachable(url: str, why: str) -> ConnectFailed:
    return ConnectFailed(f"{origin(url)} {why}", hint="check that it runs and that its base_url is right")


def shut_down(url: str) -> ConnectFailed:
    return ConnectFailed(f"the connections to {origin(url)} are closed: Homeport is shutting down")


def not_http(url: str) -> BadAnswer:
    return BadAnswer(f"{origin(url)} did not answer in HTTP", hint="check the upstream's base_url")


def too_large(url: str, max_body: int) -> BadAnswer:
    return BadAnswer(
        f"the answer of {origin(url)} is larger than {max_body} bytes",
        code="upstream_answer_too_large",
        hint="ask for less output, or stream it",
    )


def origin(url: str) -> str:
    """Scheme, host and port: what a message may name. Users, paths and queries may hold secrets."""
    try:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
        return f"{parts.scheme}://{host}:{parts.port}" if parts.port else f"{parts.scheme}://{host}"
    except ValueError:
        return "the upstream"
