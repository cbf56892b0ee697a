"""What a process remembers of traces and messages: bounded, and only digests."""

from collections import deque
from typing import Generic, TypeVar

from homeport.core.money import Nano

_REQUESTS = 24

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """A map that forgets what was not used lately.

    Two generations: what is used moves to the young one; when that is full, the old one goes. An entry costs no
    list to keep in order.

    Args:
        size: how many entries a generation has.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: dict[int, Value] = {}
        self._old: dict[int, Value] = {}

    def get(self, key: int) -> Value | None:
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def take(self, key: int) -> Value | None:
        """What is there, which then is there no more."""
        return self._young.pop(key, None) or self._old.pop(key, None)

    def put(self, key: int, value: Value) -> None:
        self._young[key] = value
        if len(self._young) >= self._size:
            self._old, self._young = self._young, {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)


class Trace:
    """What this process knows of one trace.

    Attributes:
        calls, cost: of the requests that ended here, in nano-dollars.
        started_ns: monotonic time of its first request.
        warned_cost: `cost` when it was first warned; None while it is not.
        throttled: how often in a row it was delayed.
        answers: (request, answer) digests of its last requests.
        again: how many of them in a row were each there before.
    """

    __slots__ = ("again", "answers", "calls", "cost", "started_ns", "throttled", "warned_cost")

    def __init__(self, now_ns: int) -> None:
        self.calls = self.again = 0
        self.cost = Nano(0)
        self.started_ns = now_ns
        self.warned_cost: Nano | None = None
        self.throttled = 0
        self.answers: deque[tuple[int, int]] = deque(maxlen=_REQUESTS)


class Rate:
    """Requests a minute of one key, against those of its own past.

    A minute is far above them with ten times as many as their exponentially weighted mean, and at least sixty.
    """

    __slots__ = ("_count", "_mean", "_minute", "_minutes")

    LEAST = 60
    TIMES = 10
    MINUTES = 10
    _SHARE = 0.1

    def __init__(self) -> None:
        self._minute = -1
        self._count = 0
        self._mean = 0.0
        self._minutes = 0

    def excess(self, now_ns: int) -> int:
        """Count a request; how many times its usual rate the key is at, 0 where that is no news."""
        minute = now_ns // 60_000_000_000
        if minute != self._minute:
            if self._count:
                share = max(self._SHARE, 1 / (self._minutes + 1))
                self._mean += share * (self._count - self._mean)
                self._minutes += 1
            self._minute, self._count = minute, 0
        self._count += 1
        if self._count < self.LEAST or self._minutes < self.MINUTES or self._count < self.TIMES * self._mean:
            return 0
        return int(self._count / self._mean)
