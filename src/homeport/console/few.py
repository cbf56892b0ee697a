"""Work that takes long and that strangers can ask for: a few at once, a few in line, and the next is refused.

It has threads of its own, since those of the loop serve everybody. What was begun counts until it ends, also where
whoever asked for it has left.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from homeport.core.errors import CapacityError

Result = TypeVar("Result")


class Few:
    """Some threads and a line before them.

    Args:
        threads: how many work at once.
        waiting: how many more may wait.
    """

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._places = threading.Semaphore(threads + waiting)

    async def run(self, work: Callable[[], Result]) -> Result:
        """What the work returns or raises. Raises CapacityError sign_in_busy where too many wait."""
        if not self._places.acquire(blocking=False):
            raise CapacityError("too many sign in at the moment", code="sign_in_busy", hint="try again in a moment")
        future = self._threads.submit(work)
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)
