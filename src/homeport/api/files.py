"""`/v1/files` as OpenAI has them: the inputs of batches, and what batches give.

A key sees its own files alone; another's are not there. Uploads go to the disk as they arrive.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from homeport.api.connection import Connection
from homeport.api.multipart import Upload
from homeport.api.routes import Methods, listing, read_query, reply, token_of
from homeport.core.errors import CapacityError, InvalidRequest, NotFound, RequestTooLarge
from homeport.core.ports import KeyRing
from homeport.core.types import Key, Scope
from homeport.pipeline.authenticate import authenticate, permit
from homeport.privacy.classes import HEADER as DATA_CLASS_HEADER
from homeport.privacy.classes import Classes
from homeport.storage.files import Draft, FileStore, Quota, StoredFile, new_file_id, over_quota

PATH = "/v1/files"
PURPOSE = "batch"
MAX_UPLOADS = 8
"""At once in one process: each may hold `batch.max_file_bytes` of disk before its quota is checked again."""

_NS = 1_000_000_000
_MULTIPART_ROOM = 65_536
_BUFFER = 1 << 20
_CHUNK = 1 << 18
_SIZE_HINT = "split it, or raise batch.max_file_bytes"


class FileBounds(Struct, frozen=True, kw_only=True):
    """How much may be uploaded, and how long it is kept; sizes in bytes, times in seconds."""

    max_file_bytes: int
    quota: Quota
    keep_seconds: int


class FileListing(Struct, frozen=True):
    """What may be asked of a listing."""

    after: str | None = None
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 10_000
    order: Literal["asc", "desc"] = "desc"
    purpose: str | None = None


class _Expiry(Struct, frozen=True):
    anchor: Literal["created_at"]
    seconds: Annotated[int, Meta(ge=3_600, le=2_592_000)]


class Files:
    """The paths of this family."""

    def __init__(
        self,
        keys: KeyRing,
        store: FileStore,
        bounds: FileBounds,
        wall_ns: Callable[[], int],
        classes: Classes | None = None,
    ) -> None:
        self._keys = keys
        self._store = store
        self._bounds = bounds
        self._wall_ns = wall_ns
        self._classes = classes or Classes()
        self._uploads = 0

    def find(self, path: str) -> Methods | None:
        if path == PATH:
            return {"GET": self._list, "POST": self._upload}
        if not path.startswith(f"{PATH}/"):
            return None
        name, _, rest = path.removeprefix(f"{PATH}/").partition("/")
        if rest == "content":
            return {"GET": lambda connection, _: self._content(connection, name)}
        if rest or path.endswith("/"):
            return None
        return {
            "GET": lambda connection, _: self._show(connection, name),
            "DELETE": lambda connection, _: self._delete(connection, name),
        }

    async def _list(self, connection: Connection, _: str) -> None:
        key = self._key(connection)
        asked = read_query(connection, FileListing)
        page = await asyncio.to_thread(
            lambda: self._store.page(
                key.id, purpose=asked.purpose, after=asked.after, limit=asked.limit, order=asked.order
            )
        )
        await reply(connection, listing([view(file) for file in page.files], page.has_more))

    async def _show(self, connection: Connection, name: str) -> None:
        await reply(connection, view(await self._find(self._key(connection), name)))

    async def _delete(self, connection: Connection, name: str) -> None:
        key = self._key(connection)
        if not await asyncio.to_thread(self._store.delete, key.id, name):
            raise file_not_found()
        await reply(connection, {"id": name, "object": "file", "deleted": True})

    async def _content(self, connection: Connection, name: str) -> None:
        file = await self._find(self._key(connection), name)
        try:
            source = self._store.path(file.id).open("rb")
        except FileNotFoundError:
            raise file_not_found() from None
        with source:
            headers = {"content-type": "application/octet-stream", "content-length": str(file.bytes)}
            await connection.start(200, headers)
            while data := await asyncio.to_thread(source.read, _CHUNK):
                await connection.send(data)
        await connection.finish()

    async def _upload(self, connection: Connection, _: str) -> None:
        key = self._key(connection)
        data_class = self._classes.floor(key, connection.header(DATA_CLASS_HEADER.encode()))
        room = await asyncio.to_thread(self._store.room, key.id, self._bounds.quota)
        with self._place(), _discarding(self._store.draft()) as draft:
            upload = await self._receive(connection, draft, room)
            expiry = _expiry(upload)
            now = self._wall_ns()
            file = StoredFile(
                id=new_file_id(),
                key_id=key.id,
                purpose=_purpose(upload),
                filename=upload.filename,
                bytes=draft.bytes,
                data_class=data_class,
                created_at=now,
                expires_at=now + (expiry.seconds if expiry else self._bounds.keep_seconds) * _NS,
            )
            kept = await asyncio.to_thread(self._store.keep, draft, file, self._bounds.quota)
        await reply(connection, view(kept))

    async def _receive(self, connection: Connection, draft: Draft, room: int) -> Upload:
        """Read the body to its end, writing a piece at a time: neither memory nor the loop sees more of it."""
        pieces: list[bytes] = []
        upload = Upload(connection.header(b"content-type"), pieces.append)
        async for chunk in connection.body_pieces(self._bounds.max_file_bytes + _MULTIPART_ROOM, hint=_SIZE_HINT):
            upload.feed(chunk)
            if sum(map(len, pieces)) >= _BUFFER:
                await self._write(draft, pieces, room)
        upload.finish()
        await self._write(draft, pieces, room)
        return upload

    async def _write(self, draft: Draft, pieces: list[bytes], room: int) -> None:
        most = self._bounds.max_file_bytes
        await asyncio.to_thread(draft.write, b"".join(pieces))
        pieces.clear()
        if draft.bytes > most:
            raise RequestTooLarge(f"the file is larger than {most} bytes", hint=_SIZE_HINT)
        if draft.bytes > room:
            raise over_quota(self._bounds.quota)

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        if self._uploads >= MAX_UPLOADS:
            raise CapacityError(f"{MAX_UPLOADS} files are being uploaded already", hint="try again in a moment")
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1

    async def _find(self, key: Key, name: str) -> StoredFile:
        file = await asyncio.to_thread(self._store.get, key.id, name)
        if file is None:
            raise file_not_found()
        return file

    def _key(self, connection: Connection) -> Key:
        return batch_key(self._keys, connection)


def batch_key(keys: KeyRing, connection: Connection) -> Key:
    """The key of a request, which may use files and batches. Raises NotAuthenticated, NotPermitted."""
    key = authenticate(keys, token_of(connection))
    permit(key, Scope.BATCHES)
    return key


def view(file: StoredFile) -> dict[str, object]:
    """OpenAI's file object; times in seconds."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": file.created_at // _NS,
        "expires_at": file.expires_at // _NS,
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }


def file_not_found(param: str = "") -> NotFound:
    """There is none of that id, or it is another key's: which of them is not told."""
    return NotFound("there is no such file", code="file_not_found", hint="GET /v1/files lists them", param=param)


def _purpose(upload: Upload) -> str:
    if upload.fields.get("purpose") != PURPOSE:
        raise InvalidRequest(f"purpose should be {PURPOSE}", hint="files are the inputs of batches", param="purpose")
    return PURPOSE


def _expiry(upload: Upload) -> _Expiry | None:
    prefix = "expires_after["
    said = {name.removeprefix(prefix).rstrip("]"): value for name, value in upload.fields.items() if prefix in name}
    if not said:
        return None
    try:
        return msgspec.convert(said, _Expiry, strict=False)
    except msgspec.ValidationError:
        raise InvalidRequest(
            "expires_after should have the anchor created_at, and seconds from 3600 to 2592000", param="expires_after"
        ) from None


@contextlib.contextmanager
def _discarding(draft: Draft) -> Iterator[Draft]:
    try:
        yield draft
    finally:
        draft.discard()
