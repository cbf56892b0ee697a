import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from homeport.transport.fallback import AiohttpTransport
from homeport.transport.http import Transport
from homeport.transport.pool import PooledTransport


@pytest.fixture(params=[PooledTransport, AiohttpTransport])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    transport: Transport = request.param(max_body=1000)
    yield transport
    await transport.close()


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The program runs on uvloop, other programs' tests on asyncio's own loop."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
