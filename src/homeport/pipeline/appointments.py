"""Who was told to come back, and when: a Retry-After is kept.

A refused caller who comes back at any moment finds the same crowd again. So each is given a moment of its own, spread
as they can be served, and goes before those that come for the first time. One of three places is given away so.
"""

import bisect
import math

_SECOND = 1_000_000_000
_MOST_S = 60
"""Clients of OpenAI and Anthropic take no longer time at its word."""
_KEPT_NS = 5 * _SECOND
"""How late one may come."""
_EXPECTED_NS = _SECOND // 4
"""How long others are held back for one that does not come."""
_MOST = 4096
_PART = 1 / 3
"""Of a flow's share that is given away: what is promised is there also when the places become half as many."""


class Appointments:
    """Those of one engine. Times are monotonic nanoseconds.

    Attributes:
        weights: of the flows that somebody is expected of.
    """

    def __init__(self) -> None:
        self.weights: dict[str, float] = {}
        self._next: dict[str, float] = {}
        self._due: dict[str, list[int]] = {}
        self._given = 0

    def give(self, flow: str, now: int, wait: float, interval: float, *, weight: float = 1.0) -> int:
        """Whole seconds after which somebody of a flow shall come back; at least one.

        Args:
            wait: nanoseconds until there may be a place at all.
            interval: those in which the flow gets a place, by its share.
        """
        self._forget(now)
        at = max(now + wait, self._next.get(flow, 0.0))
        seconds = max(1, math.ceil((at - now) / _SECOND))
        if seconds > _MOST_S or self._given >= _MOST:
            return _MOST_S
        self.weights[flow] = weight
        self._next[flow] = at + interval / _PART
        bisect.insort(self._due.setdefault(flow, []), now + seconds * _SECOND)
        self._given += 1
        return seconds

    def keep(self, flow: str, now: int) -> bool:
        """Whether somebody of a flow is expected now; who has come then."""
        self._drop(flow, now)
        due = self._due.get(flow)
        if not due or due[0] > now:
            return False
        del due[0]
        self._given -= 1
        return True

    def expected(self, flow: str, now: int, until: float) -> int:
        """How many of a flow shall come until then."""
        due = self._due.get(flow, ())
        return bisect.bisect_right(due, until) - bisect.bisect_left(due, now - _EXPECTED_NS)

    def _drop(self, flow: str, now: int) -> None:
        """Those who did not come."""
        due = self._due.get(flow)
        if due and due[0] + _KEPT_NS < now:
            late = bisect.bisect_left(due, now - _KEPT_NS)
            del due[:late]
            self._given -= late

    def _forget(self, now: int) -> None:
        """Flows that nobody is expected of."""
        for flow in list(self._due):
            self._drop(flow, now)
            if not self._due[flow]:
                del self._due[flow]
                del self.weights[flow]
                if self._next[flow] <= now:
                    del self._next[flow]
