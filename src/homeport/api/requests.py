"""`/admin/v1/requests...`: the requests there were, for holders of a key with the scope `admin` alone."""

from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import Engine

from homeport.api.admin import off_the_loop
from homeport.api.connection import Connection
from homeport.api.routes import JSON, Methods, read_query, token_of
from homeport.core.errors import InvalidRequest
from homeport.core.money import parse_usd
from homeport.core.ports import KeyRing
from homeport.core.types import Scope
from homeport.pipeline.authenticate import authenticate, permit
from homeport.storage.request_filter import RequestFilter
from homeport.storage.request_list import MOST, Page, list_requests, read_cursor
from homeport.traces.view import view

PATH = "/admin/v1/requests"

_HEADERS = {**JSON, "cache-control": "no-store"}
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


class RequestPaths:
    """The paths of this family."""

    def __init__(self, keys: KeyRing, engine: Engine) -> None:
        self._keys = keys
        self._engine = engine

    def find(self, path: str) -> Methods | None:
        if path == PATH:
            return {"GET": self._list}
        return None

    async def _list(self, connection: Connection, _: str) -> None:
        self._permit(connection)
        query = read_query(connection, PageQuery)
        after = read_cursor(query.after) if query.after else None
        read = partial(list_requests, self._engine, query.wanted(), after=after, limit=query.limit)
        await _reply(connection, page_view(await off_the_loop(read)))

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
