"""Follows a graph of neighbours: nearly exact, and quick among hundreds of thousands.

Source: Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
Small World graphs" (2018), as usearch does it.
"""

import importlib
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

from homeport.cache.index.base import VALUE_BYTES

_LINKS = 16
_LOOKED_AT_ADDING = 48
_LOOKED_AT_SEARCHING = 96


class GraphIndex:
    """A vector costs about 0.1 ms to add.

    Args:
        dimensions: values of a vector.
    """

    def __init__(self, dimensions: int) -> None:
        import numpy as np

        # usearch 2.26 before onnxruntime 1.32 ends the process with a fault, and a changed configuration may want both.
        with suppress(ImportError):
            importlib.import_module("onnxruntime")
        from usearch.index import Index

        self._numpy = np
        self._dimensions = dimensions
        self._index = Index(
            ndim=dimensions,
            metric="ip",
            dtype="f16",
            connectivity=_LINKS,
            expansion_add=_LOOKED_AT_ADDING,
            expansion_search=_LOOKED_AT_SEARCHING,
        )
        # usearch knows a vector by a number; one that is free is used again.
        self._ids: list[bytes | None] = []
        self._free: list[int] = []
        self._numbers: dict[bytes, int] = {}

    def add(self, entry_id: bytes, vector: bytes) -> None:
        self.add_many([entry_id], self._read(vector).reshape(1, -1))

    def add_many(self, ids: Sequence[bytes], rows: "NDArray[np.float16]") -> None:
        """The same for many, which is quicker; no id may be in there twice."""
        for entry_id in ids:
            self.remove(entry_id)
        numbers = self._numpy.array([self._number(entry_id) for entry_id in ids], dtype=self._numpy.uint64)
        self._index.add(numbers, rows, threads=1)

    def remove(self, entry_id: bytes) -> bool:
        number = self._numbers.pop(entry_id, None)
        if number is None:
            return False
        self._index.remove(number, threads=1)
        self._ids[number] = None
        self._free.append(number)
        return True

    def search(self, vector: bytes, most: int) -> list[tuple[bytes, float]]:
        if not self._numbers or most < 1:
            return []
        found = self._index.search(self._read(vector), min(most, len(self._numbers)), threads=1)
        pairs = zip(found.keys.tolist(), found.distances.tolist(), strict=True)
        return [(entry_id, 1.0 - distance) for key, distance in pairs if (entry_id := self._ids[key]) is not None]

    def take(self, most: int) -> "tuple[list[bytes], NDArray[np.float16]]":
        """Remove up to `most` of them, whichever; their ids and rows."""
        ids = list(islice(self._numbers, max(0, most)))
        numbers = self._numpy.array([self._numbers[entry_id] for entry_id in ids], dtype=self._numpy.uint64)
        rows = self._numpy.asarray(self._index.get(numbers) if ids else [], dtype="<f2").reshape(-1, self._dimensions)
        for entry_id in ids:
            self.remove(entry_id)
        return ids, rows

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, entry_id: object) -> bool:
        return entry_id in self._numbers

    def _number(self, entry_id: bytes) -> int:
        if self._free:
            number = self._free.pop()
            self._ids[number] = entry_id
        else:
            number = len(self._ids)
            self._ids.append(entry_id)
        self._numbers[entry_id] = number
        return number

    def _read(self, vector: bytes) -> "NDArray[np.float16]":
        if len(vector) != VALUE_BYTES * self._dimensions:
            raise ValueError(f"A vector of {len(vector)} bytes among those of {self._dimensions} values")
        return self._numpy.frombuffer(vector, dtype="<f2")
