"""`/admin/v1/requests...`: the requests there were, for holders of a key with the scope `admin` alone."""

import asyncio
import threading
from collections.abc import Generator, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import islice
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import Engine

from homeport.api.admin import off_the_loop
from homeport.api.connection import Connection
from homeport.api.routes import JSON, Handler, Methods, read_query, token_of
from homeport.core.errors import InvalidRequest, RequestError
from homeport.core.money import parse_usd
from homeport.core.ports import KeyRing
from homeport.core.types import Scope
from homeport.pipeline.authenticate import authenticate, permit
from homeport.storage.bodies import BodyStore
from homeport.storage.request_filter import RequestFilter
from homeport.storage.request_list import MOST, Page, list_requests, read_cursor
from homeport.storage.request_rows import RequestRow
from homeport.storage.words import MOST_QUERY_CHARS
from homeport.traces.detail import DetailReader
from homeport.traces.detail_view import detail_view
from homeport.traces.export import Record, line_of, records
from homeport.traces.search import MOST as MOST_FOUND
from homeport.traces.search import Search, SearchPage
from homeport.traces.tail import Tail
from homeport.traces.view import view

PATH = "/admin/v1/requests"

_HEADERS = {**JSON, "cache-control": "no-store"}
_LINES = {"content-type": "application/x-ndjson", "cache-control": "no-store"}
_EVENTS = {"content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no"}
_LINES_AT_ONCE = 200
_PING_S = 15.0
_NS = 1_000_000_000
_LAST = 4_000_000_000.0
"""Seconds since the epoch: the year 2096, far from what the database cannot count."""
_DEAREST = 9_000_000_000
"""Dollars: more than the ledger can hold of one request."""

Moment = Annotated[float, Meta(ge=0, le=_LAST)]
Name = Annotated[str, Meta(max_length=160)]


class RequestQuery(Struct, frozen=True, kw_only=True):
    """Which requests, as the parameters of a URL say it; see `RequestFilter`.

    Attributes:
        start_time, end_time: seconds since the epoch.
        user, trace, key, project, target, model, tier: their names; what is left out says nothing.
        min_cost_usd: dollars, as text.
    """

    start_time: Moment = 0.0
    end_time: Moment | None = None
    key: Annotated[str, Meta(max_length=40)] = ""
    project: Name = ""
    target: Name = ""
    model: Name = ""
    tier: Name = ""
    route: Name = ""
    outcome: Literal["", "completed", "rejected", "failed", "cancelled"] = ""
    status: Annotated[int, Meta(ge=0, le=999)] = 0
    error: Annotated[str, Meta(max_length=64)] = ""
    cache: Literal["", "miss", "hit", "semantic", "alias"] = ""
    user: Name = ""
    trace: Name = ""
    min_cost_usd: Annotated[str, Meta(max_length=32)] = ""
    min_latency_ms: Annotated[float, Meta(ge=0, le=1e9)] = 0.0

    def wanted(self) -> RequestFilter:
        """Raises InvalidRequest."""
        if self.end_time is not None and self.end_time <= self.start_time:
            raise InvalidRequest("the end is not after the start", param="end_time")
        return RequestFilter(
            since=round(self.start_time * _NS),
            until=0 if self.end_time is None else round(self.end_time * _NS),
            key_id=self.key,
            project=self.project,
            target=self.target,
            model=self.model,
            tier=self.tier,
            route=self.route,
            outcome=self.outcome,
            status=self.status,
            error=self.error,
            cache=self.cache,
            end_user=self.user,
            trace_id=self.trace,
            min_cost=_nano(self.min_cost_usd),
            min_latency_ns=round(self.min_latency_ms * 1e6),
        )


class PageQuery(RequestQuery, frozen=True, kw_only=True):
    """A page of them.

    Attributes:
        after: `next` of the page before.
    """

    after: Annotated[str, Meta(max_length=80)] = ""
    limit: Annotated[int, Meta(ge=1, le=MOST)] = 50


class SearchQuery(RequestQuery, frozen=True, kw_only=True):
    """Requests in which something was said.

    Attributes:
        text: words that must all be there, "phrases", and beginnings such as contr*.
        before: `next` of the page before.
    """

    text: Annotated[str, Meta(min_length=1, max_length=MOST_QUERY_CHARS)]
    before: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)] = 0
    limit: Annotated[int, Meta(ge=1, le=MOST_FOUND)] = 20


class ExportQuery(RequestQuery, frozen=True, kw_only=True):
    """Requests as JSON lines; with `content` what was said too, where it was kept."""

    content: bool = False


class RequestStore(Struct, frozen=True, kw_only=True):
    """What there is to look at requests with."""

    engine: Engine
    bodies: BodyStore
    detail: DetailReader
    search: Search
    tail: Tail


class RequestPaths:
    """The paths of this family."""

    def __init__(self, keys: KeyRing, store: RequestStore) -> None:
        self._keys = keys
        self._store = store
        self._fixed: dict[str, Handler] = {
            PATH: self._list,
            f"{PATH}/search": self._search,
            f"{PATH}/tail": self._tail,
            f"{PATH}/export": self._export,
        }

    def find(self, path: str) -> Methods | None:
        if path in self._fixed:
            return {"GET": self._fixed[path]}
        name = path.removeprefix(f"{PATH}/")
        if name != path and name and "/" not in name:
            return {"GET": lambda connection, _: self._show(connection, name)}
        return None

    async def _list(self, connection: Connection, _: str) -> None:
        self._permit(connection)
        query = read_query(connection, PageQuery)
        after = read_cursor(query.after) if query.after else None
        read = partial(list_requests, self._store.engine, query.wanted(), after=after, limit=query.limit)
        await _reply(connection, page_view(await off_the_loop(read)))

    async def _show(self, connection: Connection, name: str) -> None:
        self._permit(connection)
        await _reply(connection, detail_view(await off_the_loop(partial(self._store.detail.find, name))))

    async def _search(self, connection: Connection, _: str) -> None:
        self._permit(connection)
        query = read_query(connection, SearchQuery)
        look = self._store.search.page
        read = partial(look, query.text, query.wanted(), before=query.before, limit=query.limit)
        await _reply(connection, search_view(await off_the_loop(read)))

    async def _export(self, connection: Connection, _: str) -> None:
        self._permit(connection)
        query = read_query(connection, ExportQuery)
        lines = _Lines(records(self._store.engine, self._store.bodies if query.content else None, query.wanted()))
        await connection.read_body()  # so that whoever leaves ends this
        try:
            some = await off_the_loop(lines.next)  # while a database that cannot be read is an error yet
            await connection.start(200, _LINES)
            while some:
                await connection.send(some)
                some = await off_the_loop(lines.next)
                self._permit(connection)  # a key that is revoked meanwhile gets no more
            await connection.finish()
        finally:
            await asyncio.to_thread(lines.close)

    async def _tail(self, connection: Connection, _: str) -> None:
        self._permit(connection)
        wanted = read_query(connection, RequestQuery).wanted()
        await connection.read_body()  # so that whoever leaves ends this
        async with self._store.tail.watch(wanted) as watcher:
            await connection.start(200, _EVENTS)
            await connection.send(b": requests as they end\n\n")
            while (rows := await watcher.next(_PING_S)) is not None and self._still_may(connection):
                dropped, watcher.dropped = watcher.dropped, 0
                await connection.send(events_of(rows, dropped))
            await connection.finish()

    def _still_may(self, connection: Connection) -> bool:
        """Whether the key that began this is as good as it was."""
        try:
            self._permit(connection)
        except RequestError:
            return False
        return True

    def _permit(self, connection: Connection) -> None:
        permit(authenticate(self._keys, token_of(connection)), Scope.ADMIN)


def page_view(page: Page) -> dict[str, object]:
    """A page for JSON; there may be more however few are on it."""
    return {
        "object": "list",
        "data": [view(row) for row in page.rows],
        "has_more": page.next is not None,
        "next": None if page.next is None else str(page.next),
    }


def search_view(page: SearchPage) -> dict[str, object]:
    """What was found, for JSON."""
    return {
        "object": "list",
        "data": [{**view(one.row), "snippet": one.snippet} for one in page.found],
        "has_more": bool(page.next),
        "next": page.next or None,
    }


def events_of(rows: Sequence[RequestRow], dropped: int) -> bytes:
    """Server-sent events: a `request` for each, `dropped` where some were passed over; a comment for nothing."""
    parts = [b"event: request\ndata: %b\n\n" % msgspec.json.encode(view(row)) for row in rows]
    if dropped:
        parts.append(b'event: dropped\ndata: {"count":%d}\n\n' % dropped)
    return b"".join(parts) or b": nothing\n\n"


class _Lines:
    """Records as JSON lines, some at a time, from whichever thread."""

    def __init__(self, rows: Generator[Record, None, None]) -> None:
        self._rows = rows
        self._alone = threading.Lock()

    def next(self) -> bytes:
        """Some more; nothing at the end."""
        with self._alone:
            return b"".join(map(line_of, islice(self._rows, _LINES_AT_ONCE)))

    def close(self) -> None:
        with self._alone:  # a thread goes on when who waits for it is cancelled
            self._rows.close()


async def _reply(connection: Connection, body: object) -> None:
    await connection.start(200, _HEADERS)
    await connection.finish(msgspec.json.encode(body))


def _nano(text: str) -> int:
    """Raises InvalidRequest."""
    try:
        dollars = Decimal(text or 0)
        if 0 <= dollars <= _DEAREST:
            return parse_usd(dollars)
    except (InvalidOperation, ValueError):
        pass
    raise InvalidRequest("this is not an amount of dollars", param="min_cost_usd", hint="write min_cost_usd=0.05")
