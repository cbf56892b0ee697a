"""How many requests may be in the house, and whose places are kept free."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from homeport.core.errors import CapacityError
from homeport.core.types import Key


class Admission:
    """A bound on requests in flight, in this process.

    A key with a reservation fills its own places first, and then shares those of everybody. What
    it does not use stays free: a place is there the moment that it asks.

    Args:
        max_in_flight: beyond it requests are refused at once, so memory is bounded.
    """

    def __init__(self, max_in_flight: int) -> None:
        self._max = max_in_flight
        self._percents: Mapping[str, int] = {}
        self._reserved: Mapping[str, int] = {}
        self._shared = max_in_flight
        self._own: Counter[str] = Counter()
        self._sharing = 0
        self.in_flight = 0

    def resize(self, max_in_flight: int) -> None:
        """Another bound from now on; requests that are in stay in."""
        self._max = max_in_flight
        self.reserve(self._percents)

    def reserve(self, percents: Mapping[str, int]) -> None:
        """Keep so many per cent of the places for each key id, at least one, from now on."""
        self._percents = percents
        self._reserved = {key_id: -(-self._max * percent // 100) for key_id, percent in percents.items() if percent}
        self._shared = max(0, self._max - sum(self._reserved.values()))

    @contextmanager
    def admit(self, key: Key | None = None) -> Iterator[None]:
        """Hold a place for the length of a request.

        Raises:
            CapacityError: no place.
        """
        own = key.id if key is not None and self._has_place(key.id) else None
        if self.in_flight >= self._max or (own is None and self._sharing >= self._shared):
            raise self._full()
        self.in_flight += 1
        if own is None:
            self._sharing += 1
        else:
            self._own[own] += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            if own is None:
                self._sharing -= 1
            else:
                self._own[own] -= 1

    def _has_place(self, key_id: str) -> bool:
        return key_id in self._reserved and self._own[key_id] < self._reserved[key_id]

    def _full(self) -> CapacityError:
        kept = self._max - self._shared
        reserved = f", and {kept} more places are reserved for other keys" if kept else ""
        return CapacityError(
            f"{self.in_flight} requests are being answered already{reserved}",
            hint="try again after Retry-After seconds, or raise server.max_in_flight",
        )
