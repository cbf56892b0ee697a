"""Callers in a thread of their own, while something is done to whom they call."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Self


class Crowd(ABC):
    """What its callers do is `call`, which ends soon after they are `over`."""

    over = False

    @abstractmethod
    async def call(self) -> None: ...

    @contextmanager
    def running(self) -> Iterator[Self]:
        """They call for the length of a `with`, which waits for their end."""
        thread = Thread(target=lambda: asyncio.run(self.call()))
        thread.start()
        try:
            yield self
        finally:
            self.over = True
            thread.join()
