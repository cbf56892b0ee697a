"""Which entries are over."""

from collections.abc import Collection
from heapq import heappop, heappush

_SLOT_NS = 10_000_000_000


class Expiry:
    """Ids by the ten seconds in which they end. Whoever asks decides: an id stays after its entry went."""

    def __init__(self) -> None:
        self._slots: dict[int, list[bytes]] = {}
        self._order: list[int] = []
        self._untidy: list[int] = []
        self._count = 0

    def add(self, entry_id: bytes, ends_ns: int) -> None:
        slot = ends_ns // _SLOT_NS
        ids = self._slots.get(slot)
        if ids is None:
            ids = self._slots[slot] = []
            heappush(self._order, slot)
        ids.append(entry_id)
        self._count += 1

    def due(self, now_ns: int, most: int) -> list[bytes]:
        """Up to `most` ids whose time is over for certain; each is told once."""
        found: list[bytes] = []
        while len(found) < most and self._order and (self._order[0] + 1) * _SLOT_NS <= now_ns:
            ids = self._slots[self._order[0]]
            rest = len(ids) - (most - len(found))
            found += ids[max(0, rest) :]
            if rest > 0:
                del ids[rest:]
            else:
                del self._slots[heappop(self._order)]
        self._count -= len(found)
        return found

    def tidy(self, living: Collection[bytes]) -> None:
        """Leave out those that are gone, once they are more than the living: ten seconds' each time."""
        if not self._untidy and self._count > 2 * len(living) + len(self._slots) + 64:
            self._untidy = list(self._slots)
        ids = self._slots.get(self._untidy.pop(), []) if self._untidy else []
        if ids:
            before = len(ids)
            ids[:] = [entry_id for entry_id in dict.fromkeys(ids) if entry_id in living]
            self._count -= before - len(ids)
