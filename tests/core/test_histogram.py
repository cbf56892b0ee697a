"""Histograms: every bucket is where it says, close to what is in it, and counts add up."""

from hypothesis import given
from hypothesis import strategies as st

from homeport.core.histogram import bucket, merge, middle, packed, pairs, quantile, quantiles, read_packed

AMOUNTS = st.integers(min_value=-(2**62), max_value=2**62)


@given(AMOUNTS)
def test_the_middle_of_a_bucket_is_in_it_and_near_its_values(value: int) -> None:
    assert bucket(middle(bucket(value))) == bucket(value)
    assert abs(middle(bucket(value)) - value) * 64 <= abs(value)


@given(AMOUNTS, AMOUNTS)
def test_larger_values_are_in_no_smaller_bucket(one: int, other: int) -> None:
    assert (one <= other) is True or bucket(one) >= bucket(other)


def test_small_values_are_exact() -> None:
    assert [middle(bucket(value)) for value in range(-40, 41)] == list(range(-40, 41))


@given(st.lists(AMOUNTS, min_size=1, max_size=50), st.integers(min_value=1, max_value=100))
def test_a_quantile_is_the_bucket_of_the_exact_one(values: list[int], percent: int) -> None:
    counts: dict[int, int] = {}
    for value in values:
        merge(counts, (bucket(value), 1))
    exact = sorted(values)[max(1, -(-len(values) * percent // 100)) - 1]
    assert quantile(counts, percent) == middle(bucket(exact))


def test_nothing_has_no_quantile() -> None:
    assert quantile({}, 50) is None


@given(st.lists(st.dictionaries(st.integers(-99, 99), st.integers(1, 9), min_size=1)))
def test_joined_texts_add_up(parts: list[dict[int, int]]) -> None:
    total: dict[int, int] = {}
    for counts in parts:
        for place, times in counts.items():
            total[place] = total.get(place, 0) + times
    read: dict[int, int] = {}
    merge(read, read_packed(",".join(packed(counts) for counts in parts)))
    assert read == total


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1))
def test_several_quantiles_are_each_by_itself(values: list[int]) -> None:
    counts: dict[int, int] = {}
    for value in values:
        merge(counts, (bucket(value), 1))
    assert quantiles(counts, (1, 50, 95, 100)) == [quantile(counts, percent) for percent in (1, 50, 95, 100)]
    assert sorted(pairs(counts)) == sorted(number for pair in counts.items() for number in pair)
