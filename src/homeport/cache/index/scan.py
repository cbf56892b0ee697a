"""Looks at every vector: exact, and quick up to some ten thousand."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

from homeport.cache.index.base import VALUE_BYTES

_FIRST_ROWS = 1


class ScanIndex:
    """Rows of one growing array of float16; the last row takes the place of one that is removed.

    Args:
        dimensions: values of a vector.
    """

    def __init__(self, dimensions: int) -> None:
        import numkong
        import numpy as np

        self._numpy = np
        self._products = numkong.cdist
        self._dimensions = dimensions
        self._rows: NDArray[np.float16] = np.empty((_FIRST_ROWS, dimensions), dtype=np.dtype("<f2"))
        self._ids: list[bytes] = []
        self._places: dict[bytes, int] = {}

    def add(self, entry_id: bytes, vector: bytes) -> None:
        row = self._read(vector)
        place = self._places.get(entry_id, len(self._ids))
        if place == len(self._ids):
            if place == len(self._rows):
                self._resize(2 * place)
            self._ids.append(entry_id)
            self._places[entry_id] = place
        self._rows[place] = row

    def remove(self, entry_id: bytes) -> bool:
        place = self._places.pop(entry_id, None)
        if place is None:
            return False
        last = self._ids.pop()
        if last != entry_id:
            self._ids[place] = last
            self._places[last] = place
            self._rows[place] = self._rows[len(self._ids)]
        self._shrink()
        return True

    def search(self, vector: bytes, most: int) -> list[tuple[bytes, float]]:
        count = len(self._ids)
        if not count or most < 1:
            return []
        np = self._numpy
        asked = self._read(vector).reshape(1, -1)
        cosines = np.asarray(self._products(asked, self._rows[:count], metric="dot", threads=1))[0]
        best = np.argpartition(cosines, count - most)[count - most :] if most < count else np.arange(count)
        best = best[np.argsort(-cosines[best], kind="stable")]
        return [(self._ids[place], float(cosines[place])) for place in best.tolist()]

    def take(self, most: int) -> "tuple[list[bytes], NDArray[np.float16]]":
        """Remove up to `most` of them, the newest; their ids and rows."""
        left = max(0, len(self._ids) - most)
        ids = self._ids[left:]
        rows = self._rows[left : left + len(ids)].copy()
        del self._ids[left:]
        for entry_id in ids:
            del self._places[entry_id]
        self._shrink()
        return ids, rows

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, entry_id: object) -> bool:
        return entry_id in self._places

    def _read(self, vector: bytes) -> "NDArray[np.float16]":
        if len(vector) != VALUE_BYTES * self._dimensions:
            raise ValueError(f"A vector of {len(vector)} bytes among those of {self._dimensions} values")
        return self._numpy.frombuffer(vector, dtype=self._rows.dtype)

    def _shrink(self) -> None:
        if len(self._rows) > _FIRST_ROWS and 4 * len(self._ids) < len(self._rows):
            self._resize(max(_FIRST_ROWS, 2 * len(self._ids)))

    def _resize(self, rows: int) -> None:
        resized = self._numpy.empty((rows, self._dimensions), dtype=self._rows.dtype)
        resized[: len(self._ids)] = self._rows[: len(self._ids)]
        self._rows = resized
