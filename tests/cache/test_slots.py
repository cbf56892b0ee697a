from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from homeport.cache.slots import IDLE, IN_USE, ROOM, Slots


def used(slots: Slots, *names: bytes, now: int = 0, found: bool | None = None) -> None:
    for number, name in enumerate(names):
        slots.began(name)
        slots.ended(name, now + number, found)


def test_room_is_told_until_there_is_none() -> None:
    slots = Slots()
    slots.count = 2
    told = []
    for number, name in enumerate((b"a", b"b", b"c")):
        told.append(slots.next_to_go)
        used(slots, name, now=10 + number)
    assert [*told, slots.next_to_go] == [(ROOM, 0), (ROOM, 1), (IDLE, 10), (IDLE, 11)]


def test_what_is_at_work_is_not_the_next_to_go() -> None:
    slots = Slots()
    slots.count = 2
    used(slots, b"a", b"b", now=10)
    slots.began(b"a")
    assert slots.next_to_go == (IDLE, 11)
    slots.began(b"c")
    assert slots.next_to_go == (IN_USE, 2)


def test_two_turns_at_once_end_one_after_the_other() -> None:
    slots = Slots()
    slots.began(b"a")
    slots.began(b"a")
    slots.ended(b"a", 1, None)
    assert slots.next_to_go == (IN_USE, 1)
    slots.ended(b"a", 2, None)
    assert slots.next_to_go == (IDLE, 2)


def test_all_is_kept_until_something_was_forgotten() -> None:
    slots = Slots()
    names = [bytes([number]) for number in range(200)]
    used(slots, *names, found=True)
    assert slots.keeps(names[0])
    used(slots, names[0], found=False)
    used(slots, *names[:199])
    assert not slots.keeps(names[199])
    assert slots.keeps(names[198])


def test_one_that_was_never_seen_is_not_kept() -> None:
    slots = Slots()
    used(slots, b"a", b"b", b"a", found=False)
    assert not slots.keeps(b"z")


def test_it_keeps_as_many_as_it_has_slots() -> None:
    slots = Slots()
    slots.count = 4
    used(slots, b"a", b"b", b"a", found=False)
    used(slots, b"c", b"d")
    assert slots.keeps(b"b")
    used(slots, b"e")
    assert not slots.keeps(b"b")


def test_only_so_many_are_remembered() -> None:
    slots = Slots()
    used(slots, *(number.to_bytes(2, "big") for number in range(5_000)))
    used(slots, b"a", b"b", b"a", found=False)
    assert not slots.keeps((0).to_bytes(2, "big"))
    assert slots.next_to_go[0] == IDLE


@given(st.integers(1, 6), st.lists(st.integers(0, 9), min_size=150, max_size=300))
def test_it_learns_how_many_an_engine_keeps(room: int, turns: list[int]) -> None:
    """An engine that forgets the one that was not used for longest, asked one turn after the other."""
    slots, kept, wrong = Slots(), OrderedDict[int, None](), 0
    for now, number in enumerate(turns):
        known, found = slots.keeps(bytes([number])), number in kept
        wrong += now >= 50 and number in turns[:now] and known is not found
        kept[number] = None
        kept.move_to_end(number)
        if len(kept) > room:
            kept.popitem(last=False)
        slots.began(bytes([number]))
        slots.ended(bytes([number]), now, found)
    assert wrong <= 10
