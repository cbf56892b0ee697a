"""What a process knows of kept answers: looked up in memory, with the store behind it.

New entries, and what other processes did, travel through the store in the background: a request waits for it
only where the body of a hit is not in memory.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

import msgspec

from homeport.cache.guard import Guard
from homeport.cache.semantic import Match, SemanticTier
from homeport.cache.shelf import Shelf, applies
from homeport.core.caching import Alias, Bar, Changes, Entry, EntryStore, Found, Kind, Mode, Place, Purge
from homeport.core.errors import StorageError
from homeport.core.ports import Clock

logger = logging.getLogger(__name__)

_PAGE = 2_000
_AT_ONCE = 100
"""Cards that are taken, and entries that are stored, in one go: about 2 ms for whoever waits meanwhile."""

_VECTORS = 8

_MOST_WAITING = 10_000
"""Entries that wait to be stored; beyond it the oldest are known to this process alone."""

_PURGES_KNOWN = 256
"""Purges that are known here: what was asked for before them and is answered after them is not kept."""

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
        self._purges: deque[tuple[int, Purge]] = deque(maxlen=_PURGES_KNOWN)
        self._closed_until = 0
        self._batch = _AT_ONCE
        self._waiting: deque[Entry] = deque(maxlen=_MOST_WAITING)
        self._aliases: deque[Alias] = deque(maxlen=_MOST_WAITING)

    async def same(self, place: Place) -> Found | None:
        """The answer to the very same request, or to one that a judge found to ask for the same."""
        if self.shelf.card(place.id) is not None:
            return await self._found(place.id, Kind.EXACT, 1.0)
        answered = self.shelf.alias(place.id) if self.guard.answers(place.partition) else None
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
        is_purged = any(at > entry.created_at and applies(purge, entry.card, entry) for at, purge in self._purges)
        if is_purged or not self.shelf.put(entry):
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
        self._purges.append((self._clock.wall_ns(), purge))
        gone = self.shelf.purge(purge)
        if bar_s:
            until = self._clock.wall_ns() + bar_s * 10**9
            barred = gone if purge.id is None else {*gone, purge.id}
            self.shelf.bar(Bar(entry_id, until) for entry_id in barred)
        if self._store is None:
            return len(gone)
        out = set(gone)
        self._waiting = deque((one for one in self._waiting if one.card.id not in out), maxlen=_MOST_WAITING)
        stored = await asyncio.to_thread(self._store.purge, purge, bar_s=bar_s)
        return max(stored, len(gone))

    async def exchange_news(self) -> None:
        """Store what is new here, and read what is new elsewhere. A store that fails is asked again next time."""
        self.shelf.expire()
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
        changes = await asyncio.to_thread(store.changes, self._upto, _PAGE)
        self._purges.extend(changes.purges)
        self.shelf.take(msgspec.structs.replace(changes, cards=(), aliases=()))
        for start in range(0, len(changes.cards), _AT_ONCE):
            self.shelf.take(Changes(upto=0, cards=changes.cards[start : start + _AT_ONCE]))
            await asyncio.sleep(0)
        self.shelf.take(Changes(upto=0, aliases=changes.aliases))
        self.guard.take(changes.standings)
        self._upto = changes.upto
        return changes.more

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
            self.shelf.take(Changes(upto=0, removed=left_out))
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
