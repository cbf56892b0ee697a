"""A simulated upstream for each test."""

from collections.abc import AsyncIterator

import pytest

from homeport.sim.server import SimServer
from homeport.sim.settings import Settings


@pytest.fixture
async def sim() -> AsyncIterator[SimServer]:
    async with SimServer(Settings(seed=1)) as server:
        yield server
