"""A pass removes the answers that have ended, and those that are too many, a bounded part at a time."""

from sqlalchemy import Engine

from homeport.jobs.cached import CacheRetention
from homeport.storage.cached import DatabaseEntryStore
from homeport.storage.cached_removal import Bounds
from tests.fakes.clock import ManualClock
from tests.ledger.requests import ledger
from tests.storage.entries import S, made


def filled(clock: ManualClock) -> tuple[Engine, DatabaseEntryStore]:
    engine = ledger()
    store = DatabaseEntryStore(engine, clock.wall_ns)
    store.keep([made(number, clock, ttl_s=10 if number < 70 else 100, tenant=f"{number % 3}") for number in range(100)])
    return engine, store


def test_a_pass_is_of_both_kinds_and_bounded() -> None:
    clock = ManualClock()
    engine, store = filled(clock)
    clock.advance(10 * S)
    kept = CacheRetention(engine, Bounds(entries=10, bytes=1 << 30), batch=1)
    assert [kept.tidy(clock.wall) for _ in range(3)] == [50 + 40, 0, 0]
    assert len(store.changes(0, 1_000).cards) == 10


def test_every_tenant_in_one_pass() -> None:
    clock = ManualClock()
    engine, store = filled(clock)
    kept = CacheRetention(engine, Bounds(entries=60, bytes=1 << 30, tenant_percent=10), batch=1_000)
    assert [kept.tidy(clock.wall) for _ in range(2)] == [82, 0]
    tenants = [card.tenant for card in store.changes(0, 1_000).cards]
    assert sorted(tenants) == [*"000000111111222222"]


def test_without_bounds_only_what_has_ended_goes() -> None:
    clock = ManualClock()
    engine, _ = filled(clock)
    assert CacheRetention(engine, None).tidy(clock.wall) == 0
    clock.advance(10 * S)
    assert CacheRetention(engine, None).tidy(clock.wall) == 70
