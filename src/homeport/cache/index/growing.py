"""A scan that becomes a graph while it is in use."""

from homeport.cache.index.graph import GraphIndex
from homeport.cache.index.scan import ScanIndex

SCANNED = 20_000
"""With more vectors a graph is made of them: looking at all would cost a request more than half a millisecond."""
_TAIL = 1_000
_BACK = 8


class GrowingIndex:
    """What is new is scanned; where there is much, `work` moves it into a graph, a little at a time.

    So an addition is quick, a vector is found from its addition on, and nobody waits for a graph.

    Args:
        dimensions: values of a vector.
        scanned: with more than so many vectors it becomes a graph.
        tail: so many are scanned beside the graph.
    """

    def __init__(self, dimensions: int, *, scanned: int = SCANNED, tail: int = _TAIL) -> None:
        self._dimensions = dimensions
        self._scanned = scanned
        self._tail = tail
        self._scan = ScanIndex(dimensions)
        self._graph: GraphIndex | None = None

    @property
    def behind(self) -> int:
        """How many vectors `work` would move."""
        if self._graph is None and len(self._scan) <= self._scanned:
            return 0
        return max(0, len(self._scan) - self._tail)

    def work(self, most: int) -> int:
        """Move up to `most` vectors, about 0.1 ms each; how many were."""
        count = min(most, self.behind)
        if count:
            self._graph = self._graph or GraphIndex(self._dimensions)
            self._graph.add_many(*self._scan.take(count))
        return count

    def add(self, entry_id: bytes, vector: bytes) -> None:
        self._scan.add(entry_id, vector)
        if self._graph is not None:
            self._graph.remove(entry_id)

    def remove(self, entry_id: bytes) -> bool:
        if self._graph is None or entry_id in self._scan:
            return self._scan.remove(entry_id)
        removed = self._graph.remove(entry_id)
        if _BACK * len(self._graph) < self._scanned and len(self) <= self._scanned:
            self._dissolve(self._graph)
        return removed

    def search(self, vector: bytes, most: int) -> list[tuple[bytes, float]]:
        found = self._scan.search(vector, most)
        if self._graph is None:
            return found
        both = found + self._graph.search(vector, most)
        return sorted(both, key=_cosine, reverse=True)[:most]

    def __len__(self) -> int:
        return len(self._scan) + (len(self._graph) if self._graph is not None else 0)

    def __contains__(self, entry_id: object) -> bool:
        return entry_id in self._scan or (self._graph is not None and entry_id in self._graph)

    def _dissolve(self, graph: GraphIndex) -> None:
        """A graph does not give memory back: the few that are left are scanned again."""
        self._graph = None
        for entry_id, row in zip(*graph.take(len(graph)), strict=True):
            self._scan.add(entry_id, row.tobytes())


def prepare(dimensions: int) -> None:
    """Load the libraries of both kinds now: in the midst of requests that would hold them up for 50 ms."""
    ScanIndex(dimensions)
    GraphIndex(dimensions)


def _cosine(found: tuple[bytes, float]) -> float:
    return found[1]
