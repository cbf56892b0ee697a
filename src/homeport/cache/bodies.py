"""Whole entries in memory: those that answered last."""

from collections import OrderedDict
from collections.abc import Iterator

from homeport.core.caching import Entry

_ABOUT_BYTES = 1_000
"""Of an entry besides its body."""
_LARGEST_SHARE = 4


class Bodies:
    """The one that was used longest ago goes first.

    Attributes:
        most: bytes, from the next one on; none is held that takes more than a quarter of them.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self.size = 0

    def hold(self, entry: Entry) -> None:
        self.drop(entry.card.id)
        size = _size(entry)
        if _LARGEST_SHARE * size > self.most:
            return
        self._entries[entry.card.id] = entry
        self.size += size
        while self.size > self.most:
            self.size -= _size(self._entries.popitem(last=False)[1])

    def get(self, entry_id: bytes) -> Entry | None:
        entry = self._entries.get(entry_id)
        if entry is not None:
            self._entries.move_to_end(entry_id)
        return entry

    def peek(self, entry_id: bytes) -> Entry | None:
        """The same, and it is not used by that."""
        return self._entries.get(entry_id)

    def drop(self, entry_id: bytes) -> None:
        entry = self._entries.pop(entry_id, None)
        if entry is not None:
            self.size -= _size(entry)

    def ids(self) -> list[bytes]:
        return list(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)


def _size(entry: Entry) -> int:
    return len(entry.body) + _ABOUT_BYTES
