"""Which tier answered a conversation: a table of fixed size that all processes of a machine share.

A mapped file of rows of sixteen bytes: the beginning of a fingerprint, a number for the tier, the second in which it
was written. A row is in one of the four places that its fingerprint names; the oldest of the four gives way. There is
no lock: what is lost, or read while it is written, makes one conversation choose its tier anew.
"""

import struct
from collections.abc import Callable
from pathlib import Path

from homeport.storage.mapped import mapped

ROWS = 65_536
_WAYS = 4
_ROW = struct.Struct("<QII")
_BYTES = ROWS * _ROW.size
_DAY_S = 86_400


class SessionTable:
    """`SessionTable` of core.ports.

    Args:
        path: of the file; where it cannot be used, the table is this process's own, which is logged.
        wall_ns: nanoseconds since the epoch.
    """

    def __init__(self, path: Path, wall_ns: Callable[[], int]) -> None:
        self._wall_ns = wall_ns
        self._table = mapped(path, _BYTES)

    def find(self, fingerprint: bytes) -> int:
        """The number that was noted in the last day; 0 where there is none."""
        key, first = _place(fingerprint)
        now = self._now()
        for at in range(first, first + _WAYS * _ROW.size, _ROW.size):
            found, number, second = _ROW.unpack_from(self._table, at)
            if found == key and now - second <= _DAY_S:
                return int(number)
        return 0

    def note(self, fingerprint: bytes, number: int) -> None:
        """Replace what was noted; `number` has 32 bits and is not 0."""
        key, first = _place(fingerprint)
        rows = [(at, *_ROW.unpack_from(self._table, at)) for at in range(first, first + _WAYS * _ROW.size, _ROW.size)]
        same = [at for at, found, _, _ in rows if found == key]
        oldest = min(rows, key=lambda row: int(row[3]))[0]
        _ROW.pack_into(self._table, same[0] if same else oldest, key, number, self._now())

    def close(self) -> None:
        self._table.close()

    def _now(self) -> int:
        return self._wall_ns() // 1_000_000_000 & 0xFFFF_FFFF


def _place(fingerprint: bytes) -> tuple[int, int]:
    """The key of a fingerprint, never 0, and where its four rows begin."""
    key = int.from_bytes(fingerprint[:8], "little") | 1
    group = int.from_bytes(fingerprint[8:12], "little") % (ROWS // _WAYS)
    return key, group * _WAYS * _ROW.size
