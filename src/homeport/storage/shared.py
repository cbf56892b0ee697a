"""Numbers that every process of one machine sees and changes: a mapped file, a lock, and who is alive.

The kernel lets go of a process's locks when it ends, however it ends. So a crash can neither keep
the table locked, nor keep a place.
"""

import errno
import fcntl
import hashlib
import mmap
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from homeport.core.errors import StorageError

PLACES = 56
"""Processes that can use a table at once."""

NUMBERS = 7
"""Numbers of a row that the user of the table names; those of the places follow them."""

_HEAD = 8
_LAYOUT = 1
_ROW = 1 + NUMBERS + PLACES
_ROWS = 4096
_BYTES = 8 * (_HEAD + _ROWS * _ROW)
_LAYOUT_CELL, _BOOT_CELL, _USED_CELL = 0, 1, 2
_LOCK_SECONDS = 0.25
_LOCK_PAUSE = 0.00005
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_HINT = "homeport status shows the processes; stop homeport and start it again"


class SharedTable:
    """Rows of 64-bit numbers under one lock: `with table:` is the critical section.

    A row has `NUMBERS` numbers, and after them one for each place. `cells[row + n]` is its n-th
    number; `cells[row + NUMBERS + place]` is what the process at that place has in it. A new row
    and a new place are zero. The table is empty after the machine has started anew.

    Args:
        folder: made if it is missing. Its files are open to their owner alone.

    Attributes:
        place: of this process; no other living process has it.

    Raises:
        StorageError: the files cannot be used, or there is no place left.
    """

    def __init__(self, folder: Path, boot: str | None = None) -> None:
        self._folder = folder
        self._thread = threading.Lock()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(folder / "table", os.O_RDWR | os.O_CREAT, 0o600)
            self._place_file, self.place = self._take_place()
            self._prepare(_tag(boot_id() if boot is None else boot))
        except OSError as error:
            raise StorageError(
                f"{folder} cannot be used: {error.strerror}",
                code="rate_limits_unavailable",
                hint="free disk space, or make the state folder writable",
            ) from error

    def __enter__(self) -> "SharedTable":
        self._thread.acquire()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._wait_lock()
        return self

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._thread.release()

    def find(self, name: str) -> int:
        """The row of a name, a new one where it has none. Only while locked.

        A row moves to another name when the table is full and it has nothing but zeros and past
        times in it, so whoever keeps a row checks with `belongs` that it is still theirs.

        Raises:
            StorageError: the table is full of rows that are in use.
        """
        tag = _tag(name)
        used = self.cells[_USED_CELL]
        for row in range(_HEAD, _HEAD + used * _ROW, _ROW):
            if self.cells[row] == tag:
                return row + 1
        row = _HEAD + used * _ROW if used < _ROWS else self._idle_row()
        self.cells[_USED_CELL] = max(used, (row - _HEAD) // _ROW + 1)
        self.cells[row] = tag
        for cell in range(row + 1, row + _ROW):
            self.cells[cell] = 0
        return row + 1

    def belongs(self, row: int, name_tag: int) -> bool:
        return self.cells[row - 1] == name_tag

    def living(self, place: int) -> bool:
        """Whether a process has that place."""
        if place == self.place:
            return True
        file = self._lock_place(place)
        if file is None:
            return True
        os.close(file)
        return False

    def close(self) -> None:
        """Give back the place, and with it what this process had in any row."""
        self.cells.release()
        self._map.close()
        os.close(self._file)
        os.close(self._place_file)

    def _wait_lock(self) -> None:
        # Others hold it for microseconds. Only one that the system has stopped inside can hold it longer.
        end = time.monotonic() + _LOCK_SECONDS
        while time.monotonic() < end:
            time.sleep(_LOCK_PAUSE)
            with suppress(BlockingIOError):
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
        self._thread.release()
        raise StorageError("the rate limits are locked by another process", code="rate_limits_unavailable", hint=_HINT)

    def _take_place(self) -> tuple[int, int]:
        for place in range(PLACES):
            file = self._lock_place(place)
            if file is not None:
                return file, place
        raise StorageError(
            f"{PLACES} processes share the rate limits already", code="rate_limits_unavailable", hint=_HINT
        )

    def _lock_place(self, place: int) -> int | None:
        file = os.open(self._folder / f"place-{place}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        return file

    def _prepare(self, boot: int) -> None:
        with self:
            if os.fstat(self._file).st_size != _BYTES:
                # Written, not only made longer: a full disk is told here, and not as a signal later.
                os.ftruncate(self._file, 0)
                _write_zeros(self._file)
            self._map = mmap.mmap(self._file, _BYTES)
            self.cells = memoryview(self._map).cast("q")
            if (self.cells[_LAYOUT_CELL], self.cells[_BOOT_CELL]) != (_LAYOUT, boot):
                self._map[:] = bytes(_BYTES)
                self.cells[_LAYOUT_CELL], self.cells[_BOOT_CELL] = _LAYOUT, boot
            # Where somebody had this place and died, the numbers are still there.
            for row in range(_HEAD, _HEAD + self.cells[_USED_CELL] * _ROW, _ROW):
                self.cells[row + 1 + NUMBERS + self.place] = 0

    def _idle_row(self) -> int:
        now = time.monotonic_ns()
        for row in range(_HEAD, _HEAD + _ROWS * _ROW, _ROW):
            numbers = self.cells[row + 1 : row + _ROW].tolist()
            if not any(numbers[NUMBERS:]) and max(numbers[:NUMBERS]) <= now:
                return row
        raise StorageError(
            f"{_ROWS} keys with limits are in use at once",
            code="rate_limits_unavailable",
            hint="take the limits from keys that need none: homeport keys update ID --rpm 0 --tpm 0 --concurrent 0",
        )


def boot_id() -> str:
    """What tells this start of the machine from the one before; "" where the system does not say."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def tag_of(name: str) -> int:
    """A name as a number that is never 0."""
    return _tag(name)


def _tag(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little", signed=True) or 1


def _write_zeros(file: int) -> None:
    written = 0
    while written < _BYTES:
        count = os.pwrite(file, bytes(_BYTES - written), written)
        if count == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written += count
