"""Files of `/v1/files`: a row each in the database, the bytes in one folder.

A file's name on disk is its id, which is ours: nothing that a caller sends becomes a path. A row is
written after its bytes are whole, and removed before them, so a row always has its bytes.
"""

import contextlib
import errno
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, asc, delete, desc, func, select, tuple_

from homeport.core.errors import InvalidRequest, RequestTooLarge, StorageError
from homeport.core.types import DataClass
from homeport.storage.db import insert_new, writing
from homeport.storage.tables import batches, files

OPEN_STATUSES = ("validating", "in_progress", "finalizing", "cancelling")
"""Of batches that are not over."""

Order = Literal["asc", "desc"]

_PART = ".part"
_ABANDONED_SECONDS = 3_600


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file as the database has it. Times are nanoseconds since the epoch; `bytes` is its size."""

    id: str
    key_id: str
    purpose: str
    filename: str
    bytes: int
    data_class: DataClass
    created_at: int
    expires_at: int


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """What one key may keep: a number of files and their size together, in bytes."""

    files: int
    total_bytes: int


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some of a key's files, and whether there are more after them."""

    files: tuple[StoredFile, ...]
    has_more: bool


class Draft:
    """A file that is being written. It is nothing until `FileStore.keep` gives it a row.

    The methods may be called from different threads: closing waits for a write that still runs.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes = 0
        with _explained(path.parent):
            self._file = os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")

    def write(self, data: bytes) -> None:
        """Append. Raises StorageError when the disk refuses."""
        with _explained(self.path.parent):
            self._file.write(data)
        self.bytes += len(data)

    def close(self) -> None:
        """Sync and close. Raises StorageError when the disk refuses."""
        with _explained(self.path.parent):
            if not self._file.closed:
                self._file.flush()
                os.fsync(self._file.fileno())
            self._file.close()

    def discard(self) -> None:
        """Remove what was written; nothing happens to a file that was kept."""
        with contextlib.suppress(OSError):
            self._file.close()
        self.path.unlink(missing_ok=True)


class FileStore:
    """Every file of every key; each method sees those of one key only, but for `purge` and `path`."""

    def __init__(self, engine: Engine, folder: Path, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._engine = engine
        self._folder = folder
        self._wall_ns = wall_ns

    def draft(self) -> Draft:
        """Start a file. Raises StorageError when the folder cannot be written."""
        return Draft(self._folder / f"{secrets.token_hex(12)}{_PART}")

    def path(self, file_id: str) -> Path:
        """Where the bytes of a file are; `file_id` comes from a row."""
        return self._folder / file_id

    def room(self, key_id: str, quota: Quota) -> int:
        """How many bytes a key may still upload.

        Raises:
            RequestTooLarge: file_quota_exceeded: it has as many files as it may have.
        """
        with self._engine.connect() as connection:
            return _room(connection, key_id, quota)

    def keep(self, draft: Draft, file: StoredFile, quota: Quota | None = None) -> StoredFile:
        """Make a draft a file; its size is filled in. A file that has this id already is replaced.

        Raises:
            RequestTooLarge: file_quota_exceeded.
            StorageError: the disk refuses.
        """
        draft.close()
        whole = msgspec.structs.replace(file, bytes=draft.bytes)
        with writing(self._engine) as connection:
            if quota is not None and _room(connection, file.key_id, quota) < whole.bytes:
                raise over_quota(quota)
            with _explained(self._folder):
                draft.path.rename(self.path(file.id))
            connection.execute(insert_new(connection, files).values(_row(whole)))
        return whole

    def get(self, key_id: str, file_id: str) -> StoredFile | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(files).where(files.c.id == file_id, *self._seen_by(key_id))).mappings()
            return next(map(_stored, row), None)

    def page(self, key_id: str, *, purpose: str | None, after: str | None, limit: int, order: Order) -> Page:
        """A key's files by age, those after `after`; an id that is not there begins at the start."""
        query = select(files).where(*self._seen_by(key_id))
        if purpose is not None:
            query = query.where(files.c.purpose == purpose)
        cursor = self.get(key_id, after) if after is not None else None
        age = tuple_(files.c.created_at, files.c.id)
        if cursor is not None:
            place = tuple_(cursor.created_at, cursor.id)
            query = query.where(age > place if order == "asc" else age < place)
        way = asc if order == "asc" else desc
        query = query.order_by(way(files.c.created_at), way(files.c.id)).limit(limit + 1)
        with self._engine.connect() as connection:
            rows = [_stored(row) for row in connection.execute(query).mappings()]
        return Page(files=tuple(rows[:limit]), has_more=len(rows) > limit)

    def delete(self, key_id: str, file_id: str) -> bool:
        """Delete a file; False where the key has none of that id.

        Raises:
            InvalidRequest: file_in_use: a batch that is not over reads it.
        """
        with writing(self._engine) as connection:
            if connection.execute(select(batches.c.id).where(_reads(file_id), batches.c.key_id == key_id)).first():
                raise InvalidRequest(
                    "a batch that is not over reads this file",
                    code="file_in_use",
                    hint="cancel the batch first: POST /v1/batches/{batch_id}/cancel",
                )
            deleted = connection.execute(delete(files).where(files.c.id == file_id, *self._seen_by(key_id))).rowcount
        if deleted:
            self.path(file_id).unlink(missing_ok=True)
        return bool(deleted)

    def purge(self) -> int:
        """Delete files that are past their time and what broken uploads left; how many files that were."""
        with writing(self._engine) as connection:
            in_use = select(batches.c.input_file_id).where(batches.c.status.in_(OPEN_STATUSES))
            over = (files.c.expires_at <= self._wall_ns()) & files.c.id.not_in(in_use)
            gone = list(connection.execute(select(files.c.id).where(over)).scalars())
            connection.execute(delete(files).where(over))
        for file_id in gone:
            self.path(file_id).unlink(missing_ok=True)
        self._clear_abandoned()
        return len(gone)

    def _clear_abandoned(self) -> None:
        oldest = self._wall_ns() / 1e9 - _ABANDONED_SECONDS
        old = [path for path in self._folder.glob(f"*{_PART}") if _modified(path) < oldest]
        # A crash between the rename and the row leaves bytes that nobody can name.
        unnamed = [
            path for path in self._folder.glob("file-*") if _modified(path) < oldest and not self._has(path.name)
        ]
        for path in old + unnamed:
            path.unlink(missing_ok=True)

    def _has(self, file_id: str) -> bool:
        with self._engine.connect() as connection:
            return connection.execute(select(files.c.id).where(files.c.id == file_id)).first() is not None

    def _seen_by(self, key_id: str) -> tuple[ColumnElement[bool], ...]:
        return files.c.key_id == key_id, files.c.expires_at > self._wall_ns()


def new_file_id() -> str:
    return f"file-{secrets.token_hex(12)}"


def _reads(file_id: str) -> ColumnElement[bool]:
    return (batches.c.input_file_id == file_id) & batches.c.status.in_(OPEN_STATUSES)


def _room(connection: Connection, key_id: str, quota: Quota) -> int:
    query = select(func.count(), func.coalesce(func.sum(files.c.bytes), 0)).where(files.c.key_id == key_id)
    count, total = connection.execute(query).one()
    if count >= quota.files or total >= quota.total_bytes:
        raise over_quota(quota)
    return int(quota.total_bytes - total)


def over_quota(quota: Quota) -> RequestTooLarge:
    """A file that a key has no room for."""
    return RequestTooLarge(
        f"this key may keep {quota.files} files of {quota.total_bytes} bytes together, and this file is beyond it",
        code="file_quota_exceeded",
        hint="delete files that are no longer needed, or raise batch.max_files or batch.max_total_bytes",
    )


def _row(file: StoredFile) -> dict[str, object]:
    return {**msgspec.structs.asdict(file), "data_class": str(file.data_class)}


def _stored(row: RowMapping) -> StoredFile:
    return StoredFile(**{**row, "data_class": DataClass(row["data_class"])})


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StorageError(
            f"files cannot be kept in {folder.name}/ of the state folder: {error.strerror}",
            code="disk_full" if full else "files_unwritable",
            hint="free disk space, then try again" if full else "check the owner and mode of the state folder",
        ) from error
