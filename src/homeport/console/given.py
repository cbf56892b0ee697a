"""Orders to engines that were given from the console: which are under way, and how the last ones ended.

An order to an engine makes this process adopt a new configuration, so what is known of it outlives one.
"""

import asyncio
from collections.abc import Awaitable

from homeport.console.works import Orders
from homeport.core.errors import CapacityError, HomeportError

_SOON_S = 2.0
"""An order that takes longer is carried out all the same; the page shows how it goes."""


class Given:
    """Orders under way, and how the last one of each engine ended: in this process alone."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[None]] = {}
        self.ended: dict[str, str] = {}

    @property
    def running(self) -> frozenset[str]:
        return frozenset(name for name, task in self._running.items() if not task.done())

    async def give(self, orders: Orders, command: str, engine: str) -> None:
        """Begin, and wait a moment for the end. Raises CapacityError where the engine has an order already."""
        if engine in self.running:
            raise CapacityError(f"{engine} is carrying out an order", code="engine_busy", hint="look again in a moment")
        order = orders.drain if command == "drain" else orders.restart
        task = self._running[engine] = asyncio.create_task(self._carry_out(order(engine), command, engine))
        await asyncio.wait({task}, timeout=_SOON_S)

    async def _carry_out(self, order: Awaitable[None], command: str, engine: str) -> None:
        try:
            await order
            self.ended[engine] = f"{command}: done"
        except HomeportError as error:
            self.ended[engine] = f"{command}: {error.message}"
