"""Which entries are over."""

from collections.abc import Collection, Iterator
from heapq import heappop, heappush

_SLOT_NS = 10_000_000_000


class Expiry:
    """Ids by the ten seconds in which they end. Whoever asks decides: an id stays after its entry went."""

    def __init__(self) -> None:
        self._slots: dict[int, list[bytes]] = {}
        self._order: list[int] = []
        self._count = 0

    def add(self, entry_id: bytes, ends_ns: int) -> None:
        slot = ends_ns // _SLOT_NS
        ids = self._slots.get(slot)
        if ids is None:
            ids = self._slots[slot] = []
            heappush(self._order, slot)
        ids.append(entry_id)
        self._count += 1

    def due(self, now_ns: int) -> Iterator[bytes]:
        """Ids whose time is over for certain; each is told once."""
        while self._order and (self._order[0] + 1) * _SLOT_NS <= now_ns:
            ids = self._slots.pop(heappop(self._order))
            self._count -= len(ids)
            yield from ids

    def tidy(self, living: Collection[bytes]) -> None:
        """Leave out those that are gone, once they are more than the living."""
        if self._count > 2 * len(living) + len(self._slots) + 64:
            for slot, ids in self._slots.items():
                self._slots[slot] = [entry_id for entry_id in dict.fromkeys(ids) if entry_id in living]
            self._count = sum(map(len, self._slots.values()))
