"""The transport on aiohttp, for what is behind a proxy. It follows no redirects and keeps no cookies."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiohttp

from homeport.core.errors import StreamCut
from homeport.transport.deadlines import Deadlines, cut, disconnected, late, not_http, shut_down, too_large, unreachable
from homeport.transport.http import DEFAULT_MAX_BODY, HttpRequest, HttpResponse, HttpStream, readable

_KEEPALIVE_S = 30.0
_DEFAULT_HEADERS = {"accept-encoding": "identity", "user-agent": "homeport"}


class AiohttpTransport:
    """A `Transport`: one pool of kept-alive connections without a limit of its own."""

    def __init__(self, max_body: int = DEFAULT_MAX_BODY, proxy: str | None = None) -> None:
        """`max_body` is the size in bytes that a whole answer may have; `proxy` the URL of an HTTP proxy."""
        self._max_body = max_body
        self._proxy = proxy
        self._pool: aiohttp.ClientSession | None = None
        self._single_use: aiohttp.ClientSession | None = None
        self._closed = False

    async def post(self, request: HttpRequest) -> HttpResponse:
        """See `Transport.post`."""
        async with self.stream(request) as answer:
            body = await answer.read(self._max_body + 1)
            if len(body) > self._max_body:
                raise too_large(request.url, self._max_body)
            raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
            return HttpResponse(status=answer.status, raw_headers=raw, body=body)

    @asynccontextmanager
    async def stream(self, request: HttpRequest) -> AsyncGenerator[HttpStream]:
        """See `Transport.stream`."""
        deadlines = Deadlines(request.timeouts, asyncio.get_running_loop())
        response = await self._open(request, deadlines)
        try:
            yield _AiohttpStream(response, deadlines)
        finally:
            # A body read to its end has given its connection back already; any other is cut here.
            response.close()

    async def close(self) -> None:
        """See `Transport.close`."""
        self._closed = True
        for session in (self._pool, self._single_use):
            if session is not None:
                await session.close()

    async def _open(self, request: HttpRequest, deadlines: Deadlines) -> aiohttp.ClientResponse:
        connection = _Connection()
        try:
            return await _send(self._pooled(request.url), request, deadlines, connection)
        except StreamCut:
            # The server closed a kept-alive connection just as we used it. It never saw the request,
            # so asking again is safe; on a connection that is surely new, because the pool's other
            # connections may be as stale.
            if not connection.reused or not deadlines.just_began:
                raise
        return await _send(self._fresh(request.url), request, deadlines, connection)

    def _pooled(self, url: str) -> aiohttp.ClientSession:
        self._check_open(url)
        if self._pool is None:
            self._pool = _session(aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_S), self._proxy)
        return self._pool

    def _fresh(self, url: str) -> aiohttp.ClientSession:
        self._check_open(url)
        if self._single_use is None:
            self._single_use = _session(aiohttp.TCPConnector(limit=0, force_close=True), self._proxy)
        return self._single_use

    def _check_open(self, url: str) -> None:
        if self._closed:
            raise shut_down(url)


class _Connection:
    """What became of one request's connection; aiohttp's tracing fills it in."""

    reused = False


class _AiohttpStream:
    """An `HttpStream`. It is its own iterator, so a reader may stop anywhere and leave nothing behind."""

    def __init__(self, response: aiohttp.ClientResponse, deadlines: Deadlines) -> None:
        self._content = response.content
        self._deadlines = deadlines
        self._begun = False
        self.status = response.status
        self.headers: Mapping[str, str] = readable(response.raw_headers)

    def chunks(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        until, code = self._deadlines.next_chunk() if self._begun else self._deadlines.first_token()
        try:
            async with asyncio.timeout_at(until):
                chunk = await self._content.readany()
        except TimeoutError as error:
            raise late(code) from error
        except (aiohttp.ClientError, OSError) as error:
            raise cut() from error
        if not chunk:
            raise StopAsyncIteration
        self._begun = True
        return chunk

    async def read(self, limit: int) -> bytes:
        parts = []
        size = 0
        async for chunk in self:
            parts.append(chunk)
            size += len(chunk)
            if size >= limit:
                break
        return b"".join(parts)[:limit]


async def _send(
    session: aiohttp.ClientSession, request: HttpRequest, deadlines: Deadlines, connection: _Connection
) -> aiohttp.ClientResponse:
    """Send and wait for the headers; every failure becomes an `UpstreamError`."""
    until, code = deadlines.first_token()
    try:
        async with asyncio.timeout_at(until):
            return await _post(session, request, connection)
    except aiohttp.ConnectionTimeoutError as error:
        raise late("upstream_connect_timeout") from error
    except aiohttp.ClientConnectorError as error:
        raise unreachable(request.url, f"cannot be reached: {error.strerror or type(error).__name__}") from error
    except TimeoutError as error:
        raise late(code) from error
    except aiohttp.ClientConnectionError as error:
        raise disconnected(request.url) from error
    except aiohttp.ClientResponseError as error:
        raise not_http(request.url) from error
    except (aiohttp.ClientError, ValueError):
        # What aiohttp says here quotes the whole URL or a header: it must not travel in the traceback.
        raise unreachable(request.url, "cannot be asked: its base_url or a header is not valid") from None


async def _post(
    session: aiohttp.ClientSession, request: HttpRequest, connection: _Connection
) -> aiohttp.ClientResponse:
    return await session.request(
        request.method,
        request.url,
        data=request.body,
        headers={**request.own_headers, **request.headers},
        allow_redirects=False,
        timeout=aiohttp.ClientTimeout(total=None, connect=request.timeouts.connect),
        trace_request_ctx=connection,
    )


def _session(connector: aiohttp.TCPConnector, proxy: str | None) -> aiohttp.ClientSession:
    tracing = aiohttp.TraceConfig()
    tracing.on_connection_reuseconn.append(_note_reuse)
    return aiohttp.ClientSession(
        connector=connector,
        headers=_DEFAULT_HEADERS,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        proxy=proxy,
        trace_configs=[tracing],
    )


async def _note_reuse(
    session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceConnectionReuseconnParams
) -> None:
    context.trace_request_ctx.reused = True
