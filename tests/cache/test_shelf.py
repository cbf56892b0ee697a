"""A process knows what is kept, within its quotas, and gives up what saves least."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.cache.shelf import Limits, Shelf
from homeport.core.caching import Alias, Bar, Card, Changes, Entry, Kind, Purge
from tests.fakes.clock import ManualClock
from tests.storage.entries import made
from tests.storage.entries import name as ident

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
START = ManualClock().wall


class Followers:
    """`CardIndex` that remembers what it was told."""

    def __init__(self) -> None:
        self.there: dict[bytes, bytes] = {}

    def keep(self, card: Card, vector: bytes) -> None:
        assert card.vector == b"", "the vector is held once"
        self.there[card.id] = vector

    def remove(self, entry_id: bytes) -> None:
        self.there.pop(entry_id, None)


def card(number: int, **said: Any) -> Card:
    return made(number, ManualClock(), **{"tenant": "a", "size": 100, "cost": 100, **said}).card


def entry(of: Card, body: bytes = b"{}", tags: Sequence[str] = ()) -> Entry:
    return made(0, ManualClock(), card=of, body=body, tags=tuple(tags))


def shelf(clock: ManualClock | None = None, index: Followers | None = None, **limits: int) -> Shelf:
    return Shelf(Limits(**limits), clock or ManualClock(), index)


def ids(one: Shelf, most: int = 100) -> list[int]:
    return [number for number in range(most) if one.card(ident(number)) is not None]


def test_a_new_entry_is_known_and_held_without_its_vector() -> None:
    followers = Followers()
    one = shelf(index=followers)
    assert one.put(entry(card(1), b"body"))
    found = one.entry(ident(1))
    assert found is not None
    assert found.body == b"body"
    assert found.card == one.card(ident(1)) == msgspec.structs.replace(card(1), vector=b"")
    assert followers.there == {ident(1): card(1).vector}
    assert (len(one), one.size) == (1, 100)


def test_a_card_of_another_process_is_known_and_its_body_is_not() -> None:
    one = shelf()
    one.take(Changes(upto=7, cards=[card(1)]))
    assert one.card(ident(1)) is not None
    assert one.entry(ident(1)) is None
    one.hold(entry(card(1), b"read"))
    found = one.entry(ident(1))
    assert found is not None
    assert found.body == b"read"


def test_what_is_not_known_is_not_held() -> None:
    one = shelf()
    one.hold(entry(card(1)))
    assert one.entry(ident(1)) is None
    assert one.memory == 0


def test_an_entry_without_words_is_not_shown_to_the_index() -> None:
    followers = Followers()
    shelf(index=followers).put(entry(card(1, text="", vector=b"")))
    assert followers.there == {}


def test_an_entry_ends_to_the_nanosecond_and_is_dropped_later() -> None:
    clock, followers = ManualClock(), Followers()
    one = shelf(clock, followers)
    one.put(entry(card(1, expires_at=START + 5)))
    one.put(entry(card(2, expires_at=START + HOUR)))
    clock.advance(4)
    assert ids(one) == [1, 2]
    clock.advance(1)
    assert ids(one) == [2]
    assert one.entry(ident(1)) is None
    clock.advance(20 * SECOND)
    assert not one.expire()
    assert (len(one), set(followers.there)) == (1, {ident(2)})
    assert one.evicted() == [], "the store knows of time itself"
    assert not one.put(entry(card(3, expires_at=clock.wall)))


def test_of_many_entries_that_end_at_once_some_are_dropped_in_one_go() -> None:
    clock = ManualClock()
    one = shelf(clock)
    for number in range(5):
        one.put(entry(card(number, expires_at=START + (number // 2) * 60 * SECOND + 5)))
    clock.advance(HOUR)
    assert [(one.expire(2), len(one)) for _ in range(3)] == [(True, 3), (True, 1), (False, 0)]
    assert not one.expire(2)


def test_an_entry_that_was_kept_again_for_longer_outlives_its_first_end() -> None:
    clock = ManualClock()
    one = shelf(clock)
    one.put(entry(card(1, expires_at=START + 5 * SECOND)))
    one.put(entry(card(1, expires_at=START + HOUR)))
    clock.advance(60 * SECOND)
    assert not one.expire()
    assert ids(one) == [1]


def test_what_saved_least_for_its_size_goes_first() -> None:
    one = shelf(entries=3)
    for number, (size, cost) in enumerate([(100, 500), (100, 50), (1_000, 600), (10, 1)]):
        one.put(entry(card(number, size=size, cost=cost)))
    assert one.evicted() == [ident(3)]
    assert one.evicted() == []
    one.put(entry(card(4, size=100, cost=400)))
    assert one.evicted() == [ident(1)]


def test_an_entry_that_answered_stays_and_among_equals_the_oldest_goes() -> None:
    one = shelf(entries=3)
    for number in range(3):
        one.put(entry(card(number)))
    one.hit(ident(0), Kind.EXACT)
    for number in (3, 4):
        one.put(entry(card(number)))
    assert one.evicted() == [ident(1), ident(2)]


def test_where_all_answered_one_of_the_least_goes_and_not_all_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homeport.cache.ranking._MOST_MOVED", 3)
    one = shelf(entries=8)
    for number in range(8):
        one.put(entry(card(number, cost=100 + number)))
        for _ in range(10 - number):
            one.hit(ident(number), Kind.EXACT)
    one.put(entry(card(9, cost=5_000)))
    assert one.evicted() == [ident(2)]
    one.put(entry(card(10, cost=5_000)))
    assert one.evicted() == [ident(5)]
    assert len(one) == 8


def test_old_merits_fade() -> None:
    one = shelf(entries=4)
    one.put(entry(card(0)))
    for _ in range(10):
        one.hit(ident(0), Kind.EXACT)
    for number in range(1, 99):
        one.put(entry(card(number)))
    assert 0 not in ids(one)


def test_a_tenant_has_its_own_quota_and_makes_room_among_its_own() -> None:
    one = shelf(tenant_entries=2)
    one.put(entry(card(0, tenant="b", cost=1)))
    for number in range(1, 6):
        one.put(entry(card(number, tenant="a", cost=1_000)))
    assert one.evicted() == [ident(1), ident(2), ident(3)]
    assert ids(one) == [0, 4, 5]


def test_an_id_that_another_tenant_keeps_again_counts_there() -> None:
    one = shelf(tenant_entries=2)
    for number in (1, 2):
        one.put(entry(card(number, tenant="a", cost=1)))
    one.put(entry(card(1, tenant="b")))
    for number in (3, 4):
        one.put(entry(card(number, tenant="a", cost=1_000)))
    assert ids(one) == [1, 3, 4], "b's is not given up for a's quota"
    assert {held.tenant: (held.entries, held.size) for held in one.holdings()} == {"a": (2, 200), "b": (1, 100)}


def test_bytes_are_bounded_for_a_tenant_and_for_all() -> None:
    one = shelf(tenant_size=250, size=400)
    for number in range(4):
        one.put(entry(card(number, tenant="a")))
    assert one.size == 200
    for number in range(4, 10):
        one.put(entry(card(number, tenant=f"t{number}")))
    assert one.size == 400


def test_what_is_larger_than_a_quota_is_refused_and_drives_nobody_out() -> None:
    one = shelf(tenant_size=250)
    one.put(entry(card(1)))
    assert not one.put(entry(card(2, size=251)))
    assert ids(one) == [1]
    assert not one.put(entry(card(1, size=251)))
    assert ids(one) == [], "what was kept before under this id is no answer any more"


def test_bodies_are_held_in_bounded_memory_the_latest_used_longest() -> None:
    one = shelf(memory=10_000)
    for number in range(5):
        one.put(entry(card(number), bytes(1_000)))
    one.entry(ident(0))
    one.put(entry(card(5), bytes(1_000)))
    assert [number for number in range(6) if one.entry(ident(number)) is not None] == [0, 2, 3, 4, 5]
    assert one.memory <= 10_000
    assert ids(one) == [0, 1, 2, 3, 4, 5], "they are known all the same"
    one.put(entry(card(6), bytes(5_000)))
    assert one.entry(ident(6)) is None
    assert one.card(ident(6)) is not None


def test_a_bad_answer_is_dropped_and_not_kept_again_for_a_while() -> None:
    clock = ManualClock()
    one = shelf(clock)
    one.put(entry(card(1)))
    one.take(Changes(upto=1, barred=[Bar(ident(1), START + HOUR), Bar(ident(2), START + HOUR)]))
    assert ids(one) == []
    for number in (1, 2):
        assert one.barred(ident(number))
        assert not one.put(entry(card(number, expires_at=START + 9 * HOUR)))
    one.take(Changes(upto=2, cards=[card(1)]))
    assert ids(one) == []
    clock.advance(HOUR)
    one.expire()
    assert not one.barred(ident(1))
    assert one.put(entry(card(1, expires_at=START + 9 * HOUR)))


def test_changes_take_out_before_they_put_in() -> None:
    one = shelf()
    one.put(entry(card(1)))
    one.take(Changes(upto=1, cards=[card(2)], removed=[ident(1), ident(2), ident(3)]))
    assert ids(one) == [2]


def test_the_echo_of_an_own_entry_changes_nothing() -> None:
    one = shelf(entries=2)
    one.put(entry(card(1), b"body"))
    one.hit(ident(1), Kind.EXACT)
    one.take(Changes(upto=1, cards=[card(1)]))
    assert one.entry(ident(1)) is not None
    one.put(entry(card(2)))
    one.put(entry(card(3)))
    assert ids(one) == [1, 3], "its hit is not forgotten"


def test_an_alias_leads_to_a_living_entry_and_ends_with_it() -> None:
    clock = ManualClock()
    one = shelf(clock)
    one.relate(Alias(ident(9), ident(1), START + HOUR))
    assert one.alias(ident(9)) is None, "the entry is not there"
    one.put(entry(card(1)))
    one.put(entry(card(2)))
    one.take(Changes(upto=1, aliases=[Alias(ident(9), ident(1), START + HOUR), Alias(ident(8), ident(2), START + 5)]))
    assert (one.alias(ident(9)), one.alias(ident(8))) == (ident(1), ident(2))
    clock.advance(5)
    assert one.alias(ident(8)) is None
    one.take(Changes(upto=2, removed=[ident(1)]))
    one.put(entry(card(1)))
    assert one.alias(ident(9)) is None, "a new entry with the same id is not what the judge saw"


def test_an_alias_can_be_barred_and_led_elsewhere() -> None:
    one = shelf()
    for number in (1, 2):
        one.put(entry(card(number)))
        one.relate(Alias(ident(9), ident(number), START + HOUR))
    assert one.alias(ident(9)) == ident(2)
    one.take(Changes(upto=1, removed=[ident(1)]))
    assert one.alias(ident(9)) == ident(2)
    one.relate(Alias(ident(8), ident(2), START + HOUR))
    one.bar([Bar(ident(9), START + 1)])
    one.forget([ident(8)])
    assert (one.alias(ident(9)), one.alias(ident(8))) == (None, None)
    assert ids(one) == [2]


@pytest.mark.parametrize(
    ("purge", "left"),
    [
        (Purge(), []),
        (Purge(id=ident(1)), [2, 3]),
        (Purge(partition=b"p" * 16), []),
        (Purge(partition=b"other"), [1, 2, 3]),
        (Purge(tag="red"), [2, 3]),
        (Purge(tag="red", id=ident(2)), [1, 2, 3]),
        (Purge(model="smart"), [3]),
        (Purge(model="smart-2026"), [3]),
        (Purge(key_id="key_1"), [3]),
        (Purge(key_id="key_2"), [1, 2, 3]),
        (Purge(prompt=b"q" * 16), [3]),
        (Purge(prompt=b"q" * 16, model="large"), [1, 2, 3]),
    ],
)
def test_a_purge_takes_out_what_all_of_it_applies_to(purge: Purge, left: list[int]) -> None:
    one = shelf()
    one.put(entry(card(1), tags=["red", "blue"]))
    one.put(entry(card(2), tags=["blue"]))
    one.take(Changes(upto=1, cards=[card(3)]))
    gone = one.purge(purge, one.ids())
    assert ids(one) == left
    assert sorted(gone) == [ident(number) for number in (1, 2, 3) if number not in left]
    assert one.evicted() == []


def test_holdings_tell_what_each_tenant_has_and_was_given() -> None:
    one = shelf()
    one.put(entry(card(1, tenant="a")))
    one.put(entry(card(2, tenant="b", size=7)))
    for kind in (Kind.EXACT, Kind.EXACT, Kind.SEMANTIC):
        one.hit(ident(1), kind)
    one.hit(ident(9), Kind.EXACT)
    told = {held.tenant: held for held in one.holdings()}
    assert (told["a"].entries, told["a"].size) == (1, 100)
    assert told["a"].hits == {Kind.EXACT: 2, Kind.SEMANTIC: 1}
    assert (told["b"].entries, told["b"].size, told["b"].hits) == (1, 7, {})
    one.forget([ident(1), ident(2)])
    assert [held.tenant for held in one.holdings()] == ["a"], "who has nothing and was given nothing is forgotten"


numbers = st.integers(0, 12)
steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "take", "hit", "remove", "bar", "relate", "pass", "purge"]),
        numbers,
        st.sampled_from(["a", "b"]),
        st.integers(0, 300),
    ),
    max_size=60,
)


@settings(max_examples=200)
@given(steps=steps)
def test_whatever_happens_the_books_are_right_and_quotas_hold(steps: list[tuple[str, int, str, int]]) -> None:
    clock, followers = ManualClock(), Followers()
    limits = {"entries": 6, "size": 1_000, "tenant_entries": 4, "tenant_size": 600, "memory": 8_000}
    one = shelf(clock, followers, **limits)
    for what, number, tenant, amount in steps:
        made = card(number, tenant=tenant, size=amount, cost=amount, expires_at=clock.wall + amount * SECOND // 4)
        if what == "put":
            assert one.put(entry(made)) == (one.card(made.id) is not None)
        elif what == "take":
            one.take(Changes(upto=1, cards=[made], removed=[ident(amount % 13)]))
        elif what == "hit":
            one.hit(made.id, Kind.EXACT)
        elif what == "remove":
            one.take(Changes(upto=1, removed=[made.id]))
        elif what == "bar":
            one.bar([Bar(made.id, clock.wall + 40 * SECOND)])
            assert one.card(made.id) is None
        elif what == "relate":
            one.relate(Alias(ident(amount % 13), made.id, clock.wall + 60 * SECOND))
        elif what == "pass":
            clock.advance(amount * SECOND // 10)
            one.expire()
        else:
            one.purge(Purge(id=made.id), [made.id])
        check(one, followers, limits)


def check(one: Shelf, followers: Followers, limits: dict[str, int]) -> None:
    known = {number: ranked.card for number, ranked in one._known.items()}
    held = {holding.tenant: (holding.entries, holding.size) for holding in one.holdings()}
    for tenant, (entries, size) in held.items():
        own = [one_card for one_card in known.values() if one_card.tenant == tenant]
        assert (entries, size) == (len(own), sum(one_card.size for one_card in own))
        assert entries <= limits["tenant_entries"]
        assert size <= limits["tenant_size"]
    assert len(one) == len(known) <= limits["entries"]
    assert one.size == sum(size for _, size in held.values()) <= limits["size"]
    assert set(followers.there) == set(known)
    assert one.memory <= limits["memory"]
    assert {entry.card.id for entry in one._bodies} <= set(known)
    assert {alias.answered for alias in one._aliases.values()} <= set(known)
    assert set(one._aliases) == {asked for group in one._asked.values() for asked in group}
    assert not [number for number in known if one.barred(number)]


def test_churn_leaves_nothing_behind() -> None:
    clock = ManualClock()
    one = shelf(clock, entries=50)
    for number in range(5_000):
        one.put(entry(card(number, tenant=f"t{number % 3}", cost=number % 17, expires_at=clock.wall + 30 * 24 * HOUR)))
    lines = [one._line, *(tenant.line for tenant in one._tenants.values())]
    assert max(map(len, lines)) < 300
    assert sum(map(len, one._expiry._slots.values())) < 300
