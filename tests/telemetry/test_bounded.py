"""What has a bound keeps it, and loses no count."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter

from homeport.telemetry.bounded import OTHERS, Bounded, BoundedCounter, Counts

labels = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("xyz")), max_size=60)


@given(labels, st.integers(min_value=1, max_value=30))
def test_no_count_is_lost_and_no_bound_is_passed(said: list[tuple[str, str]], most: int) -> None:
    counts = Counts(most)
    for one in said:
        counts.add(*one)
    assert sum(counts.values()) == len(said)
    assert len(counts) <= most


def test_those_that_are_known_stay_apart() -> None:
    counts = Counts(3)
    for one in "abacadae":
        counts.add(one)
    assert counts == {("a",): 4, ("b",): 1, (OTHERS,): 3}


def test_values_of_others_are_shared() -> None:
    values: Bounded[list[int]] = Bounded(2, list)
    for number in range(5):
        values[str(number), "x"].append(number)
    assert values == {("0", "x"): [0], (OTHERS, OTHERS): [1, 2, 3, 4]}


def test_counters_of_the_library_too() -> None:
    registry = CollectorRegistry()
    counter = BoundedCounter(Counter("c", "what", ("code",), registry=registry), 3)
    for number in range(10):
        counter.add(f"code{number}")
    found = {
        one.labels["code"]: one.value for family in registry.collect() for one in family.samples if "total" in one.name
    }
    assert found == {"code0": 1, "code1": 1, OTHERS: 8}
