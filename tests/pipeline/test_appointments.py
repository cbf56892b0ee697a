"""A Retry-After is a moment of one's own, and it is kept."""

from hypothesis import given
from hypothesis import strategies as st

from homeport.pipeline.appointments import Appointments

S = 1_000_000_000


def test_it_is_whole_seconds_rounded_up_and_never_none() -> None:
    book = Appointments()
    assert book.give("a", 0, 0.0, 0.1 * S) == 1
    assert book.give("b", 0, 1.1 * S, 0.1 * S) == 2
    assert book.give("c", 0, 500.0 * S, 0.1 * S) == 60


def test_one_after_the_other_and_each_flow_by_its_own_share() -> None:
    book = Appointments()
    assert [book.give("crowd", 0, 0.5 * S, 1.0 * S) for _ in range(5)] == [1, 4, 7, 10, 13]
    assert book.give("quiet", 0, 0.5 * S, 1.0 * S) == 1


def test_who_comes_in_time_is_expected_once() -> None:
    book = Appointments()
    book.give("a", 0, 0.0, S)
    assert not book.keep("a", S - 1), "too early"
    assert not book.keep("b", S), "somebody else"
    assert book.keep("a", S)
    assert not book.keep("a", S), "it is one place"


def test_who_comes_late_is_not() -> None:
    book = Appointments()
    book.give("a", 0, 0.0, S)
    assert book.keep("a", 5 * S)
    book.give("a", 5 * S, 0.0, S)
    assert not book.keep("a", 20 * S)


def test_others_are_held_back_for_a_moment_only() -> None:
    book = Appointments()
    book.give("a", 0, 0.0, S)
    assert book.expected("a", 0, S - 1) == 0
    assert book.expected("a", 0, S) == 1
    assert book.expected("b", 0, S) == 0, "only those it is counted with"
    assert book.expected("a", S + S // 5, 2 * S) == 1
    assert book.expected("a", 2 * S, 9 * S) == 0, "who is late holds up nobody"


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 3 * S), st.floats(0, 90 * S), st.floats(1, 5 * S)),
        max_size=80,
    )
)
def test_whoever_is_told_less_than_a_minute_is_expected_then(steps: list[tuple[str, int, float, float]]) -> None:
    book, now = Appointments(), 0
    due: list[tuple[int, str]] = []
    for flow, passed, wait, interval in steps:
        now += passed
        for moment, name in [one for one in due if one[0] <= now]:
            due.remove((moment, name))
            assert book.keep(name, moment), "the promise was forgotten"
        seconds = book.give(flow, now, wait, interval)
        assert 1 <= seconds <= 60
        if seconds < 60:
            due.append((now + seconds * S, flow))
    assert book._given == sum(map(len, book._due.values())) >= len(due)
