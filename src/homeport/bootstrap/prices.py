"""Prices that begin to hold while a gateway runs, and models that have none."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from homeport.core.errors import ConfigError
from homeport.core.ports import Clock
from homeport.core.types import Target

logger = logging.getLogger(__name__)

_DAY_NS = 86_400 * 1_000_000_000
_LOOK_EVERY_S = 5.0


async def renew_prices(changed: Callable[[], bool], renew: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Take the prices of each new day (UTC) within seconds of its beginning, until cancelled.

    Args:
        changed: whether some target costs something else now; run beside the event loop.
        renew: puts the same settings into effect again.
    """
    day = clock.wall_ns() // _DAY_NS
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        today = clock.wall_ns() // _DAY_NS
        if today == day:
            continue
        try:
            if await asyncio.to_thread(changed):
                await renew()
                logger.info("prices of a new day are in effect")
            day = today
        except ConfigError as error:
            logger.error("the prices of the new day cannot be used, the old ones stay: %s", error.message)
            day = today


def tell_unpriced(targets: Iterable[Target], told: set[str]) -> None:
    """Log each remote model without a price, once; `told` holds the names that were."""
    for target in targets:
        if target.price is None and not target.local and not target.simulated and target.name not in told:
            told.add(target.name)
            logger.warning("no price is known for %s: its requests cost 0 in the ledger", target.name)
