"""What a gateway process knows of kept answers: which there are, which to give up, and the bodies asked for most."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Protocol

import msgspec

from homeport.cache.bodies import Bodies
from homeport.cache.expiry import Expiry
from homeport.cache.ranking import Line, Ranked, Ranking
from homeport.core.caching import Alias, Bar, Card, Changes, Entry, Kind, Purge
from homeport.core.ports import Clock

_MOST_BARRED = 100_000
_SHARED_PARTITIONS = 4_096


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept.

    Attributes:
        entries, size: of all tenants together; `size` in bytes of whole entries, wherever they are.
        tenant_entries, tenant_size: of one tenant.
        memory: bytes of whole entries that are held in this process.
    """

    entries: int = 200_000
    size: int = 4 << 30
    tenant_entries: int = 100_000
    tenant_size: int = 1 << 30
    memory: int = 64 << 20


class CardIndex(Protocol):
    """Is told of every card that comes and goes; `SemanticTier` is one."""

    def keep(self, card: Card, vector: bytes) -> None: ...

    def remove(self, entry_id: bytes) -> None: ...


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What there is of one tenant. `hits`: answers that its entries gave since this process began, by kind."""

    tenant: str
    entries: int
    size: int
    hits: Mapping[Kind, int]


class _Tenant:
    __slots__ = ("entries", "hits", "line", "size")

    def __init__(self) -> None:
        self.entries = 0
        self.size = 0
        self.line = Line()
        self.hits: Counter[Kind] = Counter()


class Shelf:
    """Cards of all entries by id, aliases and bars. It belongs to one thread and waits for nothing.

    Each method takes constant or logarithmic time for an entry; `expire` looks at every alias and bar at last.

    Args:
        index: follows what is here.
    """

    def __init__(self, limits: Limits, clock: Clock, index: CardIndex | None = None) -> None:
        self._limits = limits
        self._clock = clock
        self._index = index
        self._known: dict[bytes, Ranked] = {}
        self._tenants: dict[str, _Tenant] = {}
        self._size = 0
        self._ranking = Ranking()
        self._line = Line()
        self._expiry = Expiry()
        self._bodies = Bodies(limits.memory)
        self._aliases: dict[bytes, Alias] = {}
        self._asked: dict[bytes, set[bytes]] = {}
        self._barred: OrderedDict[bytes, int] = OrderedDict()
        self._evicted: list[bytes] = []
        self._shared = lru_cache(_SHARED_PARTITIONS)(bytes)

    def __len__(self) -> int:
        return len(self._known)

    @property
    def size(self) -> int:
        """Bytes of all entries, wherever they are."""
        return self._size

    @property
    def memory(self) -> int:
        """Bytes of the whole entries that are held here."""
        return self._bodies.size

    def resize(self, limits: Limits) -> None:
        """Others hold from the next entry on."""
        self._limits, self._bodies.most = limits, limits.memory

    def put(self, entry: Entry) -> bool:
        """Know a new entry and hold it, if there is room; False where it is barred, over, or too large."""
        card = self._add(entry.card)
        if card is None:
            return False
        self._bodies.hold(msgspec.structs.replace(entry, card=card))
        return True

    def hold(self, entry: Entry) -> None:
        """Hold an entry whole that was read from the store, so that it need not be read again."""
        ranked = self._known.get(entry.card.id)
        if ranked is not None:
            self._bodies.hold(msgspec.structs.replace(entry, card=ranked.card))

    def card(self, entry_id: bytes) -> Card | None:
        """Of an entry that lives."""
        ranked = self._known.get(entry_id)
        return ranked.card if ranked is not None and ranked.card.expires_at > self._clock.wall_ns() else None

    def entry(self, entry_id: bytes) -> Entry | None:
        """One that lives and is held here."""
        return self._bodies.get(entry_id) if self.card(entry_id) is not None else None

    def alias(self, asked: bytes) -> bytes | None:
        """The id of the living entry that answers requests with the id `asked`."""
        alias = self._aliases.get(asked)
        if alias is None or alias.expires_at <= self._clock.wall_ns() or self.card(alias.answered) is None:
            return None
        return alias.answered

    def barred(self, entry_id: bytes) -> bool:
        """Whether a request with this id may not be kept now."""
        until = self._barred.get(entry_id)
        return until is not None and until > self._clock.wall_ns()

    def hit(self, entry_id: bytes, kind: Kind) -> None:
        """An entry gave an answer, so it is worth more."""
        ranked = self._known.get(entry_id)
        if ranked is not None:
            self._ranking.hit(ranked)
            self._tenants[ranked.card.tenant].hits[kind] += 1

    def take(self, changes: Changes) -> None:
        """What happened in all processes, but for purges. About 20 us a card: give it some hundred at once."""
        self.forget(changes.removed)
        self.bar(changes.barred)
        for card in changes.cards:
            self._add(card)
        for alias in changes.aliases:
            self.relate(alias)

    def forget(self, ids: Iterable[bytes]) -> None:
        """Drop what the store took out or did not take, and every alias of and to it."""
        for entry_id in ids:
            self._drop(entry_id)
            self._forget_alias(entry_id)

    def relate(self, alias: Alias) -> None:
        """Answer requests with one id by the entry with another, if that lives."""
        if self.card(alias.answered) is not None:
            self._forget_alias(alias.asked)
            self._aliases[alias.asked] = alias
            self._asked.setdefault(alias.answered, set()).add(alias.asked)

    def bar(self, bars: Iterable[Bar]) -> None:
        """Drop answers that are bad, and keep none with these ids for a while."""
        for bar in bars:
            self.forget([bar.id])
            self._barred[bar.id] = bar.until
            self._barred.move_to_end(bar.id)
        while len(self._barred) > _MOST_BARRED:
            self._barred.popitem(last=False)

    def ids(self, *, held: bool = False) -> list[bytes]:
        """Of all entries, or of those that are held whole."""
        return self._bodies.ids() if held else list(self._known)

    def purge(self, purge: Purge, among: Iterable[bytes], before: int | None = None) -> list[bytes]:
        """Drop what it applies to, with aliases; the ids. About 6 us an entry: give it some hundred ids at once.

        A tag, model, key or prompt is seen only in entries that are held whole. Of the others the store tells, by
        `Changes.removed`.

        Args:
            among: the ids that are looked at.
            before: what is not held whole stays, and what was made at this time (nanoseconds since the epoch) or later.
        """
        gone = []
        for entry_id in among:
            known, whole = self._known.get(entry_id), self._bodies.peek(entry_id)
            if known is None or (before is not None and (whole is None or whole.created_at >= before)):
                continue
            if applies(purge, known.card, whole):
                self.forget([entry_id])
                gone.append(entry_id)
        return gone

    def expire(self, most: int = 500) -> bool:
        """Drop up to `most` entries that are over; whether there are more. To be called every few seconds.

        About 6 us an entry.
        """
        now = self._clock.wall_ns()
        due = self._expiry.due(now, most)
        for entry_id in due:
            ranked = self._known.get(entry_id)
            if ranked is not None and ranked.card.expires_at <= now:
                self._drop(entry_id)
        if len(due) == most:
            return True
        for asked in [asked for asked, alias in self._aliases.items() if alias.expires_at <= now]:
            self._forget_alias(asked)
        for entry_id in [entry_id for entry_id, until in self._barred.items() if until <= now]:
            del self._barred[entry_id]
        return False

    def evicted(self) -> list[bytes]:
        """Ids of entries that were given up for others since this was asked last, for the store to take out."""
        ids, self._evicted = self._evicted, []
        return ids

    def holdings(self) -> list[Holding]:
        """Of each tenant that has entries here, or had hits."""
        return [
            Holding(tenant=name, entries=tenant.entries, size=tenant.size, hits=dict(tenant.hits))
            for name, tenant in self._tenants.items()
        ]

    def _add(self, card: Card) -> Card | None:
        """The card as it is kept, without its vector; None where it is not."""
        largest = min(self._limits.size, self._limits.tenant_size)
        if card.size > largest or card.expires_at <= self._clock.wall_ns() or self.barred(card.id):
            self._drop(card.id)
            return None
        before = self._known.get(card.id)
        small = msgspec.structs.replace(card, vector=b"", partition=self._shared(card.partition))
        if before is not None and before.card == small:
            return before.card
        self._drop(card.id)
        self._enter(small)
        if self._index is not None and small.text:
            self._index.keep(small, card.vector)
        self._make_room(small.tenant)
        return small if small.id in self._known else None

    def _enter(self, card: Card) -> None:
        ranked = self._known[card.id] = Ranked(card)
        tenant = self._tenants.get(card.tenant)
        if tenant is None:
            tenant = self._tenants[card.tenant] = _Tenant()
        tenant.entries += 1
        tenant.size += card.size
        self._size += card.size
        place = self._ranking.enter(ranked)
        tenant.line.join(place)
        self._line.join(place)
        self._expiry.add(card.id, card.expires_at)

    def _drop(self, entry_id: bytes) -> None:
        ranked = self._known.pop(entry_id, None)
        if ranked is None:
            return
        tenant = self._tenants[ranked.card.tenant]
        tenant.entries -= 1
        tenant.size -= ranked.card.size
        self._size -= ranked.card.size
        if tenant.entries or tenant.hits:
            tenant.line.tidy(self._known, tenant.entries)
        else:
            del self._tenants[ranked.card.tenant]  # keys come and go, and a process may live for long
        self._line.tidy(self._known, len(self._known))
        self._expiry.tidy(self._known)
        self._bodies.drop(entry_id)
        for asked in self._asked.pop(entry_id, ()):
            self._aliases.pop(asked, None)
        if self._index is not None:
            self._index.remove(entry_id)

    def _make_room(self, name: str) -> None:
        tenant = self._tenants[name]
        while self._too_much(tenant) and self._evict(tenant.line):
            pass
        while (len(self._known) > self._limits.entries or self._size > self._limits.size) and self._evict(self._line):
            pass

    def _too_much(self, tenant: _Tenant) -> bool:
        return tenant.entries > self._limits.tenant_entries or tenant.size > self._limits.tenant_size

    def _evict(self, line: Line) -> bool:
        entry_id = line.first(self._known)
        if entry_id is None:
            return False
        self._ranking.give_up(self._known[entry_id])
        self._drop(entry_id)
        self._evicted.append(entry_id)
        return True

    def _forget_alias(self, asked: bytes) -> None:
        alias = self._aliases.pop(asked, None)
        if alias is not None:
            others = self._asked[alias.answered]
            others.discard(asked)
            if not others:
                del self._asked[alias.answered]


def applies(purge: Purge, card: Card, entry: Entry | None) -> bool:
    """Whether a purge means an entry; of one that is not there whole, only what its card tells counts."""
    told = purge.tag, purge.model, purge.key_id, purge.prompt
    if (purge.id is not None and purge.id != card.id) or purge.partition not in (None, card.partition):
        return False
    if entry is None:
        return told == (None, None, None, None)
    return (
        (purge.tag is None or purge.tag in entry.tags)
        and purge.model in (None, entry.model, entry.target)
        and purge.key_id in (None, entry.key_id)
        and purge.prompt in (None, entry.prompt)
    )
