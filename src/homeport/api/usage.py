"""`/v1/usage`, what a key has used itself, and `/admin/v1/usage`, what any has: whole hours or days, in UTC."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import Engine

from homeport.api.admin import off_the_loop
from homeport.api.connection import Connection
from homeport.api.routes import JSON, Methods, read_query, token_of
from homeport.core.errors import InvalidRequest
from homeport.core.money import format_usd
from homeport.core.ports import Clock, KeyRing
from homeport.core.types import Scope
from homeport.ledger.reports import Spend, series
from homeport.ledger.sources import Only
from homeport.pipeline.authenticate import authenticate, permit
from homeport.storage.rollups import DAY, HOUR

PATH, ADMIN_PATH = "/v1/usage", "/admin/v1/usage"

_NS = 1_000_000_000
_LAST = 4_000_000_000
"""Seconds since the epoch: the year 2096, far from what the database cannot count."""
_WIDTHS = {"1h": ("hour", HOUR, 31 * 24), "1d": ("day", DAY, 366)}
"""Of a bucket: its name, its nanoseconds, and how many of them may be asked for at once."""
_USUAL = {"1h": DAY, "1d": 30 * DAY}

Second = Annotated[int, Meta(ge=0, le=_LAST)]


class UsageQuery(Struct, frozen=True, kw_only=True):
    """What a key may ask of itself.

    Attributes:
        start_time, end_time: seconds since the epoch, made to whole buckets outwards. The end is now where
            it is left out; the start is then a day before it, or thirty days where buckets are days.
    """

    start_time: Second | None = None
    end_time: Second | None = None
    bucket_width: Literal["1h", "1d"] = "1d"
    group_by: Literal["model"] | None = None


class AdminUsageQuery(Struct, frozen=True, kw_only=True):
    """What an administrator may ask: as a key of itself, and of a key, a project with those below it, or a model."""

    start_time: Second | None = None
    end_time: Second | None = None
    bucket_width: Literal["1h", "1d"] = "1d"
    group_by: Literal["model", "key", "project"] | None = None
    key: Annotated[str, Meta(max_length=40)] = ""
    project: Annotated[str, Meta(max_length=160)] = ""
    model: Annotated[str, Meta(max_length=160)] = ""


class UsagePaths:
    """The paths of this family."""

    def __init__(self, keys: KeyRing, engine: Engine, clock: Clock) -> None:
        self._keys = keys
        self._engine = engine
        self._clock = clock

    def find(self, path: str) -> Methods | None:
        return {PATH: {"GET": self._own}, ADMIN_PATH: {"GET": self._any}}.get(path)

    async def _own(self, connection: Connection, _: str) -> None:
        key = authenticate(self._keys, token_of(connection))
        query = read_query(connection, UsageQuery)
        await self._answer(connection, query, Only(key_id=key.id))

    async def _any(self, connection: Connection, _: str) -> None:
        permit(authenticate(self._keys, token_of(connection)), Scope.ADMIN)
        query = read_query(connection, AdminUsageQuery)
        await self._answer(connection, query, Only(key_id=query.key, project=query.project, model=query.model))

    async def _answer(self, connection: Connection, query: UsageQuery | AdminUsageQuery, only: Only) -> None:
        since, until = stretch(query, self._clock.wall_ns())
        width, span, _ = _WIDTHS[query.bucket_width]
        read = partial(series, self._engine, width=width, by=query.group_by, since_ns=since, until_ns=until, only=only)
        found = await off_the_loop(read)
        page = {
            "object": "page",
            "data": [
                _bucket(start, span, [_result(row, query.group_by) for row in found.get(start, ())])
                for start in range(since, until, span)
            ],
            "has_more": False,
            "next_page": None,
        }
        await connection.start(200, {**JSON, "cache-control": "no-store"})
        await connection.finish(msgspec.json.encode(page))


def stretch(query: UsageQuery | AdminUsageQuery, now_ns: int) -> tuple[int, int]:
    """The whole buckets that are asked for, from a nanosecond to just before another.

    Raises:
        InvalidRequest: the end is not after the start, or there are too many buckets between.
    """
    _, span, most = _WIDTHS[query.bucket_width]
    end = now_ns if query.end_time is None else query.end_time * _NS
    start = end - _USUAL[query.bucket_width] if query.start_time is None else query.start_time * _NS
    if query.start_time is not None and start >= end:
        raise InvalidRequest("the end is not after the start", param="end_time")
    since, until = max(0, start) // span * span, -(-end // span) * span
    if until - since > (most + 1) * span:
        raise InvalidRequest(
            f"at most {most} buckets of {query.bucket_width} can be asked for at once",
            param="start_time",
            hint="ask for a shorter time, or for wider buckets",
        )
    return since, until


def _bucket(start: int, span: int, results: list[dict[str, object]]) -> Mapping[str, object]:
    return {"object": "bucket", "start_time": start // _NS, "end_time": (start + span) // _NS, "results": results}


def _result(row: Spend, by: str | None) -> dict[str, object]:
    return {
        "object": "usage.result",
        **dict(_grouped(row, by)),
        "num_model_requests": row.requests,
        "num_completed_requests": row.completed,
        "input_tokens": row.input_tokens,
        "input_cached_tokens": row.cached_input_tokens,
        "output_tokens": row.output_tokens,
        "output_reasoning_tokens": row.reasoning_tokens,
        "cost_usd": format_usd(row.cost),
        "baseline_usd": format_usd(row.baseline_cost) if row.baseline_cost else None,
        "saved_usd": format_usd(row.saved) if row.baseline_cost else None,
        "num_cache_requests": row.cache_asked,
        "num_cache_hits": row.cache_hits,
        "cache_saved_usd": format_usd(row.saved_cost),
    }


def _grouped(row: Spend, by: str | None) -> Iterator[tuple[str, str | None]]:
    """The group where it was asked for, null elsewhere, as OpenAI's usage has it."""
    for name in ("model", "key", "project"):
        yield name, row.group if by == name else None
