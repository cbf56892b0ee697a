"""Quantiles of the last so many values."""

import bisect
import math
from collections import deque


class Window:
    """The last `size` values. Adding and asking take microseconds: both are done for each request."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._latest: deque[int] = deque()
        self._ordered: list[int] = []

    def __len__(self) -> int:
        return len(self._latest)

    def add(self, value: int) -> None:
        if len(self._latest) == self._size:
            del self._ordered[bisect.bisect_left(self._ordered, self._latest.popleft())]
        self._latest.append(value)
        bisect.insort(self._ordered, value)

    def quantile(self, share: float) -> int:
        """The least value that this share of them does not exceed (nearest rank). There must be one."""
        return self._ordered[max(0, math.ceil(share * len(self._ordered)) - 1)]
