"""Which of many entries to give up first: what saved least for its size, and not lately.

Source: Cherkasova, "Improving WWW Proxies Performance with Greedy-Dual-Size-Frequency Caching Policy" (HP, 1998). An
entry is worth what it saved for each byte, on top of what the last one given up was worth: so old merits fade.
"""

from collections.abc import Mapping
from heapq import heappop, heappush, heapreplace

import msgspec

from homeport.core.caching import Card

_SLACK = 64
_MOST_MOVED = 2_000
_TIDIED = 4
"""Places in line that are looked at for each entry that goes."""

Queued = tuple[float, int, bytes]
"""What an entry was worth when it was put in line, its turn, which no other entry has, and its id."""


class Ranked(msgspec.Struct, gc=False):
    """An entry, how often it answered, and what that makes it worth."""

    card: Card
    worth: float = 0.0
    hits: int = 0
    turn: int = 0


class Line:
    """Entries of one tenant, or of all, by their worth. It is put right when somebody looks: a hit moves nobody."""

    __slots__ = ("_heap", "_old")

    def __init__(self) -> None:
        self._heap: list[Queued] = []
        self._old: list[Queued] = []

    def __len__(self) -> int:
        """With those that are gone and not left out yet."""
        return len(self._heap) + len(self._old)

    def join(self, queued: Queued) -> None:
        heappush(self._heap, queued)

    def first(self, known: Mapping[bytes, Ranked]) -> bytes | None:
        """The id of the one that is worth least, of those that are known.

        Where very many were hit since they joined, of some of them: to put all in their places takes 0.1 s.
        """
        least: Ranked | None = None
        moved = 0
        while moved < _MOST_MOVED and (heap := self._nearer()):
            ranked = _living(known, heap[0])
            if ranked is None:
                heappop(heap)
            elif ranked.worth > heap[0][0]:
                heapreplace(heap, (ranked.worth, *heap[0][1:]))
                least = ranked if least is None or ranked.worth < least.worth else least
                moved += 1
            else:
                return heap[0][2]
        return None if least is None else least.card.id

    def tidy(self, known: Mapping[bytes, Ranked], count: int) -> None:
        """Leave out those that are gone, once they are more than the `count` that are not: a few each time."""
        if not self._old and len(self._heap) > 2 * count + _SLACK:
            self._old, self._heap = self._heap, []
        # Without its last one a heap is a heap.
        for _ in range(min(_TIDIED, len(self._old))):
            queued = self._old.pop()
            if _living(known, queued) is not None:
                heappush(self._heap, queued)

    def _nearer(self) -> list[Queued]:
        """The heap with the one that is worth least."""
        is_old = self._old and (not self._heap or self._old[0] < self._heap[0])
        return self._old if is_old else self._heap


def _living(known: Mapping[bytes, Ranked], queued: Queued) -> Ranked | None:
    """None where the entry is gone, also where there is another with its id now."""
    ranked = known.get(queued[2])
    return ranked if ranked is not None and ranked.turn == queued[1] else None


class Ranking:
    """Tells what entries are worth. It only grows older when one is given up."""

    def __init__(self) -> None:
        self._age = 0.0
        self._turn = 0

    def enter(self, ranked: Ranked) -> Queued:
        self._value(ranked)
        self._turn += 1
        ranked.turn = self._turn
        return ranked.worth, ranked.turn, ranked.card.id

    def hit(self, ranked: Ranked) -> None:
        ranked.hits += 1
        self._value(ranked)

    def give_up(self, ranked: Ranked) -> None:
        self._age = max(self._age, ranked.worth)

    def _value(self, ranked: Ranked) -> None:
        # An answer that cost nothing is worth a little too: it saves time.
        card = ranked.card
        ranked.worth = self._age + (ranked.hits + 1) * (card.cost + 1) / max(1, card.size)
