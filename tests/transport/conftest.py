from collections.abc import AsyncIterator

import pytest

from homeport.transport.fallback import AiohttpTransport


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport(max_body=1000)
    yield transport
    await transport.close()
