"""What other processes kept is taken up a little at a time, and found from then on."""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from homeport.cache import library as library_module
from homeport.cache.library import Library
from homeport.cache.semantic import SemanticTier
from homeport.cache.shelf import Limits, Shelf
from homeport.core.caching import Alias, Bar, Changes, Entry, EntryStore, Mode, Place, Purge, Standing
from homeport.core.errors import StorageError
from tests.cache.test_semantic import Angles, Rules
from tests.cache.test_shelf import HOUR, START
from tests.fakes.clock import ManualClock
from tests.fakes.entries import MemoryEntries
from tests.storage.entries import made
from tests.storage.entries import name as ident


class Filled:
    """`EntryStore` of many cards of one partition, page by page; an alias leads to the last one."""

    def __init__(self, tier: SemanticTier, count: int, page: int) -> None:
        self._page = page
        self._cards = [
            made(number, ManualClock(), partition=b"p", text=words(number), vector=tier.vector(words(number))).card
            for number in range(count)
        ]

    def changes(self, after: int, most: int) -> Changes:
        upto = min(after + min(most, self._page), len(self._cards))
        aliases = [Alias(ident(10**6), ident(upto - 1), START + HOUR)]
        return Changes(upto=upto, more=upto < len(self._cards), cards=self._cards[after:upto], aliases=aliases)

    def keep(self, entries: Sequence[Entry]) -> Sequence[bytes]:
        return ()

    def entry(self, entry_id: bytes) -> Entry | None:
        return None

    def purge(self, purge: Purge, *, bar_s: int = 0) -> int:
        return 0

    def alias(self, aliases: Sequence[Alias]) -> None: ...

    def stand(self, standings: Sequence[Standing]) -> None: ...


def words(number: int) -> str:
    return f"{number % 360} {number}"


def library(count: int, page: int, scanned: int = 20_000) -> tuple[Library, SemanticTier]:
    tier = SemanticTier(Angles(), Rules(), clock=ManualClock(), scanned=scanned)
    clock = ManualClock()
    return Library(Shelf(Limits(), clock, tier), Filled(tier, count, page), tier, clock), tier


async def most_at_once(one: Library, doing: Coroutine[Any, Any, object]) -> int:
    """How many entries come or go, at most, without a turn for others."""
    sizes = [len(one.shelf)]

    async def watch() -> None:
        while True:
            sizes.append(len(one.shelf))
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    await doing
    watching.cancel()
    sizes.append(len(one.shelf))
    return max(abs(later - before) for before, later in pairwise(sizes))


async def test_others_have_their_turn_while_a_process_gets_to_know_what_is_kept() -> None:
    one, tier = library(700, page=300)
    before = one.is_warm
    assert 0 < await most_at_once(one, one.exchange_news()) <= 100
    assert (before, one.is_warm) == (False, True)
    assert len(one.shelf) == 700
    assert one.shelf.alias(ident(10**6)) == ident(699)
    for number in range(700):
        assert tier.lookup(b"p", words(number), Mode.STRICT, START) is not None


async def test_a_graph_is_made_beside_requests_and_not_before_news_are_over() -> None:
    one, tier = library(1_100, page=500, scanned=1_050)
    await one.exchange_news()
    assert tier.behind == 100
    turns = 0
    while one.tend():
        turns += 1
    assert (turns, tier.behind) == (13, 0)
    assert tier.lookup(b"p", words(1_099), Mode.STRICT, START) is not None
    assert not one.tend()


async def test_without_a_semantic_tier_there_is_nothing_to_tend() -> None:
    clock = ManualClock()
    assert not Library(Shelf(Limits(), clock), None, None, clock).tend()


def kept(number: int, **more: Any) -> Entry:
    return made(number, ManualClock(), **more)


class Slow(MemoryEntries):
    """Waits at the door until a test opens it."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.door = threading.Event(), threading.Event()

    def keep(self, entries: Sequence[Entry]) -> Sequence[bytes]:
        self._wait()
        return super().keep(entries)

    def entry(self, entry_id: bytes) -> Entry | None:
        found = super().entry(entry_id)
        self._wait()
        return found

    def _wait(self) -> None:
        self.entered.set()
        self.door.wait(10)


def plain(store: EntryStore, memory: int = 64 << 20) -> tuple[Library, ManualClock]:
    clock = ManualClock()
    return Library(Shelf(Limits(memory=memory), clock), store, None, clock), clock


def place(number: int) -> Place:
    return Place(id=ident(number), partition=b"p", prompt=b"")


async def test_a_purge_while_entries_are_stored_loses_none_that_it_does_not_mean() -> None:
    store = Slow()
    one, _ = plain(store)
    for number in range(5):
        one.keep(kept(number), persistent=True)
    telling = asyncio.create_task(one.exchange_news())
    await asyncio.to_thread(store.entered.wait, 10)
    one.keep(kept(7), persistent=True)
    purging = asyncio.create_task(one.purge(Purge(id=ident(3))))
    await asyncio.sleep(0)
    store.door.set()
    await telling
    await purging
    await one.exchange_news()
    assert {ident(number) for number in (0, 1, 2, 4, 7)} <= set(store.kept)


async def test_what_cannot_be_stored_keeps_no_news_away_and_waits() -> None:
    class Full(MemoryEntries):
        full = True

        def keep(self, entries: Sequence[Entry]) -> Sequence[bytes]:
            if self.full:
                raise StorageError("the disk is full")
            return super().keep(entries)

    store = Full()
    store._log.append(("card", kept(9).card))
    one, _ = plain(store)
    one.keep(kept(1), persistent=True)
    await one.exchange_news()
    assert one.is_warm
    assert one.shelf.card(ident(9)) is not None
    store.full = False
    await one.exchange_news()
    assert ident(1) in store.kept


async def test_a_request_waits_a_moment_for_a_store_that_hangs_and_the_next_ones_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(library_module, "_PATIENCE_S", 0.01)
    store = Slow()
    one, clock = plain(store, memory=1)
    one.keep(kept(1), persistent=False)
    store.kept[ident(1)] = kept(1)
    assert await one.same(place(1)) is None
    store.entered.clear()
    assert await one.same(place(1)) is None
    assert not store.entered.is_set()
    store.door.set()
    clock.advance(6 * 10**9)
    assert await one.same(place(1)) is not None


async def test_what_is_taken_out_while_it_is_read_is_not_given() -> None:
    store = Slow()
    one, _ = plain(store, memory=1)
    one.keep(kept(1), persistent=False)
    store.kept[ident(1)] = kept(1)
    asking = asyncio.create_task(one.same(place(1)))
    await asyncio.to_thread(store.entered.wait, 10)
    one.shelf.forget([ident(1)])
    store.door.set()
    assert await asking is None


async def test_an_alias_answers_only_who_takes_an_answer_to_other_words() -> None:
    one, _ = plain(MemoryEntries())
    one.keep(kept(1), persistent=False)
    one.alias(Alias(ident(2), ident(1), START + HOUR))
    assert await one.same(place(2)) is None
    assert await one.same(msgspec.structs.replace(place(2), text="a", mode=Mode.BALANCED)) is not None


async def test_others_have_their_turn_while_many_entries_end() -> None:
    one, clock = plain(MemoryEntries())
    for number in range(1_700):
        one.keep(kept(number), persistent=False)
    seen: list[int] = []

    async def watch() -> None:
        while True:
            seen.append(len(one.shelf))
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    clock.advance(2 * HOUR)
    await one.exchange_news()
    watching.cancel()
    assert len(one.shelf) == 0
    assert max(before - after for before, after in pairwise([*seen, 0])) <= 500


async def test_an_entry_that_no_database_takes_keeps_no_others_out() -> None:
    class Picky(MemoryEntries):
        def keep(self, entries: Sequence[Entry]) -> Sequence[bytes]:
            if any(entry.card.id == ident(0) for entry in entries):
                raise StorageError("the database cannot hold this")
            return super().keep(entries)

    store = Picky()
    one, clock = plain(store)
    for number in range(200):
        one.keep(kept(number), persistent=True)
    for _ in range(20):
        await one.exchange_news()
    assert set(store.kept) == {ident(number) for number in range(1, 200)}
    clock.advance(HOUR)
    await one.exchange_news()
    assert not one._waiting, "it waits no longer than it lives"


@pytest.mark.parametrize("purge", [Purge(), Purge(model="smart"), Purge(key_id="key_1"), Purge(id=ident(1))], ids=str)
async def test_what_was_asked_for_before_a_purge_is_not_kept_after_it(purge: Purge) -> None:
    one, clock = plain(MemoryEntries())
    clock.advance(1)
    await one.purge(purge)
    assert not one.keep(kept(1), persistent=False)
    assert one.keep(kept(1, created_at=clock.wall_ns()), persistent=False)
    assert one.keep(kept(2, target="large", model="large", key_id="b"), persistent=False) is (purge != Purge())


async def test_nor_after_one_of_another_process() -> None:
    class Told(MemoryEntries):
        def changes(self, after: int, most: int) -> Changes:
            return Changes(upto=1, purges=[(START + 1, Purge(model="smart-2026"))])

    one, _ = plain(Told())
    await one.exchange_news()
    assert not one.keep(kept(1), persistent=False)
    assert one.keep(kept(1, model="smart-2027"), persistent=False)


@pytest.mark.parametrize(
    ("purge", "left"), [(Purge(id=ident(1)), [2]), (Purge(model="smart"), []), (Purge(tag="x"), [1, 2])]
)
async def test_a_purge_of_another_process_takes_out_what_was_never_stored(purge: Purge, left: list[int]) -> None:
    class Told(MemoryEntries):
        at = START

        def changes(self, after: int, most: int) -> Changes:
            return Changes(upto=1, purges=[(self.at, purge)])

    store = Told()
    one, _ = plain(store)
    for number in (1, 2):
        one.keep(kept(number), persistent=False)
    await one.exchange_news()
    assert len(one.shelf) == 2, "they were made after it"
    store.at = START + 1
    await one.exchange_news()
    assert [number for number in (1, 2) if one.shelf.card(ident(number))] == left


@pytest.mark.parametrize("purge", [Purge(), Purge(key_id="key_1")], ids=["all", "key"])
async def test_others_have_their_turn_while_much_is_taken_out(purge: Purge) -> None:
    one, clock = plain(MemoryEntries())
    for number in range(2_000):
        one.keep(kept(number), persistent=False)
    clock.advance(1)
    assert 0 < await most_at_once(one, one.purge(purge)) <= 200
    assert len(one.shelf) == 0


@pytest.mark.parametrize(
    "changes",
    [
        Changes(upto=1, removed=[ident(number) for number in range(2_000)]),
        Changes(upto=1, barred=[Bar(ident(number), START + HOUR) for number in range(2_000)]),
        Changes(upto=1, purges=[(START + 1, Purge(key_id="key_1"))]),
    ],
    ids=["removed", "barred", "purges"],
)
async def test_and_while_another_process_takes_it_out(changes: Changes) -> None:
    class Told(MemoryEntries):
        def changes(self, after: int, most: int) -> Changes:
            return changes

    one, _ = plain(Told())
    for number in range(2_000):
        one.keep(kept(number), persistent=False)
    assert 0 < await most_at_once(one, one.exchange_news()) <= 200
    assert len(one.shelf) == 0


async def test_news_that_were_read_before_a_purge_do_not_bring_back_what_it_took_out() -> None:
    class Late(Slow):
        def changes(self, after: int, most: int) -> Changes:
            found = super().changes(after, most)
            self._wait()
            return found

    store = Late()
    one, clock = plain(store)
    store.kept[ident(1)] = kept(1)
    store._log.append(("card", kept(1).card))
    reading = asyncio.create_task(one.exchange_news())
    await asyncio.to_thread(store.entered.wait, 10)
    clock.advance(1)
    purging = asyncio.create_task(one.purge(Purge()))
    await asyncio.sleep(0)
    store.door.set()
    await purging
    assert one.shelf.card(ident(1)) is None
    await reading
    assert one.shelf.card(ident(1)) is None


async def test_many_bad_answers_do_not_make_a_purge_forgotten() -> None:
    one, clock = plain(MemoryEntries())
    clock.advance(1)
    await one.purge(Purge(model="smart"))
    for number in range(1_000):
        await one.purge(Purge(id=ident(10 + number)), bar_s=1)
    assert not one.keep(kept(1), persistent=False)
