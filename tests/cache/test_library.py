"""What other processes kept is taken up a little at a time, and found from then on."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from homeport.cache.library import Library
from homeport.cache.semantic import SemanticTier
from homeport.cache.shelf import Limits, Shelf
from homeport.core.caching import Alias, Card, Changes, Entry, Mode, Purge, Standing
from tests.cache.test_semantic import Angles, Rules
from tests.cache.test_shelf import HOUR, START, ident
from tests.fakes.clock import ManualClock


class Filled:
    """`EntryStore` of many cards of one partition, page by page; an alias leads to the last one."""

    def __init__(self, tier: SemanticTier, count: int, page: int) -> None:
        self._page = page
        self._cards = [
            Card(
                id=ident(number),
                partition=b"p",
                tenant="a",
                expires_at=START + HOUR,
                size=10,
                cost=1,
                text=words(number),
                vector=tier.vector(words(number)),
            )
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


async def test_others_have_their_turn_while_a_process_gets_to_know_what_is_kept() -> None:
    one, tier = library(700, page=300)
    seen = [0]

    async def watch() -> None:
        while True:
            seen.append(len(one.shelf))
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    before = one.is_warm
    await one.exchange_news()
    watching.cancel()
    assert (before, one.is_warm) == (False, True)
    assert max(later - earlier for earlier, later in pairwise(seen)) <= 100
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
