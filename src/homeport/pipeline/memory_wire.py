"""The wire of a request that nobody waits for."""

from collections.abc import Mapping


class MemoryWire:
    """`Wire` that keeps a whole answer."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self._pieces: list[bytes] = []

    @property
    def body(self) -> bytes:
        return b"".join(self._pieces)

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        self.status, self.headers = status, headers

    async def send(self, data: bytes) -> None:
        self._pieces.append(data)

    async def finish(self, data: bytes = b"") -> None:
        self._pieces.append(data)
