"""What people say of kept answers reaches them with a database and without one."""

import pytest

from homeport.cache.desk import Desk
from homeport.cache.guard import Guard
from homeport.cache.library import Library
from homeport.cache.shelf import Limits, Shelf
from tests.fakes.clock import ManualClock
from tests.fakes.entries import MemoryEntries

HERE = bytes(16)


@pytest.mark.parametrize("store", [None, MemoryEntries()], ids=["alone", "shared"])
async def test_a_partition_that_is_off_answers_again(store: MemoryEntries | None) -> None:
    clock, guard = ManualClock(), Guard()
    library = Library(Shelf(Limits(), clock), store, None, clock, guard)
    for _ in range(2):
        guard.begin(HERE)
        guard.saw(HERE, False, 7)
    await library.exchange_news()
    assert not guard.answers(HERE)
    await Desk(lambda: library, store).resume(HERE)
    await library.exchange_news()
    assert guard.answers(HERE)
