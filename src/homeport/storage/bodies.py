"""Requests that were kept whole: a file each, HOME/captured/DAY/ID.msgpack, DAY being days since the epoch.

Only their owner can read them (mode 0600). What is too old goes by the day, and of what is too much the oldest.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from homeport.core.captured import Captured
from homeport.core.errors import StorageError

SUFFIX = ".msgpack"
_DAY_NS = 86_400 * 1_000_000_000
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_LOOKS = 16
"""So many times while a folder fills up it is looked whether it holds too much."""
_LARGEST = 256 << 20
_UNFINISHED = ".new"


class BodyStore:
    """What is in one folder.

    Args:
        folder: made when something is kept, open to its owner alone.
        keep_days: how long something is kept.
        most_bytes: of all together.
    """

    def __init__(self, folder: Path, *, keep_days: int, most_bytes: int) -> None:
        self._folder = folder
        self.keep_days = keep_days
        self.most_bytes = most_bytes
        self._since_look = 0

    def put(self, captured: Captured) -> None:
        """Keep one. Raises StorageError where that cannot be done."""
        if not _ID.fullmatch(captured.request_id):
            return
        data = msgspec.msgpack.encode(captured)
        day = self._folder / str(captured.at // _DAY_NS)
        try:
            day.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            _write(day / f"{captured.request_id}{SUFFIX}", data)
        except OSError as error:
            raise _unusable(self._folder, error) from error
        self._since_look += len(data)
        if self._since_look * _LOOKS > self.most_bytes:
            self.tidy(captured.at)

    def get(self, request_id: str) -> Captured | None:
        """The request with an id; None where it was not kept. Raises StorageError where it cannot be read."""
        if not _ID.fullmatch(request_id):
            return None
        for day in reversed(self._days()):
            path = day / f"{request_id}{SUFFIX}"
            try:
                with path.open("rb") as file:
                    return msgspec.msgpack.decode(file.read(_LARGEST), type=Captured)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _unusable(self._folder, error) from error
            except msgspec.MsgspecError as error:
                raise StorageError(
                    f"what was kept of request {request_id} cannot be read",
                    code="captured_unreadable",
                    hint="name another request; the file was cut off or changed",
                ) from error
        return None

    def tidy(self, now: int) -> int:
        """Remove what is too old, in nanoseconds since the epoch, or too much; how many files. Raises StorageError."""
        self._since_look = 0
        try:
            gone = [*self._old(now), *self._too_much(now)]
            for path in gone:
                path.unlink(missing_ok=True)
            self._drop_empty(now)
        except OSError as error:
            raise _unusable(self._folder, error) from error
        return len(gone)

    def _old(self, now: int) -> Iterator[Path]:
        first = now // _DAY_NS - self.keep_days
        for day in self._days():
            if int(day.name) < first:
                yield from _files(day)

    def _too_much(self, now: int) -> Iterator[Path]:
        first = now // _DAY_NS - self.keep_days
        kept = [path for day in self._days() if int(day.name) >= first for path in _files(day)]
        aged = sorted((_age(path) for path in kept), key=lambda one: one[0])
        spare = sum(size for _, size, _ in aged) - self.most_bytes
        for _, size, path in aged:
            if spare <= 0:
                return
            spare -= size
            yield path

    def _drop_empty(self, now: int) -> None:
        for day in self._days():
            if int(day.name) < now // _DAY_NS and not _files(day):
                with contextlib.suppress(FileNotFoundError):
                    day.rmdir()

    def _days(self) -> list[Path]:
        try:
            days = [path for path in self._folder.iterdir() if path.name.isascii() and path.name.isdecimal()]
        except FileNotFoundError:
            return []
        return sorted(days, key=lambda day: int(day.name))


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing, readable by its owner alone."""
    unfinished = path.with_suffix(_UNFINISHED)
    with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        file.write(data)
    unfinished.replace(path)


def _age(path: Path) -> tuple[int, int, Path]:
    try:
        there = path.stat()
    except FileNotFoundError:  # another process tidies too
        return 0, 0, path
    return there.st_mtime_ns, there.st_size, path


def _files(day: Path) -> list[Path]:
    try:
        return list(day.iterdir())
    except FileNotFoundError:  # as above
        return []


def _unusable(folder: Path, error: OSError) -> StorageError:
    return StorageError(
        f"requests cannot be kept in {folder}: {error.strerror}",
        code="captured_unusable",
        hint="check the owner, the mode and the free space of the state folder",
    )
