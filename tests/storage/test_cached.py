"""What is kept of answers: given back as it was, gone when it is to be, and whatever happens told to everybody."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, func, select, text

from homeport.core.caching import Alias, Bar, Purge, Standing
from homeport.core.errors import StorageError
from homeport.core.types import Key
from homeport.storage.cached import DatabaseEntryStore
from homeport.storage.cached_removal import Bounds, prune, trim
from homeport.storage.cached_tables import cache_bodies, cache_entries, cache_tags
from homeport.storage.db import open_database, sqlite_url, upgrade, writing
from homeport.storage.keys import add_key, revoke_key
from homeport.storage.tables import metadata
from tests.databases import migrated
from tests.fakes.clock import ManualClock
from tests.storage.entries import S, made, name

EVERYTHING = 10_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(engine: Engine, clock: ManualClock) -> DatabaseEntryStore:
    return DatabaseEntryStore(engine, clock.wall_ns)


def ids(cards: Any) -> list[int]:
    return [int.from_bytes(card.id, "big") for card in cards]


def there(store: DatabaseEntryStore) -> list[int]:
    return ids(store.changes(0, EVERYTHING).cards)


def test_an_entry_comes_back_as_it_was(store: DatabaseEntryStore, clock: ManualClock) -> None:
    whole = made(
        1, clock, text="a\0b \U0001f600", body=bytes(range(256)) * 9, tags=("b", "c"), streamed=True, cost=2**60
    )
    bare = made(2, clock, text="", vector=b"", body=b"", tenant="", key_id="")
    assert store.keep([whole, bare]) == []
    assert [store.entry(name(number)) for number in (1, 2, 3)] == [whole, bare, None]
    assert store.changes(0, EVERYTHING).cards == [whole.card, bare.card]


def test_the_last_one_with_an_id_counts(store: DatabaseEntryStore, clock: ManualClock) -> None:
    store.keep([made(1, clock, body=b"one", tags=("x",)), made(1, clock, body=b"two", tags=("x",))])
    seen = store.changes(0, EVERYTHING)
    store.keep([made(1, clock, body=b"three", tags=("y",))])
    found = store.entry(name(1))
    assert found is not None
    assert (found.body, found.tags) == (b"three", ("y",))
    assert (ids(seen.cards), ids(store.changes(seen.upto, EVERYTHING).cards)) == ([1], [1])
    assert store.purge(Purge(tag="x")) == 0


def test_nothing_is_nothing(store: DatabaseEntryStore) -> None:
    assert store.keep([]) == []
    store.alias([])
    store.stand([])
    assert store.purge(Purge(tag="none")) == 0
    assert not store.changes(0, EVERYTHING).cards


def test_its_time_is_over(store: DatabaseEntryStore, clock: ManualClock, engine: Engine) -> None:
    store.keep([made(1, clock, ttl_s=10, tags=("x",)), made(2, clock, ttl_s=20)])
    store.alias([Alias(name(5), name(1), clock.wall_ns() + 10 * S)])
    clock.advance(10 * S)
    assert (store.entry(name(1)), there(store)) == (None, [2])
    assert store.changes(0, EVERYTHING).aliases == []
    assert store.keep([made(3, clock, ttl_s=0)]) == [name(3)]
    assert [prune(engine, clock.wall_ns(), 5) for _ in range(2)] == [1, 0]
    assert there(store) == [2]
    clock.advance(30 * 86_400 * S)
    prune(engine, clock.wall_ns())
    assert left(engine) == {}


def left(engine: Engine) -> dict[str, int]:
    """How many rows each table of the cache has, without those that have none."""
    tables = [table for table in metadata.sorted_tables if table.name.startswith("cache_")]
    with engine.connect() as connection:
        counts = {t.name: connection.execute(select(func.count()).select_from(t)).scalar_one() for t in tables}
    return {each: count for each, count in counts.items() if count and each != "cache_sequence"}


@pytest.mark.parametrize(
    ("purge", "goes"),
    [
        (Purge(), [1, 2, 3]),
        (Purge(id=name(2)), [2]),
        (Purge(partition=b"r" * 16), [3]),
        (Purge(tag="one"), [1]),
        (Purge(tag="ONE"), []),
        (Purge(tag="on_"), []),
        (Purge(tag="both"), [1, 2]),
        (Purge(tag=""), []),
        (Purge(tag="both", model="big"), [2]),
        (Purge(model="smart-2026"), [1]),
        (Purge(model="smart"), [1, 3]),
        (Purge(key_id="key_2"), [3]),
        (Purge(prompt=b"s" * 16), [2]),
        (Purge(prompt=b"s" * 16, key_id="key_2"), []),
        (Purge(id=name(9)), []),
    ],
)
def test_what_a_purge_takes_out(
    store: DatabaseEntryStore, clock: ManualClock, purge: Purge, goes: list[int], engine: Engine
) -> None:
    entries = [
        made(1, clock, tags=("one", "both")),
        made(2, clock, tags=("both", "two"), target="other", model="big", prompt=b"s" * 16),
        made(3, clock, key_id="key_2", partition=b"r" * 16, model="small"),
    ]
    store.keep(entries)
    store.alias([Alias(name(10 + number), name(number), clock.wall_ns() + S) for number in (1, 2, 3)])
    seen = store.changes(0, EVERYTHING).upto
    clock.advance(1)
    assert store.purge(purge) == len(goes)
    stays = [number for number in (1, 2, 3) if number not in goes]
    later, anew = store.changes(seen, EVERYTHING), store.changes(0, EVERYTHING)
    assert sorted({int.from_bytes(each, "big") for each in later.removed} - {9}) == goes
    assert (ids(later.cards), ids(anew.cards)) == ([], stays)
    assert sorted(int.from_bytes(alias.answered, "big") for alias in anew.aliases) == stays
    # What another process made before, and has not put in yet, stays out too.
    assert sorted(store.keep(entries)) == [name(number) for number in goes]
    with engine.connect() as connection:
        for table in (cache_bodies, cache_entries):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == len(stays)
        tagged = set(connection.execute(select(cache_tags.c.id)).scalars())
    assert tagged == {name(number) for number in stays} - {name(3)}


def test_a_key_takes_its_answers_with_it(store: DatabaseEntryStore, engine: Engine, clock: ManualClock) -> None:
    mine, other = made(1, clock), made(2, clock, key_id="key_2")
    store.keep([mine, other])
    clock.advance(1)
    assert revoke_key(engine, "key_1", clock.wall) is None  # there is no such key
    assert there(store) == [1, 2]
    add_key(engine, Key(id="key_1", name="k"), "digest", 1)
    assert revoke_key(engine, "key_1", clock.wall) is not None
    assert there(store) == [2]
    assert store.keep([mine]) == [name(1)]


def test_after_a_purge_new_answers_are_kept(store: DatabaseEntryStore, clock: ManualClock) -> None:
    store.purge(Purge())
    assert store.keep([made(1, clock)]) == []
    clock.advance(1)
    assert store.purge(Purge(), bar_s=1) == 1
    assert store.keep([made(1, clock), made(2, clock)]) == [name(1)]
    assert there(store) == [2]


def test_what_was_bad_is_not_kept_again_for_a_time(store: DatabaseEntryStore, clock: ManualClock) -> None:
    store.keep([made(1, clock), made(2, clock)])
    store.alias([Alias(name(3), name(1), clock.wall_ns() + 99 * S), Alias(name(4), name(2), clock.wall_ns() + 99 * S)])
    clock.advance(1)
    assert store.purge(Purge(id=name(1)), bar_s=60) == 1
    assert store.purge(Purge(id=name(4)), bar_s=60) == 0  # an alias has no entry
    told = store.changes(0, EVERYTHING)
    until = clock.wall_ns() + 60 * S
    assert (ids(told.cards), told.aliases) == ([2], [])
    assert sorted(told.barred, key=lambda bar: bar.id) == [Bar(name(1), until), Bar(name(4), until)]
    assert store.keep([made(1, clock), made(4, clock), made(5, clock)]) == [name(1), name(4)]
    store.alias([Alias(name(a), name(b), clock.wall_ns() + 99 * S) for a, b in ((1, 2), (6, 1), (4, 2), (7, 2))])
    assert [alias.asked for alias in store.changes(0, EVERYTHING).aliases] == [name(7)]
    clock.advance(60 * S)
    assert store.changes(0, EVERYTHING).barred == []
    assert store.keep([made(1, clock)]) == []


def test_a_purge_is_told_to_those_who_were_there_before(store: DatabaseEntryStore, clock: ManualClock) -> None:
    store.keep([made(1, clock)])
    before = store.changes(0, EVERYTHING).upto
    store.purge(Purge(tag="a", model="smart"))
    told = store.changes(before, EVERYTHING)
    assert told.purges == [(clock.wall_ns(), Purge(tag="a", model="smart"))]
    assert store.changes(told.upto, EVERYTHING).purges == ()
    assert store.changes(0, EVERYTHING).purges == (), "a process that begins has nothing to take out"


def test_a_removal_is_told_before_what_came_after_it(store: DatabaseEntryStore, clock: ManualClock) -> None:
    store.keep([made(1, clock)])
    seen = store.changes(0, EVERYTHING).upto
    clock.advance(1)
    store.purge(Purge())
    store.keep([made(1, clock)])
    told = store.changes(seen, EVERYTHING)
    assert (told.removed, ids(told.cards)) == ([name(1)], [1])


def test_changes_come_in_parts(store: DatabaseEntryStore, clock: ManualClock) -> None:
    store.keep([made(number, clock) for number in range(1, 6)])
    store.stand([Standing(partition=b"p" * 16, checked=3, wrong=1)])
    parts, after = [], 0
    while (part := store.changes(after, 2)).cards or part.more:
        assert part.upto > after
        parts.append((ids(part.cards), len(part.standings), part.more))
        after = part.upto
    assert parts == [([1, 2], 0, True), ([3, 4], 0, True), ([5], 1, False)]
    assert store.changes(after, 2).upto == after
    assert len(store.changes(0, -5).cards) == 1


def test_a_partition_stands_as_was_said_last(store: DatabaseEntryStore, engine: Engine, clock: ManualClock) -> None:
    first = [Standing(partition=bytes([n]) * 16, checked=n, wrong=0) for n in (1, 2)]
    store.stand(first)
    seen = store.changes(0, EVERYTHING)
    assert sorted(seen.standings, key=lambda each: each.partition) == first
    off = Standing(partition=first[0].partition, checked=5, wrong=2, off=clock.wall_ns())
    store.stand([first[0], off])
    assert store.changes(seen.upto, EVERYTHING).standings == [off]
    clock.advance(89 * 86_400 * S)
    prune(engine, clock.wall_ns())
    assert len(store.changes(0, EVERYTHING).standings) == 2


def test_a_database_from_a_backup_is_heard_of(engine: Engine, store: DatabaseEntryStore, clock: ManualClock) -> None:
    store.keep([made(1, clock)])
    seen = store.changes(0, EVERYTHING).upto
    with writing(engine) as connection:
        connection.execute(delete(cache_entries))
        connection.execute(text("UPDATE cache_sequence SET number = 0"))
    clock.advance(S)
    store.keep([made(2, clock)])
    assert ids(store.changes(seen, EVERYTHING).cards) == [2]


@pytest.mark.parametrize(
    ("bounds", "stays"),
    [
        (Bounds(entries=6, bytes=10_000), [1, 2, 3, 4, 5, 6]),
        (Bounds(entries=4, bytes=10_000), [2, 4, 5, 6]),
        (Bounds(entries=60, bytes=4_500), [2, 4, 5, 6]),
        (Bounds(entries=60, bytes=0), []),
        (Bounds(entries=6, bytes=10_000, tenant_percent=50), [2, 4, 5, 6]),
        (Bounds(entries=4, bytes=10_000, tenant_percent=50), [4, 5, 6]),
        (Bounds(entries=60, bytes=1 << 30, tenant_percent=0.1), [5, 6]),
    ],
)
def test_too_many_are_trimmed(
    store: DatabaseEntryStore, engine: Engine, clock: ManualClock, bounds: Bounds, stays: list[int]
) -> None:
    """1 to 5 are of one tenant; 1 and 3 are worth least, as they end soon or were cheap."""
    store.keep(
        [
            made(1, clock, ttl_s=10),
            made(2, clock, cost=50),
            made(3, clock, cost=0),
            made(4, clock, cost=60),
            made(5, clock, cost=70),
            made(6, clock, cost=55, tenant="other"),
        ]
    )
    seen = store.changes(0, EVERYTHING).upto
    while trim(engine, bounds, clock.wall_ns(), 2):
        pass
    assert there(store) == stays
    told = {int.from_bytes(each, "big") for each in store.changes(seen, EVERYTHING).removed}
    assert told == {1, 2, 3, 4, 5, 6} - set(stays)


def test_two_processes_that_write_the_same(connect: Callable[[], Engine], clock: ManualClock) -> None:
    stores = [DatabaseEntryStore(connect(), clock.wall_ns) for _ in range(3)]
    failed: list[StorageError] = []

    def write(store: DatabaseEntryStore) -> None:
        try:
            for first in range(10):
                store.keep([made(number, clock, tags=("t",)) for number in range(first, first + 10)])
        except StorageError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(store,)) for store in stores]
    reader, after, found = DatabaseEntryStore(connect(), clock.wall_ns), 0, set()
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or reader.changes(after, 3).cards:
        part = reader.changes(after, 3)
        found |= set(ids(part.cards))
        after = part.upto
    assert failed == []
    assert found == set(range(19))


DAMAGED: list[dict[str, Any]] = [
    {"vector": b"123"},
    {"vector": "text"},
    {"id": b"short"},
    {"text": b"\xff\xfe"},
    {"text": 5},
    {"cost": "much"},
    {"tenant": b"\xff"},
    {"size": 1.5},
]


@pytest.mark.parametrize("damage", DAMAGED, ids=str)
def test_damaged_cards_are_passed_over(tmp_path: Path, clock: ManualClock, damage: dict[str, Any]) -> None:
    store = damaged(tmp_path, clock, "cache_entries", damage)
    assert there(store) == [2]


@pytest.mark.parametrize(
    ("table", "damage"),
    [
        *(("cache_entries", damage) for damage in DAMAGED if "id" not in damage),
        ("cache_entries", {"usage": "{"}),
        ("cache_entries", {"surface": "none"}),
        ("cache_bodies", {"body": b"junk"}),
        ("cache_bodies", {"body": b""}),
        ("cache_bodies", {"body": "text"}),
    ],
    ids=str,
)
def test_damaged_entries_are_passed_over(
    tmp_path: Path, clock: ManualClock, table: str, damage: dict[str, Any]
) -> None:
    store = damaged(tmp_path, clock, table, damage)
    assert store.entry(name(1)) is None
    assert store.entry(name(2)) is not None
    assert store.purge(Purge()) == 2


def damaged(folder: Path, clock: ManualClock, table: str, damage: dict[str, Any]) -> DatabaseEntryStore:
    """Two entries, of which the first is damaged, as only SQLite lets a file be."""
    engine = migrated(folder / "a.db")
    store = DatabaseEntryStore(engine, clock.wall_ns)
    store.keep([made(1, clock), made(2, clock)])
    [(column, value)] = damage.items()
    with sqlite3.connect(folder / "a.db") as connection:
        assert connection.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (value, name(1))).rowcount == 1
    connection.close()
    return store


def test_what_no_column_takes(store: DatabaseEntryStore, clock: ManualClock) -> None:
    for wrong in ({"cost": 2**70}, {"tenant": "\ud800"}):
        with pytest.raises(StorageError):
            store.keep([made(1, clock), made(2, clock, **wrong)])
    assert there(store) == []


def test_a_database_that_fails_is_told(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_database(sqlite_url(tmp_path / "old.db"))
    store = DatabaseEntryStore(engine, clock.wall_ns)
    calls: list[Callable[[], object]] = [
        lambda: store.keep([made(1, clock)]),
        lambda: store.entry(name(1)),
        lambda: store.changes(0, 1),
        lambda: store.purge(Purge()),
        lambda: store.alias([Alias(name(1), name(2), 2**62)]),
        lambda: store.stand([Standing(partition=name(1), checked=1, wrong=0)]),
    ]
    for call in calls:  # there are no tables yet
        with pytest.raises(StorageError) as caught:
            call()
        assert caught.value.hint
    upgrade(engine)
    monkeypatch.setattr("homeport.storage.db._BUSY_SECONDS", 0)
    with writing(engine):
        for call in (calls[0], *calls[3:]):
            with pytest.raises(StorageError, match="locked"):
                call()
        assert (store.entry(name(1)), there(store)) == (None, [])
    store.keep([made(1, clock)])
    engine.dispose()
    engine = open_database(f"sqlite:///file:{tmp_path / 'old.db'}?mode=ro&uri=true")
    store = DatabaseEntryStore(engine, clock.wall_ns)
    for call in (calls[0], *calls[3:]):
        with pytest.raises(StorageError, match="readonly"):
            call()
    assert there(store) == [1]
    engine.dispose()


def test_a_full_disk_is_told_and_nothing_has_happened(tmp_path: Path, clock: ManualClock) -> None:
    engine = migrated(tmp_path / "a.db")
    store = DatabaseEntryStore(engine, clock.wall_ns)
    store.keep([made(1, clock)])
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
        connection.rollback()
    with pytest.raises(StorageError, match="full"):
        store.keep([made(number, clock, text="x" * 5_000) for number in range(2, 50)])
    assert there(store) == [1]
    engine.dispose()
