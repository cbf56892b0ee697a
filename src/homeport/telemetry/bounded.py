"""Counts by labels whose number has a bound: what comes after it is counted together, as `others`.

Labels take values from the configuration and from lists of codes, so callers cannot make new ones. The bounds hold
also where that is not so: after many changed configurations, and for a code that an upstream thought of.
"""

from collections.abc import Callable
from typing import TypeVar

from prometheus_client import Counter

OTHERS = "others"

Labels = tuple[str, ...]
Value = TypeVar("Value")


class Bounded(dict[Labels, Value]):
    """Values by labels, made when they are first asked for.

    Args:
        most: so many at most, `others` included.
    """

    def __init__(self, most: int, make: Callable[[], Value]) -> None:
        super().__init__()
        self._most = most
        self._make = make

    def __missing__(self, labels: Labels) -> Value:
        return self.setdefault(within(labels, self, self._most), self._make())


class Counts(dict[Labels, int]):
    """How often something was, by labels; so many at most, `others` included."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def add(self, *labels: str) -> None:
        """One more."""
        if labels not in self:
            labels = within(labels, self, self._most)
        self[labels] = self.get(labels, 0) + 1


class BoundedCounter:
    """A counter of Prometheus' library whose labels have so many values at most, `others` included."""

    def __init__(self, counter: Counter, most: int) -> None:
        self._counter = counter
        self._most = most
        self._known: dict[Labels, None] = {}

    def add(self, *labels: str) -> None:
        """One more."""
        if labels not in self._known:
            labels = within(labels, self._known, self._most)
            self._known[labels] = None
        self._counter.labels(*labels).inc()


def within(labels: Labels, known: dict[Labels, Value], most: int) -> Labels:
    """Labels that are new, or `others` where there are too many already."""
    return labels if len(known) < most - 1 else (OTHERS,) * len(labels)
