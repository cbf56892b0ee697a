"""What a purge bars, beside what it takes out."""

from sqlalchemy import Engine

from homeport.core.caching import Purge
from homeport.storage.cached import DatabaseEntryStore
from tests.fakes.clock import ManualClock
from tests.storage.entries import S, made, name


def test_what_has_ended_is_taken_out_and_not_barred(engine: Engine) -> None:
    clock = ManualClock()
    store = DatabaseEntryStore(engine, clock.wall_ns)
    store.keep([made(1, clock, ttl_s=10), made(2, clock)])
    clock.advance(20 * S)
    assert store.purge(Purge(model="smart"), bar_s=60) == 1
    told = store.changes(0, 10)
    assert [bar.id for bar in told.barred] == [name(2)]
    assert sorted(told.removed) == [name(1), name(2)]
    clock.advance(1)
    assert store.keep([made(1, clock), made(2, clock)]) == [name(2)]
