"""Requests that ask the very same at the same time: one is sent, the others wait for its answer."""

import asyncio
from enum import Enum


class Landing(Enum):
    """How a flight ended.

    KEPT: its answer is in the cache. LOST: whoever asked has left, so somebody else is to ask.
    UNFIT: there is no answer, or none that may be given to others; each asks for himself.
    """

    KEPT = "kept"
    LOST = "lost"
    UNFIT = "unfit"


class Flight:
    """One request that is sent for all who ask the same."""

    def __init__(self, flights: "Flights", key: bytes) -> None:
        self._flights = flights
        self._key = key
        self._landed: asyncio.Future[Landing] = asyncio.get_running_loop().create_future()

    def land(self, how: Landing) -> None:
        """It is over; a second time means nothing."""
        self._flights.clear(self._key, self)
        if not self._landed.done():
            self._landed.set_result(how)

    async def landing(self, seconds: float) -> Landing:
        """Wait until it is over, but no longer than that: then it is UNFIT for whoever waits."""
        done, _ = await asyncio.wait({self._landed}, timeout=max(seconds, 0.0))
        return self._landed.result() if done else Landing.UNFIT


class Flights:
    """Those of one process."""

    def __init__(self) -> None:
        self._by_key: dict[bytes, Flight] = {}

    def find(self, key: bytes) -> Flight | None:
        return self._by_key.get(key)

    def start(self, key: bytes) -> Flight:
        """A new one, for others to wait for."""
        flight = self._by_key[key] = Flight(self, key)
        return flight

    def clear(self, key: bytes, flight: Flight) -> None:
        """Nobody waits for this one any more."""
        if self._by_key.get(key) is flight:
            del self._by_key[key]

    def __len__(self) -> int:
        return len(self._by_key)
