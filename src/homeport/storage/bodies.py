"""Requests that were kept whole: a file each, HOME/captured/DAY/ID.msgpack.z, DAY being days since the epoch.

Only their owner can read them (mode 0600). What is too old goes by the day, and of what is too much the oldest. What
was put and not yet indexed has an empty file HOME/captured/new/DAY.ID: whoever indexes need not look at all there is.
"""

import contextlib
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from homeport.core.captured import Captured
from homeport.core.errors import StorageError

SUFFIX = ".msgpack.z"
PLAIN = ".msgpack"
"""Of files that were written before they were compressed."""
_LEVEL = 3
_NEW = "new"
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
        data = zlib.compress(msgspec.msgpack.encode(captured), _LEVEL)
        day = self._folder / str(captured.at // _DAY_NS)
        try:
            for folder in (day, self._new):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            _write(day / f"{captured.request_id}{SUFFIX}", data)
            self._note(day, captured.request_id)
        except OSError as error:
            raise _unusable(self._folder, error) from error
        self._since_look += len(data)
        if self._since_look * _LOOKS > self.most_bytes:
            self.tidy(captured.at)

    def get(self, request_id: str) -> Captured | None:
        """The request with an id; None where it was not kept. Raises StorageError where it cannot be read."""
        if not _ID.fullmatch(request_id):
            return None
        for path in self._paths(request_id):
            try:
                return _read(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _unusable(self._folder, error) from error
            except (msgspec.MsgspecError, zlib.error) as error:
                raise StorageError(
                    f"what was kept of request {request_id} cannot be read",
                    code="captured_unreadable",
                    hint="name another request; the file was cut off or changed",
                ) from error
        return None

    def has(self, request_id: str, at: int) -> bool:
        """Whether what began at this time, in nanoseconds since the epoch, is kept."""
        day = self._folder / str(at // _DAY_NS)
        return bool(_ID.fullmatch(request_id)) and any(path.exists() for path in _files_of(day, request_id))

    def since(self) -> int:
        """The start of the oldest day of which anything is kept, in nanoseconds since the epoch; 0 for none."""
        days = self._days()
        return int(days[0].name) * _DAY_NS if days else 0

    def remove(self, request_id: str) -> bool:
        """Forget one; whether it was there. Raises StorageError."""
        there = [path for path in self._paths(request_id) if path.exists()] if _ID.fullmatch(request_id) else []
        try:
            for path in there:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise _unusable(self._folder, error) from error
        return bool(there)

    def new(self, most: int) -> list[str]:
        """Ids of requests that were put since they were last `seen`, at most so many, in no order."""
        try:
            with os.scandir(self._new) as entries:
                names = [entry.name for entry in islice(entries, most)]
        except FileNotFoundError:
            return []
        return [name.partition(".")[2] for name in names]

    def seen(self, request_ids: Iterable[str]) -> None:
        """They are indexed: `new` does not tell them again."""
        gone = set(request_ids)
        with contextlib.suppress(FileNotFoundError), os.scandir(self._new) as entries:
            for entry in entries:
                if entry.name.partition(".")[2] in gone:
                    Path(entry.path).unlink(missing_ok=True)

    def renew(self) -> None:
        """All that is kept is new once more. Raises StorageError."""
        try:
            for day in self._days():
                self._new.mkdir(mode=0o700, exist_ok=True)
                for path in _files(day):
                    if path.name.endswith((SUFFIX, PLAIN)):
                        self._note(day, path.name.partition(".")[0])
        except OSError as error:
            raise _unusable(self._folder, error) from error

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

    @property
    def _new(self) -> Path:
        return self._folder / _NEW

    def _note(self, day: Path, request_id: str) -> None:
        (self._new / f"{day.name}.{request_id}").touch(mode=0o600)

    def _paths(self, request_id: str) -> Iterator[Path]:
        """Where it may be, the newest day first."""
        for day in reversed(self._days()):
            yield from _files_of(day, request_id)

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


def _files_of(day: Path, request_id: str) -> tuple[Path, Path]:
    return day / f"{request_id}{SUFFIX}", day / f"{request_id}{PLAIN}"


def _read(path: Path) -> Captured:
    """Raises OSError; zlib.error and MsgspecError for what was cut off or changed."""
    with path.open("rb") as file:
        data = file.read(_LARGEST)
    if path.name.endswith(SUFFIX):
        opened = zlib.decompressobj()
        data = opened.decompress(data, _LARGEST)
        if not opened.eof:
            raise zlib.error("it does not end")
    return msgspec.msgpack.decode(data, type=Captured)


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing, readable by its owner alone."""
    unfinished = path.with_name(f"{path.name.partition('.')[0]}{_UNFINISHED}")
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
