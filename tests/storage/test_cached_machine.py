"""Whatever is kept, purged, barred, said to be the same, and over, in any order: everybody ends up with the same.

The model is dictionaries. Two readers ask at moments of their own, in parts, and go by what they are told alone. What
was replaced by something that ended before a reader asked, it may keep until the end of its own: nobody tells of what
is over. So it may an alias whose successor was taken out with the answer that it led to.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, delete

from homeport.core.caching import Alias, Card, Entry, Purge, Standing
from homeport.storage.cached import DatabaseEntryStore
from homeport.storage.cached_removal import Bounds, prune, trim
from homeport.storage.db import writing
from homeport.storage.tables import metadata
from tests.fakes.clock import ManualClock
from tests.storage.entries import S, made, name

Told = TypeVar("Told", Card, Alias)

NUMBERS = st.integers(1, 6)
READERS = st.integers(0, 1)
TAGS = ("red", "blue")
MODELS = ("m1", "m2")
KEYS = ("key_1", "key_2")
CRITERIA = {
    "id": NUMBERS.map(name),
    "partition": st.sampled_from([b"p" * 16, b"r" * 16]),
    "tag": st.sampled_from(TAGS),
    "model": st.sampled_from(MODELS),
    "key_id": st.sampled_from(KEYS),
    "prompt": st.sampled_from([b"q" * 16, b"s" * 16]),
}
PURGES = st.one_of(  # few criteria, so that something is taken out
    st.just(Purge()),
    *(st.builds(Purge, **{one: values}) for one, values in CRITERIA.items()),
    st.builds(Purge, tag=CRITERIA["tag"], model=CRITERIA["model"]),
)


class Reader:
    """A process that has what it was told, and forgets by itself what is over."""

    def __init__(self, store: DatabaseEntryStore) -> None:
        self.store = store
        self.upto = 0
        self.cards: dict[bytes, Card] = {}
        self.aliases: dict[bytes, Alias] = {}
        self.bars: dict[bytes, int] = {}
        self.standings: dict[bytes, Standing] = {}

    def ask(self, most: int) -> bool:
        """Take in one part; whether there is more."""
        told = self.store.changes(self.upto, most)
        assert len(told.cards) <= most
        assert told.upto >= self.upto
        gone = set(told.removed)
        self.cards = {each: card for each, card in self.cards.items() if each not in gone}
        self.aliases = {
            asked: alias for asked, alias in self.aliases.items() if gone.isdisjoint((asked, alias.answered))
        }
        self.cards |= {card.id: card for card in told.cards}
        self.aliases |= {alias.asked: alias for alias in told.aliases}
        self.bars |= {bar.id: bar.until for bar in told.barred}
        self.standings |= {standing.partition: standing for standing in told.standings}
        self.upto = told.upto
        return told.more


class CacheMachine(RuleBasedStateMachine):
    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine

    @initialize()
    def begin(self) -> None:
        self.clock = ManualClock()
        self.store = DatabaseEntryStore(self.engine, self.clock.wall_ns)
        with writing(self.engine) as connection:
            for table in metadata.sorted_tables:
                if table.name.startswith("cache_"):
                    connection.execute(delete(table))
        self.readers = [Reader(DatabaseEntryStore(self.engine, self.clock.wall_ns)) for _ in range(2)]
        self.entries: dict[bytes, Entry] = {}
        self.aliases: dict[bytes, Alias] = {}
        self.bars: dict[bytes, int] = {}
        self.standings: dict[bytes, Standing] = {}
        self.purges: list[tuple[int, Purge]] = []
        self.pending: list[Entry] = []
        self.former: list[Card | Alias] = []
        self.ended: dict[bytes, Entry] = {}
        self.stamp = 0

    @rule(
        numbers=st.lists(NUMBERS, min_size=1, max_size=4),
        ttl_s=st.integers(1, 40),
        tags=st.sets(st.sampled_from(TAGS)),
        model=st.sampled_from(MODELS),
        key_id=st.sampled_from(KEYS),
        partition=st.sampled_from([b"p" * 16, b"r" * 16]),
        prompt=st.sampled_from([b"q" * 16, b"s" * 16]),
    )
    def answer(self, numbers: list[int], tags: set[str], **said: Any) -> None:
        """Answers that some process has, and will put in some time."""
        for number in numbers:
            self.stamp += 1
            body = b"%d" % self.stamp
            self.pending.append(made(number, self.clock, body=body, tags=tuple(sorted(tags)), cost=self.stamp, **said))

    @rule(most=st.integers(1, 9))
    def keep(self, most: int) -> None:
        batch, self.pending = self.pending[:most], self.pending[most:]
        out = set(self.store.keep(batch))
        last = {entry.card.id: entry for entry in batch}
        expected = {entry_id for entry_id, entry in last.items() if self.is_refused(entry)}
        assert out == expected
        kept = {entry_id: entry for entry_id, entry in last.items() if entry_id not in expected}
        replaced = [self.entries[each].card for each in kept.keys() & self.entries.keys()]
        self.former += [card for card in replaced if card.expires_at > kept[card.id].card.expires_at]
        self.entries |= kept
        self.ended = {each: entry for each, entry in self.ended.items() if each not in kept}

    def is_refused(self, entry: Entry) -> bool:
        return (
            entry.card.expires_at <= self.clock.wall
            or self.bars.get(entry.card.id, 0) > self.clock.wall
            or any(entry.created_at < at and applies(purge, entry) for at, purge in self.purges)
        )

    @rule(purge=PURGES, bar_s=st.sampled_from([0, 0, 5, 60]))
    def purge(self, purge: Purge, bar_s: int) -> None:
        self.clock.advance(1)
        self.nothing_is_over()
        gone = {entry_id for entry_id, entry in self.entries.items() if applies(purge, entry)}
        assert self.store.purge(purge, bar_s=bar_s) == len(gone)
        if purge.id is not None and purge == Purge(id=purge.id):
            gone.add(purge.id)
        self.take_out(gone | {each for each, entry in self.ended.items() if applies(purge, entry)})
        if bar_s:
            self.bars |= dict.fromkeys(gone, self.clock.wall + bar_s * S)
        self.purges.append((self.clock.wall, purge))

    @rule(entries=st.integers(1, 5))  # as `cache.max_entries`, which is one at least
    def trim(self, entries: int) -> None:
        worth = {
            each: (entry.card.cost * (entry.card.expires_at - self.clock.wall), entry.card.expires_at, each)
            for each, entry in self.entries.items()
        }
        self.tidy()
        trim(self.engine, Bounds(entries=entries, bytes=1 << 40), self.clock.wall)
        least = sorted(worth, key=lambda each: worth[each])
        self.take_out(set(least[: max(0, len(least) - entries)]))

    def take_out(self, gone: set[bytes]) -> None:
        self.ended = {each: entry for each, entry in self.ended.items() if each not in gone}
        self.entries = {each: entry for each, entry in self.entries.items() if each not in gone}
        self.aliases = {
            asked: alias for asked, alias in self.aliases.items() if gone.isdisjoint((asked, alias.answered))
        }

    @rule(asked=NUMBERS, answered=NUMBERS, ttl_s=st.integers(1, 40))
    def say_the_same(self, asked: int, answered: int, ttl_s: int) -> None:
        alias = Alias(name(asked), name(answered), self.clock.wall + ttl_s * S)
        self.store.alias([alias])
        if not any(self.bars.get(each, 0) > self.clock.wall for each in (alias.asked, alias.answered)):
            self.former += [former] if (former := self.aliases.get(alias.asked)) else []
            self.aliases[alias.asked] = alias

    @rule(partition=st.binary(min_size=16, max_size=16), wrong=st.integers(0, 3))
    def stand(self, partition: bytes, wrong: int) -> None:
        standing = Standing(partition=partition, checked=3, wrong=wrong)
        self.store.stand([standing])
        self.standings[partition] = standing

    @rule(seconds=st.integers(0, 30))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds * S)

    @rule()
    def tidy(self) -> None:
        prune(self.engine, self.clock.wall)
        self.nothing_is_over()
        self.ended = {}

    @rule(which=READERS, most=st.integers(1, 4))
    def look(self, which: int, most: int) -> None:
        self.readers[which].ask(most)

    @rule(which=READERS)
    def start_anew(self, which: int) -> None:
        self.readers[which] = Reader(self.store)

    @invariant()
    def nothing_is_over(self) -> None:
        now = self.clock.wall
        self.ended |= {each: entry for each, entry in self.entries.items() if entry.card.expires_at <= now}
        self.entries = {each: entry for each, entry in self.entries.items() if entry.card.expires_at > now}
        self.aliases = {each: alias for each, alias in self.aliases.items() if alias.expires_at > now}
        self.bars = {each: until for each, until in self.bars.items() if until > now}

    def teardown(self) -> None:
        if not hasattr(self, "readers"):
            return
        self.nothing_is_over()
        now = self.clock.wall
        for number in range(1, 7):
            assert self.store.entry(name(number)) == self.entries.get(name(number))
        for reader in self.readers:
            while reader.ask(2):
                pass
            entries = {each: entry.card for each, entry in self.entries.items()}
            assert self.heard(reader.cards, entries) == entries
            assert self.heard(reader.aliases, self.aliases) == self.aliases
            assert {each: until for each, until in reader.bars.items() if until > now} == self.bars
            assert reader.standings == self.standings

    def heard(self, told: Mapping[bytes, Told], there: Mapping[bytes, Told]) -> dict[bytes, Told]:
        """What a reader goes by that is not over, without what it may keep."""
        living = {each: one for each, one in told.items() if one.expires_at > self.clock.wall}
        return {each: one for each, one in living.items() if each in there or one not in self.former}


def applies(purge: Purge, entry: Entry) -> bool:
    return all(
        (
            purge.id in (None, entry.card.id),
            purge.partition in (None, entry.card.partition),
            purge.tag is None or purge.tag in entry.tags,
            purge.model in (None, entry.model),
            purge.key_id in (None, entry.key_id),
            purge.prompt in (None, entry.prompt),
        )
    )


def test_everybody_ends_up_with_the_same(engine: Engine) -> None:
    run_state_machine_as_test(
        lambda: CacheMachine(engine),  # type: ignore[arg-type]  # it is called, and nothing else
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            phases=(Phase.generate,),  # what fails is short enough, and looking for less takes minutes
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
