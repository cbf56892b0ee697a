"""The seam of the vector indexes."""

from typing import Protocol

VALUE_BYTES = 2
"""Of a float16 number: vectors are little-endian float16 values of unit length, so that a product is a cosine."""


class VectorIndex(Protocol):
    """Vectors by id. It belongs to one thread and starts none."""

    def add(self, entry_id: bytes, vector: bytes) -> None:
        """In the place of the one with the same id. `ValueError` where it has another length than those before."""

    def remove(self, entry_id: bytes) -> bool:
        """Whether it was there."""

    def search(self, vector: bytes, most: int) -> list[tuple[bytes, float]]:
        """Ids and cosines of the `most` nearest, best first."""

    def __len__(self) -> int: ...

    def __contains__(self, entry_id: object) -> bool: ...
