"""Who is next: start-time fair queuing, by weight.

Each flow gets a share of what is handed out in proportion to its weight, however much it asks for. One that has asked
for little has nothing in hand for it: it begins where the others are now.

Source: Goyal, Vin, Cheng: "Start-Time Fair Queueing: A Scheduling Algorithm for Integrated Services Packet Switching
Networks", SIGCOMM 1996.
"""

import heapq
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")

_MOST_FLOWS = 1024
"""Remembered, before those are forgotten that are owed nothing."""


class Ticket(Generic[Item]):
    """One that waits: the least start tag is next, and of the same tag whoever came first."""

    __slots__ = ("flow", "gone", "item", "number", "start")

    def __init__(self, flow: str, start: float, number: int, item: Item) -> None:
        self.flow = flow
        self.start = start
        self.number = number
        self.item = item
        self.gone = False

    def __lt__(self, other: "Ticket[Item]") -> bool:
        return (self.start, self.number) < (other.start, other.number)


class FairQueue(Generic[Item]):
    """Those that wait, of every flow. A cost is what is asked for, divided by the flow's weight."""

    def __init__(self) -> None:
        self._now = 0.0
        self._finish: dict[str, float] = {}
        self._heap: list[Ticket[Item]] = []
        self._waiting: dict[str, int] = {}
        self._length = self._numbers = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Item]:
        """Those that wait, whoever is next first."""
        return (ticket.item for ticket in sorted(self._heap) if not ticket.gone)

    def waiting(self, flow: str) -> int:
        """How many of a flow wait."""
        return self._waiting.get(flow, 0)

    def ahead(self, flow: str) -> int:
        """How many would be served before one that came now."""
        start = self._start(flow)
        return sum(1 for ticket in self._heap if ticket.start <= start and not ticket.gone)

    def pass_by(self, flow: str, cost: float) -> None:
        """Serve somebody who does not have to wait."""
        self._now = self._begin(flow, cost)

    def add(self, flow: str, cost: float, item: Item) -> Ticket[Item]:
        """Wait."""
        self._numbers += 1
        ticket = Ticket(flow, self._begin(flow, cost), self._numbers, item)
        heapq.heappush(self._heap, ticket)
        self._waiting[flow] = self.waiting(flow) + 1
        self._length += 1
        return ticket

    def remove(self, ticket: Ticket[Item]) -> None:
        """It waits no longer; a second time means nothing. What it would have got is not given back to its flow."""
        if ticket.gone:
            return
        ticket.gone = True
        self._length -= 1
        self._waiting[ticket.flow] -= 1
        if not self._waiting[ticket.flow]:
            del self._waiting[ticket.flow]
        while self._heap and self._heap[0].gone:
            heapq.heappop(self._heap)

    def serve(self, ticket: Ticket[Item]) -> None:
        """It is served now: whoever comes begins no earlier than it."""
        self._now = max(self._now, ticket.start)
        self.remove(ticket)

    def next(self) -> Ticket[Item] | None:
        """Who is to be served; None where nobody waits."""
        return self._heap[0] if self._heap else None

    def _start(self, flow: str) -> float:
        return max(self._now, self._finish.get(flow, 0.0))

    def _begin(self, flow: str, cost: float) -> float:
        if len(self._finish) >= _MOST_FLOWS:
            self._finish = {name: finish for name, finish in self._finish.items() if finish > self._now}
        start = self._start(flow)
        self._finish[flow] = start + cost
        return start
