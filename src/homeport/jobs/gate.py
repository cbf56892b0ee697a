"""When a line of a batch may start: a place is free, it is off-peak, and live requests are served."""

import asyncio
from collections.abc import Awaitable, Callable

from homeport.jobs.offpeak import Window

_LOOK_AGAIN = 0.25


class Gate:
    """A number of places that all batches share, first come first served, so they take turns.

    Args:
        places: lines in progress at once.
        window: when lines may start; None for always.
        live: how many live requests are in progress.
        pause_at: how many of them keep lines from starting; None where no number does.
        sleep: for tests.
    """

    def __init__(
        self,
        *,
        places: int,
        window: Window | None,
        live: Callable[[], int],
        pause_at: Callable[[], int | None],
        wall_ns: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._places = asyncio.Semaphore(places)
        self._window = window
        self._live = live
        self._pause_at = pause_at
        self._wall_ns = wall_ns
        self._sleep = sleep

    async def enter(self) -> None:
        """Wait for a place, and for the time to use it; `leave` gives it back."""
        await self._places.acquire()
        try:
            while not self._is_open():
                await self._sleep(_LOOK_AGAIN)
        except BaseException:  # cancelled: the place is the next one's; raised again
            self._places.release()
            raise

    def leave(self) -> None:
        self._places.release()

    def _is_open(self) -> bool:
        if self._window is not None and not self._window.holds(self._wall_ns()):
            return False
        pause_at = self._pause_at()
        return pause_at is None or self._live() < pause_at
