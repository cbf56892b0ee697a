"""`/v1/batches` as OpenAI has them: asked for here, run by the jobs worker."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from homeport.api.bodies import read
from homeport.api.connection import Connection
from homeport.api.files import PURPOSE, batch_key, file_not_found
from homeport.api.routes import Methods, listing, read_query, reply
from homeport.core.errors import InvalidRequest, NotFound
from homeport.core.money import format_usd
from homeport.core.ports import KeyRing
from homeport.core.types import DataClass, Key, Surface
from homeport.pipeline.authenticate import permit, scope_of
from homeport.privacy.classes import HEADER as DATA_CLASS_HEADER
from homeport.privacy.classes import Classes
from homeport.storage.batches import Batch, BatchStore, Tally, new_batch_id
from homeport.storage.files import FileStore

PATH = "/v1/batches"
WINDOW_SECONDS = 24 * 3_600

_NS = 1_000_000_000
_TIMES = ("in_progress", "expires", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")


class Expiry(Struct, frozen=True):
    anchor: Literal["created_at"]
    seconds: Annotated[int, Meta(ge=3_600, le=2_592_000)]


class BatchRequest(Struct, frozen=True):
    input_file_id: Annotated[str, Meta(min_length=1, max_length=64)]
    endpoint: Annotated[str, Meta(max_length=64)]
    completion_window: Literal["24h"]
    metadata: (
        Annotated[dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]], Meta(max_length=16)]
        | None
    ) = None
    output_expires_after: Expiry | None = None


class BatchListing(Struct, frozen=True):
    after: str | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


_decoder = msgspec.json.Decoder(BatchRequest)


class Batches:
    """The paths of this family.

    Args:
        surfaces: what lines may ask for.
        max_open: batches of one key that are not over.
    """

    def __init__(
        self,
        keys: KeyRing,
        store: BatchStore,
        files: FileStore,
        *,
        surfaces: Collection[Surface],
        max_open: int,
        wall_ns: Callable[[], int],
        classes: Classes | None = None,
    ) -> None:
        self._keys = keys
        self._store = store
        self._files = files
        self._surfaces = {f"/v1/{surface}": surface for surface in surfaces}
        self._max_open = max_open
        self._wall_ns = wall_ns
        self._classes = classes or Classes()

    def find(self, path: str) -> Methods | None:
        if path == PATH:
            return {"GET": self._list, "POST": self._create}
        if not path.startswith(f"{PATH}/"):
            return None
        name, _, rest = path.removeprefix(f"{PATH}/").partition("/")
        if rest == "cancel":
            return {"POST": lambda connection, _: self._cancel(connection, name)}
        if rest or path.endswith("/"):
            return None
        return {"GET": lambda connection, _: self._show(connection, name)}

    async def _list(self, connection: Connection, _: str) -> None:
        key = batch_key(self._keys, connection)
        asked = read_query(connection, BatchListing)
        batches, more = await asyncio.to_thread(lambda: self._store.page(key.id, after=asked.after, limit=asked.limit))
        await reply(connection, listing([view(batch) for batch in batches], more))

    async def _show(self, connection: Connection, name: str) -> None:
        await reply(connection, view(await self._find(batch_key(self._keys, connection), name)))

    async def _cancel(self, connection: Connection, name: str) -> None:
        key = batch_key(self._keys, connection)
        is_cancelled = await asyncio.to_thread(self._store.cancel, key.id, name)
        batch = await self._find(key, name)
        if not is_cancelled and batch.cancelling_at is None:
            raise InvalidRequest(
                f"a batch that is {batch.status} cannot be cancelled",
                code="batch_not_cancellable",
                hint="its files are in output_file_id and error_file_id once it is over",
            )
        await reply(connection, view(batch))

    async def _create(self, connection: Connection, _: str) -> None:
        key = batch_key(self._keys, connection)
        data_class = self._classes.floor(key, connection.header(DATA_CLASS_HEADER.encode()))
        asked, _fields = read(await connection.read_body(), _decoder)
        self._check_endpoint(key, asked.endpoint)
        file = await asyncio.to_thread(self._files.get, key.id, asked.input_file_id)
        if file is None:
            raise file_not_found(param="input_file_id")
        if file.purpose != PURPOSE:
            raise InvalidRequest(f"the file's purpose is not {PURPOSE}", param="input_file_id")
        now = self._wall_ns()
        batch = Batch(
            id=new_batch_id(),
            key_id=key.id,
            endpoint=asked.endpoint,
            input_file_id=file.id,
            data_class=DataClass.PRIVATE if DataClass.PRIVATE in (file.data_class, data_class) else DataClass.OPEN,
            created_at=now,
            expires_at=now + WINDOW_SECONDS * _NS,
            output_seconds=asked.output_expires_after.seconds if asked.output_expires_after else None,
            metadata=asked.metadata,
        )
        await asyncio.to_thread(self._store.add, batch, self._max_open)
        await reply(connection, view(batch))

    def _check_endpoint(self, key: Key, endpoint: str) -> None:
        surface = self._surfaces.get(endpoint)
        if surface is None:
            raise InvalidRequest(
                "a batch is not possible for that endpoint",
                code="endpoint_not_supported",
                hint=f"use one of: {', '.join(self._surfaces)}",
                param="endpoint",
            )
        # Each line is asked for this too; said now, nobody waits for a batch of refusals.
        permit(key, scope_of(surface))

    async def _find(self, key: Key, name: str) -> Batch:
        batch = await asyncio.to_thread(self._store.get, key.id, name)
        if batch is None:
            raise NotFound("there is no such batch", code="batch_not_found", hint="GET /v1/batches lists them")
        return batch


def view(batch: Batch) -> dict[str, object]:
    """OpenAI's batch object, with what it cost so far; times in seconds."""
    tally = batch.tally
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "input_file_id": batch.input_file_id,
        "output_file_id": batch.output_file_id,
        "error_file_id": batch.error_file_id,
        "completion_window": "24h",
        "status": batch.status,
        "errors": {"object": "list", "data": batch.errors} if batch.errors else None,
        "created_at": batch.created_at // _NS,
        **{f"{name}_at": _seconds(getattr(batch, f"{name}_at")) for name in _TIMES},
        "request_counts": {"total": batch.total, "completed": tally.completed, "failed": tally.failed},
        "usage": _usage(tally),
        "metadata": batch.metadata,
        "homeport": {
            "data_class": batch.data_class,
            "cost_usd": format_usd(tally.cost),
            "cost_nanodollars": tally.cost,
        },
    }


def _usage(tally: Tally) -> Mapping[str, object]:
    return {
        "input_tokens": tally.input_tokens,
        "input_tokens_details": {"cached_tokens": tally.cached_input_tokens},
        "output_tokens": tally.output_tokens,
        "output_tokens_details": {"reasoning_tokens": tally.reasoning_tokens},
        "total_tokens": tally.input_tokens + tally.output_tokens,
    }


def _seconds(nanoseconds: int | None) -> int | None:
    return None if nanoseconds is None else nanoseconds // _NS
