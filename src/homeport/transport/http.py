"""The seam between us and an HTTP client: two ways to ask, and the values they take and give."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from homeport.core.types import Timeouts

DEFAULT_MAX_BODY = 64 << 20
"""How many bytes a whole answer may have."""


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `timeouts` bound this call; `url` is absolute and comes from the configuration only.

    `own_headers` are those of this call alone, where others are the same for each call of an upstream. One that is in
    `headers` too is sent as it is there.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    timeouts: Timeouts
    method: str = "POST"
    own_headers: Mapping[str, str] = {}

    def __repr__(self) -> str:
        # Headers hold keys, the body holds prompts, a query may hold either: none belongs in a log.
        return f"HttpRequest({self.method} {self.url.partition('?')[0]}, {len(self.body)} bytes)"


class HttpResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer of any status."""

    status: int
    raw_headers: Sequence[tuple[bytes, bytes]]
    body: bytes

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case; made when they are asked for, since a good answer's are seldom."""
        return readable(self.raw_headers)


def readable(raw_headers: Sequence[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Headers by lower-case name; of one that came twice, both values with a comma between."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw_headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


class HttpStream(Protocol):
    """An answer whose body still arrives. One reader; reading raises `UpstreamTimeout` or `StreamCut`."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Header names are lower-case."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, one piece a network read; ends at the body's end."""

    async def read(self, limit: int) -> bytes:
        """At most `limit` bytes of what is left; the rest is dropped. For the bodies of errors."""


class Transport(Protocol):
    """An HTTP client. Its methods raise `UpstreamError` and nothing else.

    Raises (both methods):
        ConnectFailed: no name, no connection or no TLS (upstream_unreachable).
        UpstreamTimeout: upstream_connect_timeout, upstream_first_token_timeout (no headers and first
            byte of the body in time), upstream_stalled (a gap in the body), upstream_total_timeout.
        StreamCut: the connection ended before the answer did.
        BadAnswer: what came is not HTTP, or is larger than the bound (upstream_answer_too_large).
    """

    async def post(self, request: HttpRequest) -> HttpResponse:
        """The whole answer, of any HTTP status."""

    def stream(self, request: HttpRequest) -> AbstractAsyncContextManager[HttpStream]:
        """Entered when the headers are there. Leaving it early closes the connection."""

    async def close(self) -> None:
        """Close every connection; later calls raise `ConnectFailed`. May be called twice."""
