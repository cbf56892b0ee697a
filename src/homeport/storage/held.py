"""The thresholds of a policy, the same for all gateway processes of a machine.

There is no lock: of two processes that move them at once one counts, and what is read while it is written is known by
its checksum and passed over.
"""

import hashlib
import struct
from collections.abc import Sequence
from pathlib import Path

from homeport.storage.mapped import mapped

_BYTES = 4_096
_DIGEST = 16
_COUNT = struct.Struct("<I")
_MOST = 64


class HeldNumbers:
    """`Memory` of routing.policies.base, in a file."""

    def __init__(self, path: Path) -> None:
        self._table = mapped(path, _BYTES)

    def read(self, meaning: bytes) -> tuple[float, ...] | None:
        """What was written last; None where that had another meaning, or nothing was."""
        [count] = _COUNT.unpack_from(self._table, 0)
        if not 0 < count <= _MOST:
            return None
        written = self._table[_COUNT.size : _COUNT.size + 8 * count]
        start = _COUNT.size + 8 * count
        if self._table[start : start + _DIGEST] != _seal(meaning, written):
            return None
        return struct.unpack(f"<{count}d", written)

    def write(self, meaning: bytes, numbers: Sequence[float]) -> None:
        """Replace what there is; at most 64 numbers."""
        written = struct.pack(f"<{len(numbers)}d", *numbers)
        if 0 < len(numbers) <= _MOST:
            whole = _COUNT.pack(len(numbers)) + written + _seal(meaning, written)
            self._table[: len(whole)] = whole

    def close(self) -> None:
        self._table.close()


def _seal(meaning: bytes, written: bytes) -> bytes:
    return hashlib.blake2b(written, key=meaning[:64], digest_size=_DIGEST).digest()
