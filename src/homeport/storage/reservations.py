"""What one process holds for requests in flight, in a file that outlives it however it ends.

A call that was under way when the process was killed has reached its upstream, and nobody is left who
knows its bill; what was held for it is. The file is HOME/run/reserved/HOLDER: records of 128 bytes, an
amount of nano-dollars (8 bytes, signed, little-endian) and 120 bytes of UTF-8, `budget id \\0 instance`,
padded with zeros. An instance that is too long is there as its SHA-256 in hex.
"""

import errno
import hashlib
import mmap
import os
import struct
from collections.abc import Mapping
from pathlib import Path

from homeport.core.errors import StorageError

RECORD = 128
_AMOUNT = struct.Struct("<q")
_NAME = RECORD - _AMOUNT.size
_FIRST_RECORDS = 64


class Reservations:
    """The records of this process; one that is 0 may be given to another account.

    Raises:
        StorageError: the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._free: list[int] = []
        self._records = 0
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            self._map, self._cells = self._mapped(_FIRST_RECORDS)
        except OSError as error:
            raise _unusable(path, error) from error

    def open_record(self, budget_id: str, instance: str) -> int:
        """A record for an account; its number.

        Raises:
            StorageError: the file cannot grow.
        """
        if not self._free:
            try:
                self._grow()
            except OSError as error:
                raise _unusable(self._path, error) from error
        record = self._free.pop()
        name = name_of(budget_id, instance)
        start = record * RECORD + _AMOUNT.size
        self._map[start : start + _NAME] = name.ljust(_NAME, b"\0")
        return record

    def write(self, record: int, amount: int) -> None:
        """So much is held now."""
        # One aligned store of eight bytes: whoever is killed leaves the old amount or the new one.
        self._cells[record * (RECORD // 8)] = amount

    def close_record(self, record: int) -> None:
        """Nothing is held for the account any more, and nothing will be."""
        self.write(record, 0)
        self._free.append(record)

    def close(self) -> None:
        """Close the file. Where nothing is held it is removed: there is nothing to learn from it."""
        held = any(self._cells[record * (RECORD // 8)] for record in range(self._records))
        self._cells.release()
        self._map.close()
        os.close(self._file)
        if not held:
            self._path.unlink(missing_ok=True)

    def _grow(self) -> None:
        old = self._map, self._cells
        self._map, self._cells = self._mapped(2 * self._records)
        old[1].release()
        old[0].close()

    def _mapped(self, records: int) -> tuple[mmap.mmap, memoryview]:
        # Written, not only made longer: a full disk is told here, and not as a signal later.
        os.pwrite(self._file, bytes((records - self._records) * RECORD), self._records * RECORD)
        if os.fstat(self._file).st_size != records * RECORD:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        mapped = mmap.mmap(self._file, records * RECORD)
        self._free += reversed(range(self._records, records))
        self._records = records
        return mapped, memoryview(mapped).cast("q")


def name_of(budget_id: str, instance: str) -> bytes:
    """How a record names its account."""
    name = f"{budget_id}\0{instance}".encode("utf-8", "surrogatepass")
    if len(name) > _NAME:
        digest = hashlib.sha256(instance.encode("utf-8", "surrogatepass")).hexdigest()
        name = f"{budget_id}\0{digest}".encode("utf-8", "surrogatepass")
    return name


def read_reservations(path: Path) -> Mapping[tuple[str, str], int]:
    """What a process held when it ended, by budget id and instance; nothing where there is no file.

    Raises:
        OSError: the file is there and cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    held: dict[tuple[str, str], int] = {}
    for start in range(0, len(data) - RECORD + 1, RECORD):
        (amount,) = _AMOUNT.unpack_from(data, start)
        name = data[start + _AMOUNT.size : start + RECORD].rstrip(b"\0").decode("utf-8", "replace")
        budget_id, _, instance = name.partition("\0")
        if amount > 0 and budget_id:
            held[budget_id, instance] = held.get((budget_id, instance), 0) + amount
    return held


def _unusable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path} cannot be used: {error.strerror}",
        code="budget_unavailable",
        hint="free disk space, or make the state folder writable",
    )
