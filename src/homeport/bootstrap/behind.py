"""What the request path leaves to be written, written a moment later and off the event loop."""

import asyncio
import threading
from collections.abc import Callable, Sized


async def write_behind(waiting: Sized, flush: Callable[[], None], every_s: float) -> None:
    """Flush what waits, until cancelled; then what still waits is flushed too.

    Args:
        every_s: seconds between two looks.
    """
    alone = threading.Lock()

    def write() -> None:
        with alone:  # a thread goes on when who waits for it is cancelled, and then the end must wait for it
            flush()

    try:
        while True:
            await asyncio.sleep(every_s)
            if waiting:
                await asyncio.to_thread(write)
    finally:
        write()
