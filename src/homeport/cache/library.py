"""What a process knows of kept answers: looked up in memory, with the store behind it.

New entries, and what other processes did, travel through the store in the background: a request waits for it
only where the body of a hit is not in memory.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Any

from homeport.cache.guard import Guard
from homeport.cache.semantic import Match, SemanticTier
from homeport.cache.shelf import Shelf, applies
from homeport.core.caching import Alias, Bar, Changes, Entry, EntryStore, Found, Kind, Mode, Place, Purge
from homeport.core.errors import StorageError
from homeport.core.ports import Clock

logger = logging.getLogger(__name__)

_PAGE = 2_000
_AT_ONCE = 100
"""Cards that are taken or looked at, and entries that are stored, in one go: about 2 ms for whoever waits meanwhile."""

_VECTORS = 8

_MOST_WAITING = 10_000
"""Entries that wait to be stored; beyond it the oldest are known to this process alone."""

_PURGES_KNOWN = 256
"""Purges that are known here: what was asked for before them and is answered after them is not kept."""
_IDS_KNOWN = 10_000
"""Of purges by an id alone. They are apart, for any caller can make many of them."""

_PATIENCE_S = 1.0
"""For so long a request waits for the body of a hit; then it is a miss."""
_PAUSE_NS = 5_000_000_000
"""For so long no body is read from a store that failed, or was slow."""


class Library:
    """Of one process.

    Args:
        store: None where nothing outlives the process.
        semantic: None where only the very same request is answered.
        guard: by default one of its own.

    Attributes:
        is_warm: all that was stored before is known.
    """

    def __init__(
        self,
        shelf: Shelf,
        store: EntryStore | None,
        semantic: SemanticTier | None,
        clock: Clock,
        guard: Guard | None = None,
    ) -> None:
        self.shelf = shelf
        self.guard = guard or Guard()
        self.semantic = semantic
        self.is_warm = store is None
        self._store = store
        self._clock = clock
        self._upto = 0
        self._news = asyncio.Lock()
        self._pages = 0
        self._purges: deque[tuple[int, Purge]] = deque(maxlen=_PURGES_KNOWN)
        self._purged_ids: OrderedDict[bytes, int] = OrderedDict()
        self._closed_until = 0
        self._batch = _AT_ONCE
        self._waiting: deque[Entry] = deque(maxlen=_MOST_WAITING)
        self._aliases: deque[Alias] = deque(maxlen=_MOST_WAITING)

    async def same(self, place: Place) -> Found | None:
        """The answer to the very same request, or to one that a judge found to ask for the same."""
        if self.shelf.card(place.id) is not None:
            return await self._found(place.id, Kind.EXACT, 1.0)
        # A line of a batch has the id of the same request outside of it, and an alias is no answer to the very same.
        is_wanted = place.mode is not Mode.OFF and self.guard.answers(place.partition)
        answered = self.shelf.alias(place.id) if is_wanted else None
        return None if answered is None else await self._found(answered, Kind.ALIAS, 1.0)

    def match(self, place: Place) -> Match | None:
        """The entry that asks for the same in other words, or may ask for it."""
        if self.semantic is None or place.mode is Mode.OFF or not self.guard.answers(place.partition):
            return None
        return self.semantic.lookup(place.partition, place.text, place.mode, self._clock.wall_ns())

    def near(self, place: Place) -> Sequence[Match]:
        """The entries whose texts are nearest, with what the verifier says of each. Nothing is counted."""
        if self.semantic is None or place.mode is Mode.OFF:
            return ()
        return self.semantic.near(place.partition, place.text, place.mode, self._clock.wall_ns())

    async def alike(self, match: Match) -> Found | None:
        """The answer of what was matched."""
        return await self._found(match.id, Kind.SEMANTIC, match.similarity)

    def vector(self, text: str) -> bytes:
        """Of a text, as a `Card` has it."""
        return b"" if self.semantic is None else self.semantic.vector(text)

    def keep(self, entry: Entry, *, persistent: bool) -> bool:
        """Know an entry from now on, and let it be stored; False where it may not be kept.

        Args:
            persistent: False for what must not outlive this process.
        """
        if self._is_purged(entry) or not self.shelf.put(entry):
            return False
        if persistent and self._store is not None:
            self._waiting.append(entry)
        return True

    def alias(self, alias: Alias) -> None:
        """Answer a request by an entry that was made for another."""
        self.shelf.relate(alias)
        if self._store is not None:
            self._aliases.append(alias)

    async def purge(self, purge: Purge, *, bar_s: int = 0) -> int:
        """Take entries out, here at once and in other processes within seconds; how many there were.

        Args:
            bar_s: seconds for which the same requests are not answered from the cache again.

        Raises:
            StorageError: they are out here, and not elsewhere.
        """
        pages = self._pages
        self._note(self._clock.wall_ns(), purge)
        gone = {*await self._drop(purge)}
        if bar_s:
            until = self._clock.wall_ns() + bar_s * 10**9
            barred = gone if purge.id is None else {*gone, purge.id}
            self.shelf.bar([Bar(entry_id, until) for entry_id in barred])
        if self._store is None:
            return len(gone)
        async with self._news:
            if self._pages != pages:  # it was read before, and has brought back what was taken out
                gone.update(await self._drop(purge))
            self._waiting = deque((one for one in self._waiting if one.card.id not in gone), maxlen=_MOST_WAITING)
            stored = await asyncio.to_thread(self._store.purge, purge, bar_s=bar_s)
        return max(stored, len(gone))

    async def exchange_news(self) -> None:
        """Store what is new here, and read what is new elsewhere. A store that fails is asked again next time."""
        while self.shelf.expire():  # noqa: ASYNC110  nothing is waited for: others are to have their turn
            await asyncio.sleep(0)
        self.shelf.evicted()
        if self._store is not None:
            try:
                await self._tell(self._store)
                while await self._read_page(self._store):
                    pass
                self.is_warm = True
            except StorageError as error:
                logger.warning("the cache is not shared for now: %s", error.message)

    async def _tell(self, store: EntryStore) -> None:
        """Store what is new here. Whatever cannot be stored, what others took out is to be heard of."""
        try:
            await self._tell_standings(store)
            await self._put_away(store)
        except StorageError as error:
            logger.warning("what is new in the cache is not stored for now: %s", error.message)

    def tend(self) -> bool:
        """Spend a millisecond on the index of partitions that became large; False where nothing is to be done."""
        return self.semantic is not None and self.semantic.work(_VECTORS) > 0

    async def _read_page(self, store: EntryStore) -> bool:
        """Read some of the news. No purge comes between reading and taking them."""
        async with self._news:
            changes = await asyncio.to_thread(store.changes, self._upto, _PAGE)
            await self._take(changes)
            self._upto = changes.upto
        return changes.more

    async def _take(self, changes: Changes) -> None:
        await _by_parts(changes.removed, self.shelf.forget)
        for at, purge in changes.purges:
            self._note(at, purge)
            await self._drop(purge, at)
        await _by_parts(changes.barred, self.shelf.bar)
        await _by_parts(changes.cards, lambda cards: self.shelf.take(Changes(upto=0, cards=cards)))
        await _by_parts(changes.aliases, lambda aliases: self.shelf.take(Changes(upto=0, aliases=aliases)))
        self.guard.take(changes.standings)
        self._pages += bool(changes.cards)

    async def _drop(self, purge: Purge, before: int | None = None) -> Sequence[bytes]:
        """As `Shelf.purge`, but for bars and aliases; others have their turn meanwhile."""
        if purge.alone is not None:
            gone = self.shelf.purge(purge, [purge.alone], before)
            if before is None:
                self.shelf.forget([purge.alone])  # and the alias of it, where there is no entry
            return gone
        gone = []
        ids = self.shelf.ids(held=before is not None)
        await _by_parts(ids, lambda some: gone.extend(self.shelf.purge(purge, some, before)))
        return gone

    def _note(self, at: int, purge: Purge) -> None:
        if purge.alone is None:
            self._purges.append((at, purge))
            return
        self._purged_ids[purge.alone] = at
        self._purged_ids.move_to_end(purge.alone)
        while len(self._purged_ids) > _IDS_KNOWN:
            self._purged_ids.popitem(last=False)

    def _is_purged(self, entry: Entry) -> bool:
        """It was asked for before a purge that means it."""
        made = entry.created_at
        if self._purged_ids.get(entry.card.id, made) > made:
            return True
        return any(at > made and applies(purge, entry.card, entry) for at, purge in self._purges)

    async def _tell_standings(self, store: EntryStore) -> None:
        if standings := self.guard.changed():
            await asyncio.to_thread(store.stand, standings)
            self.guard.stored(standings)

    async def _put_away(self, store: EntryStore) -> None:
        """Store what waits. Raises StorageError: what could not be stored waits again, behind the rest."""
        while self._waiting:
            entries = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
            try:
                left_out = await asyncio.to_thread(store.keep, entries)
            except StorageError:
                self._put_back(entries)
                raise
            self._batch = min(2 * self._batch, _AT_ONCE)
            self.shelf.forget(left_out)
        if self._aliases:
            aliases = list(self._aliases)
            await asyncio.to_thread(store.alias, aliases)
            stored = set(aliases)
            self._aliases = deque((one for one in self._aliases if one not in stored), maxlen=_MOST_WAITING)

    def _put_back(self, entries: Sequence[Entry]) -> None:
        """One that no database takes must not keep others out: it gets behind them, and into smaller company."""
        self._batch = max(1, self._batch // 2)
        now, newer = self._clock.wall_ns(), {entry.card.id for entry in self._waiting}
        self._waiting.extend(entry for entry in entries if entry.card.id not in newer and entry.card.expires_at > now)

    async def _found(self, entry_id: bytes, kind: Kind, similarity: float) -> Found | None:
        entry = self.shelf.entry(entry_id)
        if entry is None and self._store is not None:
            entry = await self._read(self._store, entry_id)
        if entry is None or self.shelf.card(entry_id) is None:  # it may have been taken out meanwhile
            return None
        self.shelf.hit(entry_id, kind)
        return Found(entry=entry, kind=kind, similarity=similarity)

    async def _read(self, store: EntryStore, entry_id: bytes) -> Entry | None:
        """An entry that is not in memory; None where it cannot be had soon."""
        if self._clock.monotonic_ns() < self._closed_until:
            return None
        try:
            entry = await asyncio.wait_for(asyncio.to_thread(store.entry, entry_id), _PATIENCE_S)
        except (StorageError, TimeoutError) as error:
            self._closed_until = self._clock.monotonic_ns() + _PAUSE_NS
            logger.warning("a kept answer could not be read: %r", error)
            return None
        if entry is not None:
            self.shelf.hold(entry)
        return entry


async def _by_parts(items: Sequence[Any], take: Callable[[Sequence[Any]], None]) -> None:
    """All of them, with a turn for others after each part."""
    for start in range(0, len(items), _AT_ONCE):
        take(items[start : start + _AT_ONCE])
        await asyncio.sleep(0)
