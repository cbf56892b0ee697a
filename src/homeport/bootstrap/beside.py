"""What runs beside the requests, for as long as a process does."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 5.0


@contextlib.asynccontextmanager
async def beside(*tasks: Callable[[], Awaitable[None]], again_s: float = AGAIN_SECONDS) -> AsyncIterator[None]:
    """Run tasks until the end of the block.

    Nobody looks at them, so one that ends by a defect says so and begins again: without it revoked keys might live on.

    Args:
        again_s: seconds until it does.
    """
    running = [asyncio.create_task(_kept(task, again_s)) for task in tasks]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _kept(task: Callable[[], Awaitable[None]], again_s: float) -> None:
    while True:
        try:
            return await task()
        except Exception:  # a defect, which nobody else would hear of
            logger.exception("what runs beside the requests ended by an error; it begins again")
        await asyncio.sleep(again_s)
