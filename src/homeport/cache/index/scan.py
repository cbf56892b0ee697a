"""Looks at every vector: exact, and quick up to some ten thousand."""

from mmap import mmap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

from homeport.cache.index.base import VALUE_BYTES

_DTYPE = "<f2"
_BLOCK = 4_096
"""Rows are kept in blocks of so many: one large array that grows is copied while requests wait."""


class ScanIndex:
    """Rows of float16, in blocks without gaps: the last row takes the place of one that is removed.

    Args:
        dimensions: values of a vector.
        block: rows of a block.
    """

    def __init__(self, dimensions: int, *, block: int = _BLOCK) -> None:
        import numkong
        import numpy as np

        self._numpy = np
        self._products = numkong.cdist
        self._dimensions = dimensions
        self._block = block
        self._blocks: list[NDArray[np.float16]] = []
        self._ids: list[bytes] = []
        self._places: dict[bytes, int] = {}

    def add(self, entry_id: bytes, vector: bytes) -> None:
        row = self._read(vector)
        place = self._places.get(entry_id, len(self._ids))
        if place == len(self._ids):
            self._grow()
            self._ids.append(entry_id)
            self._places[entry_id] = place
        self._blocks[place // self._block][place % self._block] = row

    def remove(self, entry_id: bytes) -> bool:
        place = self._places.pop(entry_id, None)
        if place is None:
            return False
        last = self._ids.pop()
        if last != entry_id:
            self._ids[place] = last
            self._places[last] = place
            self._blocks[place // self._block][place % self._block] = self._row(len(self._ids))
        self._shrink()
        return True

    def search(self, vector: bytes, most: int) -> list[tuple[bytes, float]]:
        count = len(self._ids)
        if not count or most < 1:
            return []
        np = self._numpy
        cosines = self._cosines(self._read(vector).reshape(1, -1), count)
        best = np.argpartition(cosines, count - most)[count - most :] if most < count else np.arange(count)
        best = best[np.argsort(-cosines[best], kind="stable")]
        return [(self._ids[place], float(cosines[place])) for place in best.tolist()]

    def take(self, most: int) -> "tuple[list[bytes], NDArray[np.float16]]":
        """Remove up to `most` of them, the newest; their ids and rows."""
        left = max(0, len(self._ids) - most)
        ids = self._ids[left:]
        rows = self._numpy.empty((len(ids), self._dimensions), dtype=_DTYPE)
        for at in range(len(ids)):
            rows[at] = self._row(left + at)
        del self._ids[left:]
        for entry_id in ids:
            del self._places[entry_id]
        self._shrink()
        return ids, rows

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, entry_id: object) -> bool:
        return entry_id in self._places

    def _cosines(self, asked: "NDArray[np.float16]", count: int) -> "NDArray[np.float64]":
        # float64 is what numkong makes: to ask it for another type takes it five times as long.
        cosines = self._numpy.empty((1, count), dtype=self._numpy.float64)
        for start, block in zip(range(0, count, self._block), self._blocks, strict=True):
            rows = block[: count - start]
            self._products(asked, rows, metric="dot", out=cosines[:, start : start + len(rows)], threads=1)
        found: NDArray[np.float64] = cosines[0]
        return found

    def _read(self, vector: bytes) -> "NDArray[np.float16]":
        if len(vector) != VALUE_BYTES * self._dimensions:
            raise ValueError(f"A vector of {len(vector)} bytes among those of {self._dimensions} values")
        return self._numpy.frombuffer(vector, dtype=_DTYPE)

    def _row(self, place: int) -> "NDArray[np.float16]":
        row: NDArray[np.float16] = self._blocks[place // self._block][place % self._block]
        return row

    def _grow(self) -> None:
        """Room for one more row."""
        full, used = divmod(len(self._ids), self._block)
        if full == len(self._blocks):
            self._blocks.append(self._room(1))
        elif used == len(self._blocks[full]):
            self._resize_last(min(self._block, 2 * used), used)

    def _shrink(self) -> None:
        """Give back what is not used: whole blocks, and most of the last one where little of it is left."""
        full, used = divmod(len(self._ids), self._block)
        del self._blocks[full + bool(used) :]
        if used and 4 * used < len(self._blocks[full]):
            self._resize_last(2 * used, used)

    def _resize_last(self, rows: int, used: int) -> None:
        resized = self._room(rows)
        resized[:used] = self._blocks[-1][:used]
        self._blocks[-1] = resized

    def _room(self, rows: int) -> "NDArray[np.float16]":
        if rows < self._block:
            return self._numpy.empty((rows, self._dimensions), dtype=_DTYPE)
        # Of the system itself, so that it gets a whole block back as soon as a graph has taken the rows.
        pages = mmap(-1, VALUE_BYTES * rows * self._dimensions)
        return self._numpy.frombuffer(pages, dtype=_DTYPE).reshape(rows, self._dimensions)
