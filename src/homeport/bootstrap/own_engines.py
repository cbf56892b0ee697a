"""The engines of one `homeport up`, with everything they stand on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec

from homeport.bootstrap.control import taking_orders
from homeport.bootstrap.engine_orders import EngineOrders
from homeport.bootstrap.engine_plans import drop_derived
from homeport.bootstrap.engine_pools import EnginePools
from homeport.bootstrap.path import SystemClock
from homeport.bootstrap.upstreams import build_targets
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import EngineError, UpstreamError
from homeport.core.types import Surface, Timeouts
from homeport.engines.base import Endpoint
from homeport.engines.processes import Processes
from homeport.transport.http import HttpRequest, Transport
from homeport.transport.pool import PooledTransport
from homeport.transport.probe import HttpProbe

_SAID = 200


class Engines:
    """Started before the gateway, changed while it runs, stopped with the other processes."""

    def __init__(self, settings: Settings, home: Home, processes: Processes) -> None:
        self._settings = settings
        self._home = home
        self._transport = PooledTransport()
        probe = HttpProbe(self._transport)
        self._pools = EnginePools(
            settings,
            home,
            processes,
            SystemClock(),
            answers=lambda endpoint: probe.answers(endpoint.health_url, endpoint.api_key),
            speaks=lambda endpoint: says_a_token(self._transport, endpoint),
        )

    def start(self) -> None:
        """Start them; none is waited for. Raises ConfigError or StorageError, and then none was."""
        drop_derived(self._home)
        self._pools.start(lambda endpoints: build_targets(self._settings, endpoints))

    @contextlib.asynccontextmanager
    async def taking_orders(self) -> AsyncIterator[None]:
        """Let them be swapped, and end what has drained, until the end of the block."""
        orders = EngineOrders(self._settings, self._home, self._pools)
        watching = asyncio.create_task(self._pools.watch())
        try:
            async with taking_orders(self._home.control, orders.carry_out):
                yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, *self._pools.give_up_ends(), return_exceptions=True)
            await self._transport.close()


async def says_a_token(transport: Transport, endpoint: Endpoint) -> bool:
    """Whether an engine answers a first request; False where nobody does. One that gives no text is not asked.

    Raises:
        EngineError: it answers with an error.
    """
    if Surface.COMPLETION not in endpoint.surfaces:
        return True
    request = HttpRequest(
        url=f"{endpoint.url}/completions",
        headers={"content-type": "application/json", "authorization": f"Bearer {endpoint.api_key}"},
        body=msgspec.json.encode({"model": endpoint.pool, "prompt": "Hello", "max_tokens": 1, "temperature": 0}),
        timeouts=Timeouts().for_whole_answer(),
    )
    try:
        response = await transport.post(request)
    except UpstreamError:
        return False
    if response.status != 200:
        said = response.body[:_SAID].decode(errors="replace")
        raise EngineError(f"the new version answers its first request with {response.status}: {said}")
    return True
