"""The cache of a process."""

import asyncio

from tests.fakes.clock import ManualClock
from tests.fakes.entries import MemoryEntries
from tests.fakes.house import CHAT, MID, House
from tests.pipeline.test_caching import whole
from tests.storage.entries import made

from homeport.config.cache import CacheSettings
from homeport.core.caching import Changes
from homeport.ledger.pricing import RateCard
from homeport.telemetry.cache import Held


async def test_who_has_time_waits_until_what_was_stored_is_known() -> None:
    cache = House(MID, cache=CacheSettings(exact=True), entries=MemoryEntries()).cache
    assert cache.library is not None
    waiting = asyncio.create_task(cache.wait_warm())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    async with cache.running():
        await asyncio.wait_for(waiting, 10)
    assert cache.library.is_warm


async def test_nobody_waits_for_ever_for_a_store_that_fails() -> None:
    entries = MemoryEntries()
    entries.broken = True
    cache = House(MID, cache=CacheSettings(exact=True), entries=entries).cache
    async with cache.running():
        await asyncio.wait_for(cache.wait_warm(0.1), 10)
    assert cache.library is not None
    assert not cache.library.is_warm


async def test_nobody_waits_where_nothing_is_cached() -> None:
    await asyncio.wait_for(House(MID).cache.wait_warm(), 1)


async def test_news_that_cannot_be_understood_are_not_the_last() -> None:
    class Odd(MemoryEntries):
        asked = 0

        def changes(self, after: int, most: int) -> Changes:
            self.asked += 1
            if self.asked == 1:
                raise ValueError("a row that nobody wrote")
            return super().changes(after, most)

    cache = House(MID, cache=CacheSettings(exact=True), entries=Odd()).cache
    assert cache.library is not None
    async with cache.running():
        await cache.wait_warm(5)
        assert cache.library.is_warm


async def test_a_cache_that_is_switched_off_has_nothing_in_memory_and_on_again_what_was_stored() -> None:
    house = House(MID, cache=CacheSettings(exact=True), entries=MemoryEntries())
    house.upstreams["mid"].script(whole())
    await house.ask(CHAT)
    assert house.cache.held().entries == 1
    cache, before = house.cache, house.cache.library
    assert before is not None
    await before.exchange_news()
    assert cache.stage(CacheSettings(), RateCard()) is None
    assert (cache.library, cache.held()) == (None, Held())
    cache.stage(CacheSettings(exact=True), RateCard())
    async with cache.running():
        await cache.wait_warm(5)
        assert cache.held().entries == 1


async def test_less_memory_holds_from_the_next_answer_on() -> None:
    cache = House(MID, cache=CacheSettings(exact=True)).cache
    assert cache.library is not None
    for number in range(9):
        cache.library.keep(made(number, ManualClock()), persistent=False)
    assert cache.held().memory > 5_000
    # less than a file may say
    less = CacheSettings.model_construct(exact=True, max_memory_bytes=5_000)
    assert cache.stage(less, RateCard()) is not None
    cache.library.keep(made(9, ManualClock()), persistent=False)
    assert 0 < cache.held().memory <= 5_000
