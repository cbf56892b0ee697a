"""What is usual for one caller at one model: medians of the last minutes, so that a change of who asks is no change.

Each number is compared with what the same key got from the same model before. Then a crowd of callers whose
prompts are long may come and go, and requests have not become longer by that.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from statistics import median

_LEAST = 5
_LEAST_VALUES = 30
"""A median of fewer may be far off, and would be so for minutes."""

_MOST = 60
_LAG = 18
"""Medians that wait: a change in progress does not hide itself."""

_MOST_CALLERS = 4_000


class _Caller:
    """The medians of one caller and one measure, oldest first."""

    __slots__ = ("known", "middle", "values", "waiting")

    def __init__(self) -> None:
        self.values = 0
        self.known: deque[float] = deque(maxlen=_MOST)
        self.waiting: deque[float] = deque()
        self.middle: float | None = None

    def learn(self, value: float, count: int) -> None:
        self.values += count
        if self.middle is None:
            self.known.append(value)
        else:
            self.waiting.append(value)
            if len(self.waiting) <= _LAG:
                return
            self.known.append(self.waiting.popleft())
        if len(self.known) >= _LEAST and self.values >= _LEAST_VALUES:
            self.middle = median(self.known)


class Usual:
    """The usual of every caller, by names that are compared only; those not met for the longest are forgotten."""

    def __init__(self) -> None:
        self._callers: OrderedDict[tuple[str, ...], _Caller] = OrderedDict()

    def of(self, caller: tuple[str, ...]) -> float | None:
        """The usual value; None where it is not known yet."""
        found = self._callers.get(caller)
        return None if found is None else found.middle

    def learn(self, caller: tuple[str, ...], values: Sequence[float]) -> None:
        """Some values of one stretch of time."""
        found = self._callers.get(caller)
        if found is None:
            found = self._callers[caller] = _Caller()
            if len(self._callers) > _MOST_CALLERS:
                self._callers.popitem(last=False)
        self._callers.move_to_end(caller)
        found.learn(median(values), len(values))

    def forget_lately(self, caller: tuple[str, ...]) -> None:
        """What was learned last belongs to a change: it is not usual."""
        if found := self._callers.get(caller):
            found.waiting.clear()

    def forget(self, caller: tuple[str, ...]) -> None:
        """What was usual is so no longer: learn anew."""
        self._callers.pop(caller, None)

    def callers(self, place: int, name: str) -> list[tuple[str, ...]]:
        """Those that have a name at a place."""
        return [caller for caller in self._callers if caller[place] == name]
