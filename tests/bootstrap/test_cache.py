"""The cache of a process."""

import asyncio

from tests.fakes.entries import MemoryEntries
from tests.fakes.house import MID, House

from homeport.config.cache import CacheSettings
from homeport.core.caching import Changes


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
