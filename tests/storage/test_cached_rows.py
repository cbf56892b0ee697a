"""Rows that nobody here wrote."""

from sqlalchemy import Engine, text

from homeport.core.caching import Purge
from homeport.storage.cached import DatabaseEntryStore
from homeport.storage.db import writing
from tests.fakes.clock import ManualClock
from tests.storage.entries import S, made

EVERYTHING = 10_000


def test_a_damaged_purge_is_passed_over(engine: Engine) -> None:
    clock = ManualClock()
    store = DatabaseEntryStore(engine, clock.wall_ns)
    store.keep([made(1, clock)])
    before = store.changes(0, EVERYTHING).upto
    clock.advance(S)
    store.purge(Purge(tag="none"))
    store.purge(Purge(model="none"))
    with writing(engine) as connection:
        first = "(SELECT min(number) FROM cache_purges)"
        connection.execute(text(f"UPDATE cache_purges SET criteria = '[1' WHERE number = {first}"))
    assert [purge for _, purge in store.changes(before, EVERYTHING).purges] == [Purge(model="none")]
    assert store.keep([made(2, clock, created_at=clock.wall_ns() - 2 * S)]) == []
