"""Dry runs, whose body is the request itself.

POST /v1/route tells what would answer it, and why; POST /v1/cache/explain what the cache would do with it.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec

from homeport.api import bodies
from homeport.api.connection import Connection
from homeport.api.dialects import dialects
from homeport.api.exchanges import exchange_of
from homeport.api.routes import Methods, read_query, reply, token_of
from homeport.core.errors import InvalidRequest
from homeport.core.types import Surface
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.preview import Preview

PATH, CACHE_PATH = "/v1/route", "/v1/cache/explain"
_FIELD = "surface"

_Tell = Callable[[Exchange], Awaitable[object]]


class RouteQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters. `surface`: the path below /v1 that the body is for."""

    surface: str | None = None


class RoutePath:
    """`Paths` of two paths."""

    def __init__(self, preview: Preview) -> None:
        self._preview = preview
        self._dialects = dialects()
        self._told: dict[str, _Tell] = {PATH: preview.tell, CACHE_PATH: preview.tell_cache}

    def find(self, path: str) -> Methods | None:
        tell = self._told.get(path)
        return None if tell is None else {"POST": partial(self._tell, tell)}

    async def _tell(self, tell: _Tell, connection: Connection, request_id: str) -> None:
        # Before the body is read, which has to be known here: its dialect may be written in it.
        self._preview.authenticate(token_of(connection))
        asked = read_query(connection, RouteQuery).surface
        body = await connection.read_body()
        surface, body = _surface_of(body) if asked is None else (_surface(asked), body)

        async def read() -> bytes:
            return body

        exchange = exchange_of(connection, request_id, surface, self._dialects[surface], read)
        await reply(connection, await tell(exchange))


def _surface_of(body: bytes) -> tuple[Surface, bytes]:
    """The surface that a body names in a field of ours, and the body without it; chats by default."""
    if f'"{_FIELD}"'.encode() not in body:
        return Surface.CHAT, body
    try:
        fields = bodies.FIELDS.decode(body)
        said = msgspec.json.decode(fields.pop(_FIELD, b"null"))
    except bodies.UNREADABLE:
        return Surface.CHAT, body  # Its dialect tells what is wrong with it.
    return Surface.CHAT if said is None else _surface(said), msgspec.json.encode(fields)


def _surface(said: Any) -> Surface:
    try:
        return Surface(said)
    except ValueError:
        raise InvalidRequest(f"{_FIELD} must be one of: {', '.join(Surface)}", param=_FIELD) from None
