"""How many at once: as many as an engine does nearly as fast as fewer, and what waiting is worth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.pipeline.limit import Bounds, Limit, patience, wait_at_half_load
from homeport.pipeline.pace import Pace, Work

MS = 1_000_000


def run(limit: Limit, answers: int, slower: float) -> None:
    """Answers of an engine that is full and whose answers take `slower` times as long for each beside them."""
    for number in range(answers):
        work = Work(read=100, wrote=20 + number % 5)
        alone = (work.read + 10 * work.wrote) * MS
        limit.answered(work, round(alone * (1 + slower * (limit.places - 1))), float(limit.places))


def calm(limit: Limit, answers: int = 40) -> None:
    for number in range(answers):
        work = Work(read=100, wrote=20 + number % 5)
        limit.answered(work, (work.read + 10 * work.wrote) * MS, 1.0)


def test_an_engine_that_is_as_fast_with_more_is_given_all_places() -> None:
    limit = Limit(Bounds(least=1, most=8, first=2))
    calm(limit)
    run(limit, 400, slower=0.01)
    assert limit.places == 8


def test_one_that_gets_slower_is_given_fewer_and_never_less_than_the_least() -> None:
    limit = Limit(Bounds(least=2, most=8, first=8))
    calm(limit)
    run(limit, 400, slower=1.0)
    assert 4 <= limit.places <= 5, "half of its places are what it is compared with"
    limit.adopt(Bounds(least=5, most=8, first=8))
    run(limit, 400, slower=1.0)
    assert limit.places >= 5


def test_in_between_it_stays_where_answers_are_nearly_as_fast() -> None:
    limit = Limit(Bounds(least=1, most=16, first=16))
    calm(limit)
    run(limit, 800, slower=0.04)
    assert 8 <= limit.places <= 14, "a fifth slower than with half of its places, which is 1.28 times one alone"


def test_nobody_knows_what_more_would_do_where_less_is_asked() -> None:
    limit = Limit(Bounds(least=1, most=64, first=4))
    calm(limit, 400)
    assert limit.places == 4


def test_an_engine_that_recovers_gets_its_places_back() -> None:
    limit = Limit(Bounds(least=1, most=4, first=4))
    calm(limit)
    run(limit, 200, slower=1.0)
    assert limit.places < 4
    run(limit, 400, slower=0.0)
    assert limit.places == 4


def test_longer_answers_are_no_slower_engine() -> None:
    limit = Limit(Bounds(least=1, most=4, first=4))
    calm(limit)
    for number in range(200):
        work = Work(read=1_000 + number, wrote=400 + number % 7)
        limit.answered(work, (work.read + 10 * work.wrote) * MS, 4.0)
    assert limit.places == 4
    assert limit.slowdown == pytest.approx(1.0, abs=0.02)


def test_a_change_of_bounds_holds_at_once() -> None:
    limit = Limit(Bounds(least=1, most=16, first=16))
    limit.adopt(Bounds(least=1, most=3, first=3))
    assert limit.places == 3


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**5), st.integers(1, 10**13), st.floats(1, 64))))
def test_whatever_an_engine_does_the_bounds_hold(answers: list[tuple[int, int, int, float]]) -> None:
    limit = Limit(Bounds(least=2, most=9, first=5))
    for read, wrote, lasted, beside in answers:
        limit.answered(Work(read, wrote), lasted, beside)
        assert 2 <= limit.places <= 9
        assert limit.slowdown >= 1
        assert limit.patience is None or limit.patience > 0


@pytest.mark.parametrize(("read", "wrote"), [(2.0, 30.0), (0.5, 5.0), (0.0, 7.0)])
def test_what_a_token_takes_is_found(read: float, wrote: float) -> None:
    pace = Pace()
    for number in range(200):
        work = Work(10 + 37 * number % 900, 5 + 11 * number % 60)
        pace.learn(work, round(read * work.read + wrote * work.wrote))
    assert pace.expected(Work(100, 0)) == pytest.approx(100 * read, abs=2)
    assert pace.expected(Work(0, 100)) == pytest.approx(100 * wrote, rel=0.02)


def test_where_all_are_alike_the_whole_is_right() -> None:
    pace = Pace()
    for _ in range(50):
        pace.learn(Work(80, 10), 1_000)
    assert pace.expected(Work(80, 10)) == pytest.approx(1_000)
    assert pace.expected(Work(160, 20)) == pytest.approx(2_000)
    assert Pace().expected(Work(1, 1)) == 0


def test_what_only_reads_is_known_too() -> None:
    pace = Pace()
    for number in range(50):
        pace.learn(Work(10 + number, 0), 3 * (10 + number))
    assert pace.expected(Work(100, 0)) == pytest.approx(300)


@pytest.mark.parametrize(("places", "wait"), [(1, 1.83), (2, 0.76), (4, 0.25), (8, 0.02), (64, 0.0)])
def test_at_half_load_the_more_places_the_shorter_the_wait(places: int, wait: float) -> None:
    """M/D/c at half load, in times of an answer: the first three are 2.0, 0.8 and 0.3 by exact methods."""
    assert wait_at_half_load(places) == pytest.approx(wait, abs=0.01)


def test_nobody_waits_longer_than_what_the_promise_leaves() -> None:
    assert patience(mean=100, late=200, slowdown=1.0, places=8, stretch=1.5) == pytest.approx(100)
    assert patience(mean=100, late=200, slowdown=1.2, places=8, stretch=1.5) == pytest.approx(50)
    assert patience(mean=100, late=200, slowdown=9.0, places=8, stretch=1.5) == 100 / 8, "but one waits at least"
    assert patience(mean=100, late=100, slowdown=1.0, places=1, stretch=1.5) == pytest.approx(325, rel=0.01)
