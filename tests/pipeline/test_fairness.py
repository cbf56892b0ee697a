"""Who is next: each flow gets its share, and nobody's is kept for later."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.pipeline.fairness import FairQueue, Ticket


def served(queue: FairQueue[str], times: int) -> list[str]:
    found = []
    for _ in range(times):
        first = queue.next()
        assert first is not None
        queue.serve(first)
        found.append(first.item)
    return found


def test_of_one_flow_whoever_came_first_goes_first() -> None:
    queue: FairQueue[str] = FairQueue()
    for name in "abc":
        queue.add("one", 1.0, name)
    assert served(queue, 3) == ["a", "b", "c"]
    assert queue.next() is None
    assert len(queue) == 0


def test_a_flow_that_asks_for_much_does_not_hold_up_one_that_asks_for_little() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(10):
        queue.add("crowd", 1.0, f"crowd {number}")
    queue.add("quiet", 1.0, "quiet")
    assert queue.ahead("quiet") == 3, "its own, and two of the crowd"
    assert served(queue, 2) == ["crowd 0", "quiet"]


@pytest.mark.parametrize(("weight", "share"), [(1.0, 30), (3.0, 45), (0.5, 20)])
def test_shares_go_by_weight(weight: float, share: int) -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(100):
        queue.add("one", 10 / weight, "one")
        queue.add("other", 10.0, "other")
    found = Counter(served(queue, 60))
    assert found["one"] == pytest.approx(share, abs=1)


def test_what_is_asked_for_counts_and_not_how_often() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(100):
        queue.add("long", 300.0, "long")
        queue.add("short", 100.0, "short")
    found = Counter(served(queue, 80))
    assert found["short"] == pytest.approx(60, abs=2)


def test_who_was_away_has_nothing_in_hand() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(50):
        queue.pass_by("always", 1.0)
    for _ in range(5):
        queue.add("always", 1.0, "always")
        queue.add("back", 1.0, "back")
    assert Counter(served(queue, 6)) == {"always": 3, "back": 3}


def test_who_leaves_is_not_served_and_a_second_time_means_nothing() -> None:
    queue: FairQueue[str] = FairQueue()
    tickets = [queue.add("one", 1.0, name) for name in "abc"]
    for _ in range(2):
        queue.remove(tickets[1])
    assert (len(queue), queue.waiting("one"), queue.waiting("none")) == (2, 2, 0)
    assert served(queue, 2) == ["a", "c"]


def test_flows_that_are_owed_nothing_are_forgotten() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(10_000):
        queue.pass_by(f"flow {number}", 1.0)
        queue.pass_by("one", 1.0)
    assert len(queue._finish) <= 2_048


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0.1, 100, allow_nan=False), st.sampled_from("asr")), max_size=120
    )
)
def test_each_that_waits_is_served_or_has_left_and_time_never_goes_back(
    steps: list[tuple[str, float, str]],
) -> None:
    queue: FairQueue[int] = FairQueue()
    waiting: list[Ticket[int]] = []
    latest = 0.0
    for number, (flow, cost, what) in enumerate(steps):
        first = queue.next()
        if what == "a":
            waiting.append(queue.add(flow, cost, number))
        elif what == "r" and waiting:
            queue.remove(waiting.pop(number % len(waiting)))
        elif first is not None:
            assert first is min(waiting)
            assert first.start >= latest or queue.waiting(first.flow)
            queue.serve(first)
            waiting.remove(first)
        assert len(queue) == len(waiting) == sum(queue.waiting(name) for name in "abc")
