"""A circuit breaker: what keeps failing is left alone for a while, then tried by one request."""

from collections import deque

import msgspec

_LONGEST_PAUSE_S = 60.0


class BreakerPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When to open.

    Attributes:
        failures: this many in a row open it.
        window: so many of the last calls are looked at; it opens when at least half of them failed.
        pause: seconds until one request may try again; doubled each time that it fails, up to a minute.
    """

    failures: int = 5
    window: int = 20
    pause: float = 5.0


class Breaker:
    """Closed, open or half-open. Times are monotonic nanoseconds, given by the caller."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self.policy = policy
        self._recent: deque[bool] = deque(maxlen=policy.window)
        self._in_a_row = 0
        self._succeeded_at = 0
        self._pause = policy.pause
        self._open_until = 0
        self._probe: int | None = None  # when the call that tries again began

    @property
    def is_open(self) -> bool:
        """Open or half-open: the last thing known is that it fails."""
        return self._open_until > 0

    def allows(self, now: int) -> bool:
        """Whether a call may be made now: always while closed, one at a time while half-open."""
        return not self._open_until or (now >= self._open_until and self._probe is None)

    def wait_s(self, now: int) -> float:
        """Seconds until a call may be made; 0 when one may be made now."""
        return max(0, self._open_until - now) / 1e9

    def begin(self, now: int) -> None:
        """A call that was allowed is made. One of the three below must follow."""
        if self._open_until and self._probe is None:
            self._probe = now

    def succeeded(self, now: int) -> None:
        self._in_a_row = 0
        self._succeeded_at = now
        self._recent.append(True)
        if self._open_until:
            self._recent.clear()
            self._open_until, self._pause, self._probe = 0, self.policy.pause, None

    def failed(self, now: int, began: int) -> None:
        """A call that began at `began` failed. One made before the last success is no proof of an outage."""
        self._in_a_row += began >= self._succeeded_at
        self._recent.append(False)
        if self._is_probe(began):
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_S)
        elif self._open_until or not self._too_many():
            return
        self._probe = None
        self._open_until = now + round(self._pause * 1e9)

    def abandoned(self, began: int) -> None:
        """A call that began at `began` was cancelled, so it says nothing."""
        if self._is_probe(began):
            self._probe = None

    def _is_probe(self, began: int) -> bool:
        """Whether it is the one that tries again; calls made before it opened may still end while that is out."""
        return self._probe is not None and began >= self._probe

    def _too_many(self) -> bool:
        half = len(self._recent) == self.policy.window and 2 * sum(self._recent) <= len(self._recent)
        return self._in_a_row >= self.policy.failures or half
