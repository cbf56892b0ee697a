"""Intervals of means against tables, and against Wilson's of shares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.stats.means import bounded, choose, effective_rows, effective_size, student, unbounded
from homeport.stats.proportions import wilson


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(3, 3.1824), (5, 2.5706), (10, 2.2281), (30, 2.0423), (100, 1.9840), (1e9, 1.9600)]
)
def test_students_table(freedom: float, quantile: float) -> None:
    assert student(np.array(freedom)) == pytest.approx(quantile, rel=0.002)


def test_with_many_degrees_of_freedom_it_is_wilsons() -> None:
    found = bounded(np.array([81 / 263, 0.0, 1.0]), np.array([263.0, 20.0, 20.0]), np.array(1e9))
    for place, (hits, of) in enumerate([(81, 263), (0, 20), (20, 20)]):
        assert (found.low[place], found.high[place]) == pytest.approx(wilson(hits, of), abs=1e-6)


@given(st.floats(-1, 2), st.floats(1, 1e6), st.floats(2, 1e6))
def test_bounds_are_in_order(value: float, size: float, freedom: float) -> None:
    found = bounded(np.array(value), np.array(size), np.array(freedom))
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_rows_of_equal_weight_count_one_each() -> None:
    assert effective_rows(np.full((2, 50), 3.0)).tolist() == [50, 50]
    assert effective_rows(np.array([1.0, 1.0, 1e9])) == pytest.approx(1)


def test_the_size_of_a_share_is_its_count() -> None:
    share = np.array([0.3, 0.3, 0.0, 0.3])
    variance = np.array([0.3 * 0.7 / 80, 0.3 * 0.7 / 160, 0.0, 1e-40])
    assert effective_size(share, variance, np.array(40.0)) == pytest.approx([80, 160, 40, 40])


def test_a_plain_interval_has_no_bounds() -> None:
    found = unbounded(np.array(-7.0), np.array(4.0), np.array(1e9))
    assert (found.low, found.high) == pytest.approx((-7 - 3.92, -7 + 3.92), abs=1e-3)
    assert found.width == pytest.approx(7.84, abs=1e-3)


def test_each_sample_has_its_own_choice() -> None:
    one, other = (unbounded(np.full(2, mean), np.ones(2), np.full(2, 30.0)) for mean in (1.0, 2.0))
    assert choose(np.array([True, False]), one, other).value.tolist() == [1.0, 2.0]
