"""The arithmetic between samples and the figures that are published."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.arithmetic import Spread, difference, median_interval, per_unit_us, ratio, rotated, spread, spreads

measured = st.floats(min_value=-1e9, max_value=1e9, allow_nan=False)


def test_a_spread_is_the_median_and_the_bounds_of_what_was_measured() -> None:
    assert spread([3.0, None, 1.0, 10.0]) == Spread(median=3.0, min=1.0, max=10.0)
    assert spread([4.0, 1.0]) == Spread(median=2.5, min=1.0, max=4.0)


def test_nothing_measured_has_no_spread() -> None:
    assert spread([]) is None
    assert spread([None, None]) is None


@given(st.lists(measured, min_size=1))
def test_a_median_lies_between_its_bounds(values: list[float]) -> None:
    found = spread(values)
    assert found is not None
    assert min(values) == found.min <= found.median <= found.max == max(values)


@pytest.mark.parametrize(
    ("over", "under", "wanted"), [(6.0, 3.0, 2.0), (None, 3.0, None), (6.0, None, None), (6.0, 0.0, None)]
)
def test_a_ratio_needs_both_sides(over: float | None, under: float | None, wanted: float | None) -> None:
    assert ratio(over, under) == wanted


def test_a_difference_needs_both_sides_and_may_be_negative() -> None:
    assert difference(3.0, 5.0) == -2.0
    assert difference(None, 5.0) is None
    assert difference(3.0, None) is None


def test_cpu_is_counted_in_microseconds_a_unit() -> None:
    assert per_unit_us(0.5, 1000) == 500.0
    assert per_unit_us(0.5, 0) is None


@given(st.lists(st.integers(), min_size=1, unique=True), st.integers(min_value=0, max_value=100))
def test_a_rotation_keeps_everything_and_moves_the_start(items: list[int], turn: int) -> None:
    order = rotated(items, turn)
    assert sorted(order) == sorted(items)
    assert order[0] == items[turn % len(items)]


def test_nothing_can_be_rotated() -> None:
    assert rotated([], 3) == []


def test_spreads_cover_every_figure_of_any_round() -> None:
    found = spreads([{"rps": 1.0, "rss_mb": None}, {"rps": 3.0, "late": 2.0}])
    assert found == {"rps": Spread(2.0, 1.0, 3.0), "rss_mb": None, "late": Spread(2.0, 2.0, 2.0)}


def test_the_interval_of_a_median_has_it_and_narrows() -> None:
    few, many = [float(number) for number in range(9)], [float(number % 9) for number in range(900)]
    low, high = median_interval(few)
    assert low <= 4 <= high
    assert median_interval([3.0]) == (3.0, 3.0)
    closer = median_interval(many)
    assert closer[1] - closer[0] < high - low
