"""Which of many entries to give up first: what saved least for its size, and not lately.

Source: Cherkasova, "Improving WWW Proxies Performance with Greedy-Dual-Size-Frequency Caching Policy" (HP, 1998). An
entry is worth what it saved for each byte, on top of what the last one given up was worth: so old merits fade.
"""

from collections.abc import Mapping
from heapq import heapify, heappop, heappush, heapreplace

import msgspec

from homeport.core.caching import Card

_SLACK = 64

Queued = tuple[float, int, bytes]
"""What an entry was worth when it was put in line, its turn among equals, and its id."""


class Ranked(msgspec.Struct, gc=False):
    """An entry, how often it answered, and what that makes it worth."""

    card: Card
    worth: float = 0.0
    hits: int = 0


class Line:
    """Entries of one tenant, or of all, by their worth. It is put right when somebody looks: a hit moves nobody."""

    __slots__ = ("_heap", "_tenant")

    def __init__(self, tenant: str | None = None) -> None:
        self._tenant = tenant
        self._heap: list[Queued] = []

    def join(self, queued: Queued) -> None:
        heappush(self._heap, queued)

    def first(self, known: Mapping[bytes, Ranked]) -> bytes | None:
        """The id of the one that is worth least, of those that are known."""
        while self._heap:
            worth, turn, entry_id = self._heap[0]
            ranked = self._member(known.get(entry_id))
            if ranked is None:
                heappop(self._heap)
            elif ranked.worth > worth:
                heapreplace(self._heap, (ranked.worth, turn, entry_id))
            else:
                return entry_id
        return None

    def tidy(self, known: Mapping[bytes, Ranked], count: int) -> None:
        """Leave out those that are gone, once they are more than the `count` that are not."""
        if len(self._heap) > 2 * count + _SLACK:
            kept = {queued[2]: queued for queued in self._heap if self._member(known.get(queued[2]))}
            self._heap = list(kept.values())
            heapify(self._heap)

    def _member(self, ranked: Ranked | None) -> Ranked | None:
        """None where the id is gone, or is that of another tenant's entry now."""
        return ranked if ranked is not None and self._tenant in (None, ranked.card.tenant) else None


class Ranking:
    """Tells what entries are worth. It only grows older when one is given up."""

    def __init__(self) -> None:
        self._age = 0.0
        self._turn = 0

    def enter(self, ranked: Ranked) -> Queued:
        self._value(ranked)
        self._turn += 1
        return ranked.worth, self._turn, ranked.card.id

    def hit(self, ranked: Ranked) -> None:
        ranked.hits += 1
        self._value(ranked)

    def give_up(self, ranked: Ranked) -> None:
        self._age = max(self._age, ranked.worth)

    def _value(self, ranked: Ranked) -> None:
        # An answer that cost nothing is worth a little too: it saves time.
        card = ranked.card
        ranked.worth = self._age + (ranked.hits + 1) * (card.cost + 1) / max(1, card.size)
