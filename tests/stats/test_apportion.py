"""Whole numbers that add up."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.stats.apportion import apportion, apportion_parts


def test_by_hand() -> None:
    assert apportion([Fraction(1, 3)] * 3) == [1, 0, 0]
    assert apportion([Fraction(-5, 3), Fraction(1, 3), Fraction(4, 3)]) == [-1, 0, 1]
    assert apportion([]) == []
    with pytest.raises(ValueError, match="whole"):
        apportion([Fraction(1, 3)])
    assert apportion_parts([5, 5, -1], 3) == [2, 2, -1]
    with pytest.raises(ValueError, match="whole"):
        apportion_parts([1, 3], 3)


@given(st.lists(st.fractions(-(10**12), 10**12, max_denominator=97), max_size=20))
def test_each_is_rounded_to_a_neighbour_and_nothing_is_lost(shares: list[Fraction]) -> None:
    total = sum(shares, Fraction(0))
    shares.append(-total % 1)
    rounded = apportion(shares)
    assert sum(rounded) == sum(shares)
    assert all(abs(whole - share) < 1 for whole, share in zip(rounded, shares, strict=True))
