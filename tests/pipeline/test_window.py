"""The rolling quantile, against the same thing done by sorting."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.pipeline.window import Window


@given(
    values=st.lists(st.integers(0, 50), min_size=1),
    size=st.integers(1, 8),
    share=st.floats(0, 1, exclude_max=True),
)
def test_it_is_the_nearest_rank_of_the_last_values(values: list[int], size: int, share: float) -> None:
    window = Window(size)
    for value in values:
        window.add(value)
    last = sorted(values[-size:])
    assert len(window) == len(last)
    found = window.quantile(share)
    assert found in last
    assert sum(value <= found for value in last) >= math.ceil(share * len(last)), "so many do not exceed it"
    assert sum(value < found for value in last) < max(1, math.ceil(share * len(last))), "and no lesser value will do"


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 10), (0.95, 19), (0.951, 20), (0.999, 20)])
def test_the_quantiles_of_twenty(share: float, value: int) -> None:
    window = Window(20)
    for number in range(20, 0, -1):
        window.add(number)
    assert window.quantile(share) == value
