"""Places: as many as there are, and every one given back."""

from contextlib import AbstractContextManager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import CapacityError
from homeport.core.types import Key
from homeport.pipeline.admission import Admission

VIP, OTHER = Key(id="key_vip", name="vip", reserved_percent=30), Key(id="key_other", name="other")


def test_no_more_than_there_are() -> None:
    admission = Admission(2)
    with admission.admit(), admission.admit():
        assert admission.in_flight == 2
        with pytest.raises(CapacityError) as caught, admission.admit():
            pytest.fail("a third place")
        assert "server.max_in_flight" in caught.value.hint
        assert admission.in_flight == 2
    assert admission.in_flight == 0


def test_a_place_is_given_back_by_whoever_fails() -> None:
    admission = Admission(1)
    with pytest.raises(ValueError), admission.admit():
        raise ValueError
    with admission.admit():
        assert admission.in_flight == 1


@given(st.lists(st.booleans(), max_size=50))
def test_the_count_is_right_after_any_coming_and_going(comings: list[bool]) -> None:
    admission = Admission(3)
    inside: list[AbstractContextManager[None]] = []
    for is_coming in comings:
        if is_coming and len(inside) < 3:
            place = admission.admit()
            place.__enter__()
            inside.append(place)
        elif is_coming:
            with pytest.raises(CapacityError):
                admission.admit().__enter__()
        elif inside:
            inside.pop(0).__exit__(None, None, None)
        assert admission.in_flight == len(inside)


def held(admission: Admission, key: Key) -> AbstractContextManager[None]:
    place = admission.admit(key)
    place.__enter__()
    return place


def is_full(admission: Admission, key: Key) -> bool:
    try:
        with admission.admit(key):
            return False
    except CapacityError:
        return True


def test_reserved_places_stay_free_for_their_key() -> None:
    admission = Admission(10)
    admission.reserve({VIP.id: 30})
    others = [held(admission, OTHER) for _ in range(7)]
    with pytest.raises(CapacityError, match="3 more places are reserved"), admission.admit(OTHER):
        pytest.fail("a place that is reserved")
    own = [held(admission, VIP) for _ in range(3)]
    assert is_full(admission, VIP)
    others.pop().__exit__(None, None, None)
    own.append(held(admission, VIP))
    assert is_full(admission, OTHER), "it shares what is left once its own are full"
    assert admission.in_flight == 10


def test_a_small_reservation_is_one_place() -> None:
    admission = Admission(2)
    admission.reserve({VIP.id: 1, "key_none": 0})
    with admission.admit(OTHER):
        assert is_full(admission, OTHER)
        assert not is_full(admission, VIP)


def test_a_reservation_that_ends_frees_its_places() -> None:
    admission = Admission(2)
    admission.reserve({VIP.id: 50})
    with admission.admit(OTHER), admission.admit(VIP):
        admission.reserve({})
        assert is_full(admission, OTHER), "the place is still in use"
    admission.reserve({})
    with admission.admit(OTHER), admission.admit(OTHER):
        assert is_full(admission, VIP)


@given(st.lists(st.tuples(st.sampled_from(["come", "go", "reserve"]), st.integers(0, 90)), max_size=80))
def test_there_are_never_more_than_the_places_and_reserved_ones_are_kept(steps: list[tuple[str, int]]) -> None:
    admission = Admission(5)
    inside: list[tuple[Key, AbstractContextManager[None]]] = []
    for what, number in steps:
        key = VIP if number % 2 else OTHER
        if what == "reserve":
            admission.reserve({VIP.id: number})
        elif what == "come" and not is_full(admission, key):
            inside.append((key, held(admission, key)))
        elif what == "go" and inside:
            inside.pop(number % len(inside))[1].__exit__(None, None, None)
        assert admission.in_flight == len(inside) <= 5
    for _, place in inside:
        place.__exit__(None, None, None)
    admission.reserve({VIP.id: 40})
    taken = [held(admission, OTHER) for _ in range(3)]
    assert is_full(admission, OTHER)
    assert not is_full(admission, VIP)
    assert len(taken) == admission.in_flight
