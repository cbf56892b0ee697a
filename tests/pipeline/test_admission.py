"""Places: as many as there are, and every one given back."""

from contextlib import AbstractContextManager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import CapacityError
from homeport.pipeline.admission import Admission


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
