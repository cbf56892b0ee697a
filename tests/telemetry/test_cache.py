"""What Prometheus is told of a cache that works."""

import pytest

from homeport.config.cache import CacheSettings
from tests.fakes.house import CHAT, MID, House
from tests.pipeline.test_caching import whole
from tests.telemetry.test_metrics import values

BYPASSED = 'homeport_cache_bypassed_total{reason="sampled"}'


async def test_what_is_kept_looked_up_and_passed_by() -> None:
    house = House(MID, cache=CacheSettings(exact=True))
    house.upstreams["mid"].script(whole())
    before = values(house.metrics)
    assert (before["homeport_cache_entries"], before["homeport_cache_warm"]) == (0, 1)
    for body in (CHAT, CHAT, {**CHAT, "temperature": 1}):
        await house.ask(body)
    found = values(house.metrics)
    assert found["homeport_cache_entries"] == 1
    assert min(found["homeport_cache_bytes"], found["homeport_cache_memory_bytes"]) > 100
    assert found["homeport_cache_flights"] == 0
    assert found["homeport_cache_lookup_seconds_count"] == 2
    assert found[BYPASSED] == 1


@pytest.mark.parametrize("body", [CHAT, {**CHAT, "temperature": 1}])
async def test_a_cache_that_is_off_counts_nothing(body: dict[str, object]) -> None:
    house = House(MID, cache=CacheSettings())
    house.upstreams["mid"].script(whole())
    await house.ask(body)
    found = values(house.metrics)
    assert BYPASSED not in found
    assert found["homeport_cache_lookup_seconds_count"] == found["homeport_cache_warm"] == 0
