"""`POST /v1/feedback`: what somebody thinks of an answer."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import Engine

from homeport.api.admin import off_the_loop
from homeport.api.bodies import read
from homeport.api.connection import Connection
from homeport.api.routes import Methods, reply, token_of
from homeport.cache.desk import Desk
from homeport.core.errors import InvalidRequest, NotFound
from homeport.core.ports import Clock, KeyRing
from homeport.core.types import DataClass, Key
from homeport.pipeline.authenticate import authenticate
from homeport.storage.feedback import OWN, Rated, find_rated, rate

PATH = "/v1/feedback"

_THUMBS = {"up": 1.0, "down": -1.0}
_REQUEST = re.compile(r"req_[0-9a-f]{24}", re.ASCII)
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,63}", re.ASCII)
_LOOKS = 20
_PAUSE_S = 0.1
"""A request is in the ledger within half a second of its end; this waits two."""


class FeedbackFields(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said of an answer: a score or a thumb.

    Attributes:
        request_id: of the header `x-homeport-request-id`.
        score: -1, useless, to 1, right.
        comment: kept as it is; refused for a private request.
        source: who says it, such as `user` or `review`; a source's last word replaces its former one.
    """

    request_id: Annotated[str, Meta(min_length=1, max_length=40)]
    score: Annotated[float, Meta(ge=-1, le=1)] | None = None
    thumb: Literal["up", "down"] | None = None
    comment: Annotated[str, Meta(max_length=1_000)] = ""
    source: Annotated[str, Meta(min_length=1, max_length=64)] = "user"

    def value(self) -> float:
        """Raises `InvalidRequest` unless exactly one of both is there."""
        if self.thumb is not None and self.score is None:
            return _THUMBS[self.thumb]
        if self.score is None or self.thumb is not None:
            raise InvalidRequest("say either a score or a thumb", param="score", hint='"score": -1 to 1, or "thumb"')
        return self.score


_FIELDS = msgspec.json.Decoder(FeedbackFields)


class FeedbackPaths:
    """`Paths` of one path."""

    def __init__(
        self,
        keys: KeyRing,
        engine: Engine,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        desk: Desk | None = None,
    ) -> None:
        self._keys = keys
        self._ledger = LedgerLook(engine, sleep)
        self._engine = engine
        self._clock = clock
        self._desk = desk

    def find(self, path: str) -> Methods | None:
        return {"POST": self._say} if path == PATH else None

    async def _say(self, connection: Connection, _: str) -> None:
        key = authenticate(self._keys, token_of(connection))
        said, _fields = read(await connection.read_body(), _FIELDS)
        score = said.value()
        if not _SOURCE.fullmatch(said.source) or said.source.startswith(OWN):
            raise InvalidRequest(
                f"a source is a name of letters, digits and . _ : @ -, and does not begin with {OWN}", param="source"
            )
        if "\0" in said.comment:
            raise InvalidRequest("a comment has no NUL in it", param="comment")
        rated = await self._ledger.request_of(said.request_id, key)
        if said.comment and rated.data_class != DataClass.OPEN:
            raise InvalidRequest(
                "the request was private, so no comment on it is kept", param="comment", hint="send the score alone"
            )
        keep = partial(rate, self._engine, said.request_id, said.source, score, said.comment, key.id)
        await off_the_loop(partial(keep, self._clock.wall_ns()))
        if score < 0 and rated.cache_entry and self._desk is not None:
            await self._desk.bar(bytes.fromhex(rated.cache_entry))
        await reply(
            connection,
            {"object": "feedback", "request_id": said.request_id, "source": said.source, "score": score},
        )


class LedgerLook:
    """Finds requests that somebody says something of."""

    def __init__(self, engine: Engine, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._engine = engine
        self._sleep = sleep

    async def request_of(self, request_id: str, key: Key) -> Rated:
        """The request, as soon as the ledger has it.

        Raises:
            NotFound: there is none of the key's project; of another project's it is not told that it is there.
        """
        for look in range(_LOOKS if _REQUEST.fullmatch(request_id) else 0):
            rated = await off_the_loop(partial(find_rated, self._engine, request_id))
            if rated is not None and rated.project == key.project:
                return rated
            if rated is not None or look + 1 == _LOOKS:
                break
            await self._sleep(_PAUSE_S)
        raise NotFound(
            "this key's project has no request with that id",
            code="request_unknown",
            hint="use the header x-homeport-request-id of the answer; the jobs worker must run",
            param="request_id",
        )
