"""`POST /v1/cache/bad`: an answer was bad, and is not to be given again."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import Engine

from homeport.api.bodies import read
from homeport.api.connection import Connection
from homeport.api.feedback import LedgerLook
from homeport.api.routes import Methods, reply, token_of
from homeport.cache.desk import BAR_S, Desk
from homeport.core.errors import InvalidRequest, NotFound
from homeport.core.ports import KeyRing, Limiter
from homeport.core.types import Key
from homeport.pipeline.authenticate import authenticate, permit_inference

BAD_PATH = "/v1/cache/bad"
ID = "^[0-9a-f]{32}$"
_ID_CHARS = 32
_LONGEST_BAR_S = 365 * 86_400
_LOOKS = 8
_PAUSE_S = 0.1
"""An entry is known to all processes within half a second, about."""


class BadAnswer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which answer was bad: one of both.

    Attributes:
        entry: of the header `x-homeport-cache-entry`.
        request_id: of the header `x-homeport-request-id`, of an answer from the cache or one that it kept.
        bar_seconds: for so long no answer to the same request is kept.
    """

    entry: Annotated[str, Meta(pattern=ID)] | None = None
    request_id: Annotated[str, Meta(min_length=1, max_length=40)] | None = None
    bar_seconds: Annotated[int, Meta(ge=1, le=_LONGEST_BAR_S)] = BAR_S


class BadAnswerTold(Struct, frozen=True, kw_only=True):
    """The entry is gone, and nothing is kept in its place for a while."""

    object: Literal["cache.bad_answer"] = "cache.bad_answer"
    entry: str
    bar_seconds: int


_BAD = msgspec.json.Decoder(BadAnswer)


class CachePaths:
    """`Paths` of one path.

    Args:
        limiter: by which it counts as a request of its key.
    """

    def __init__(
        self,
        keys: KeyRing,
        desk: Desk,
        engine: Engine,
        limiter: Limiter,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._keys = keys
        self._limiter = limiter
        self._desk = desk
        self._ledger = LedgerLook(engine, sleep)
        self._sleep = sleep

    def find(self, path: str) -> Methods | None:
        return {"POST": self._bad} if path == BAD_PATH else None

    async def _bad(self, connection: Connection, _: str) -> None:
        key = authenticate(self._keys, token_of(connection))
        permit_inference(key)
        with self._counted(key):
            said, _fields = read(await connection.read_body(), _BAD)
            entry = await self._bar_said(key, said)
        await reply(connection, BadAnswerTold(entry=entry, bar_seconds=said.bar_seconds))

    @contextmanager
    def _counted(self, key: Key) -> Iterator[None]:
        """Within the limits of the key: every call writes to the database, and other processes hear of it."""
        ticket = None if key.limits is None else self._limiter.enter(key)
        try:
            yield
        finally:
            if ticket is not None:
                ticket.leave(0)

    async def _bar_said(self, key: Key, said: BadAnswer) -> str:
        """Bar what is named; the entry."""
        if (said.entry is None) == (said.request_id is None):
            raise InvalidRequest("say either an entry or a request_id", param="entry")
        if said.entry is None:
            return await self._bar_answer(key, said.request_id or "", said.bar_seconds)
        entry = said.entry[:_ID_CHARS]  # a pattern lets a line feed follow
        await self._bar_own(key, bytes.fromhex(entry), said.bar_seconds)
        return entry

    async def _bar_own(self, key: Key, entry_id: bytes, bar_s: int) -> None:
        """Bar an entry that answers this key. Another's is told as one that is not there."""
        tenants = (key.id, f"project:{key.project}")
        for look in range(1 if self._desk.library is None else _LOOKS):
            if look:
                await self._sleep(_PAUSE_S)
            if await self._desk.bar_of(tenants, entry_id, bar_s):
                return
        raise _unknown("entry")

    async def _bar_answer(self, key: Key, request_id: str, bar_s: int) -> str:
        """Bar what answered a request of this key's, or was kept of it; the entry."""
        request = await self._ledger.request_of(request_id, key)
        if request.key_id != key.id or not request.cache_entry:
            raise _unknown("request_id")
        await self._desk.bar(bytes.fromhex(request.cache_entry), bar_s)
        return request.cache_entry


def _unknown(param: str) -> NotFound:
    return NotFound(
        "this key has no such answer in the cache",
        code="cache_entry_unknown",
        hint="use the header x-homeport-cache-entry or x-homeport-request-id of the answer",
        param=param,
    )
