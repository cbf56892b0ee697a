"""Which conversations one replica still has, as far as one process can tell from what it sent there.

An engine keeps the conversations that it answered last, at least one for each of its slots. How many more it has room
for shows when one goes on: either it is found, or it was forgotten, after so many others were at work.

Source: the reuse distance of Mattson, Gecsei, Slutz and Traiger, "Evaluation Techniques for Storage Hierarchies", 1970.
"""

from collections import Counter
from itertools import islice, takewhile

ROOM, IDLE, IN_USE = range(3)
_REMEMBERED = 1_024


class Slots:
    """The conversations of one replica, by their openings, and how many of them it keeps.

    Attributes:
        count: it keeps at least so many.
    """

    def __init__(self) -> None:
        self.count = 1
        self._learned: int | None = None
        self._at_work: Counter[bytes] = Counter()
        self._idle: dict[bytes, int] = {}  # with the time when each was last at work, the latest last
        self._distances: dict[bytes, int] = {}

    def keeps(self, opening: bytes) -> bool:
        """Whether a conversation is still there; so are all, as long as nothing was seen to be forgotten."""
        if self._learned is None:
            return True
        distance = self._distance(opening)
        return distance is not None and distance < max(self._learned, self.count)

    @property
    def next_to_go(self) -> tuple[int, int]:
        """What one more conversation would cost here, the least first: room, and how much of it is taken; else the
        time since when the one is idle that would be forgotten; where all are at work, how many."""
        count = max(self._learned or 0, self.count)
        free = count - len(self._at_work)
        if free <= 0:
            return IN_USE, len(self._at_work)
        if len(self._idle) < free:
            return ROOM, len(self._idle) + len(self._at_work)
        return IDLE, next(islice(reversed(self._idle.values()), free - 1, None))

    def began(self, opening: bytes) -> None:
        """A turn of a conversation was sent. It is not forgotten while it is at work."""
        distance = self._distance(opening)
        if distance is not None:
            self._distances[opening] = distance
        self._at_work[opening] += 1
        self._idle.pop(opening, None)

    def ended(self, opening: bytes, now: int, found: bool | None) -> None:
        """It is over.

        Args:
            now: any number that grows.
            found: whether the replica still had what the conversation began with; None where it cannot be told.
        """
        distance = self._distances.pop(opening, None)
        if found is not None and distance is not None:
            self._learn(distance, found)
        self._at_work[opening] -= 1
        if self._at_work[opening] > 0:
            return
        del self._at_work[opening]
        self._idle.pop(opening, None)
        self._idle[opening] = now
        if len(self._idle) > _REMEMBERED:
            del self._idle[next(iter(self._idle))]

    def _learn(self, distance: int, found: bool) -> None:
        if not found and (self._learned is None or distance < self._learned):
            self._learned = distance
        elif found and self._learned is not None and distance >= self._learned:
            self._learned = distance + 1

    def _distance(self, opening: bytes) -> int | None:
        """How many others were at work since this one last was; None where it never was, or too long ago."""
        if opening in self._at_work:
            return 0
        if opening not in self._idle:
            return None
        return len(self._at_work) + sum(1 for _ in takewhile(lambda other: other != opening, reversed(self._idle)))
