"""How often a partition was wrong, and when it is to stop."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.cache.guard import FIRST, Guard, Terms, fresh
from homeport.core.caching import Standing
from homeport.stats.proportions import at_most, upper_bound

HERE, THERE = b"h" * 16, b"t" * 16
COUNTS = st.integers(1, 400).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


def fed(guard: Guard, *results: bool | None, partition: bytes = HERE) -> list[Standing]:
    """What a guard says that is shown so many checks."""
    said = []
    for result in results:
        guard.begin(partition)
        over = guard.saw(partition, result, 7)
        said += [over] if over is not None else []
    return said


@pytest.mark.parametrize(
    ("wrong", "of", "bound"),
    [(0, 10, 0.2589), (1, 10, 0.3942), (2, 302, 0.02070), (10, 10, 1.0), (0, 0, 1.0)],
)
def test_the_bound_is_that_of_clopper_and_pearson(wrong: int, of: int, bound: float) -> None:
    """Values of R's binom.test(x, n, alternative="less")."""
    assert upper_bound(wrong, of) == pytest.approx(bound, abs=1e-4)


@given(counts=COUNTS)
def test_the_bound_grows_with_what_was_wrong_and_falls_with_what_was_right(counts: tuple[int, int]) -> None:
    wrong, of = counts
    assert wrong / of <= upper_bound(wrong, of)
    assert upper_bound(wrong, of + 1) <= upper_bound(wrong, of) <= upper_bound(wrong + 1, of + 1)


@pytest.mark.parametrize("budget", [0.005, 0.01, 0.02])
@pytest.mark.parametrize("right", [0, 1, 5])
def test_one_wrong_answer_early_is_within_the_budget_and_two_are_not(budget: float, right: int) -> None:
    guard = Guard(Terms(budget=budget))
    assert fed(guard, *[True] * right, False) == []
    assert guard.answers(HERE)
    [over] = fed(guard, False)
    assert over == Standing(partition=HERE, checked=right + 2, wrong=2, off=7)
    assert not guard.answers(HERE)
    assert guard.answers(THERE)


@given(results=st.lists(st.booleans(), max_size=120), budget=st.sampled_from([0.01, 0.02, 0.1, 0.5]))
def test_it_is_off_from_when_the_bound_exceeds_the_budget(results: list[bool], budget: float) -> None:
    guard, checked, wrong, off = Guard(Terms(budget=budget)), 0, 0, False
    for right in results:
        said = fed(guard, right)
        checked, wrong = checked + 1, wrong + int(not right)
        # The bound exceeds the budget where so few wrong ones are not too unlikely at the budget itself.
        exceeds = wrong > 0 and at_most(wrong, checked + guard.terms.prior, budget) > 0.05
        assert bool(said) == (exceeds and not off)
        assert not (said and right), "a right answer switched it off"
        off = off or exceeds
        assert guard.answers(HERE) == (not off)


@given(rights=st.integers(0, 300))
def test_right_answers_never_switch_it_off(rights: int) -> None:
    guard = Guard(Terms(budget=0.001))
    assert fed(guard, *[True] * rights, *[None] * 3) == []
    assert guard.answers(HERE)


def test_the_first_hits_are_all_checked_and_then_a_share() -> None:
    guard = Guard(Terms(share=0.1), random.Random(1))
    assert all(guard.begin(HERE) for _ in range(FIRST))
    for _ in range(FIRST):
        guard.saw(HERE, True, 1)
    assert 40 <= sum(guard.begin(HERE) for _ in range(1_000)) <= 180


def test_after_a_wrong_one_all_are_checked_until_enough_were_right() -> None:
    guard = Guard(Terms(share=1e-9), random.Random(1))
    fed(guard, *[True] * FIRST)
    assert not guard.begin(HERE)
    guard.saw(HERE, False, 1)
    for _ in range(FIRST):
        assert guard.begin(HERE)
        guard.saw(HERE, True, 1)
    assert not guard.begin(HERE)


def test_without_a_share_nothing_is_checked() -> None:
    assert not Guard(Terms(share=0)).begin(HERE)


def test_what_says_nothing_is_asked_again() -> None:
    guard = Guard(Terms(share=1e-9))
    fed(guard, *[None] * 30)
    assert guard.records() == []
    assert guard.begin(HERE)


def test_one_that_is_off_is_told_once_when_a_check_comes_back_and_says_nothing() -> None:
    guard = Guard()
    fed(guard, False, False)
    guard.saw(HERE, None, 8)
    [record] = guard.records()
    assert record.standing.off == 7


def test_others_hear_of_it_and_it_lasts_until_it_is_resumed() -> None:
    one, other = Guard(), Guard()
    fed(one, False, False)
    told = one.changed()
    assert [standing.off for standing in told] == [7]
    one.stored(told)
    assert one.changed() == ()
    other.take(told)
    assert not other.answers(HERE)
    other.take([Standing(partition=HERE, checked=9, wrong=0)])
    assert not other.answers(HERE), "who has not heard of it does not switch it on"
    other.resume(HERE)
    one.take(other.changed())
    assert one.answers(HERE)
    assert other.answers(HERE)
    assert one.begin(HERE)
    assert fed(one, False) == []


def test_two_that_count_the_same_keep_the_worse() -> None:
    one = Guard()
    fed(one, False, True)
    one.take([Standing(partition=HERE, checked=5, wrong=0)])
    [record] = one.records()
    assert (record.standing.checked, record.standing.wrong) == (5, 1)
    assert record.bare == pytest.approx(upper_bound(1, 5))
    assert record.bound == pytest.approx(upper_bound(1, 305))


def test_what_changed_since_it_was_stored_is_not_forgotten() -> None:
    guard = Guard()
    fed(guard, True)
    told = guard.changed()
    fed(guard, False)
    guard.stored(told)
    assert [standing.wrong for standing in guard.changed()] == [1]


def test_it_forgets_partitions_that_answer_before_those_that_are_off() -> None:
    guard = Guard()
    fed(guard, False, False)
    for number in range(10_100):
        guard.begin(number.to_bytes(16))
    assert not guard.answers(HERE)
    assert len(guard.records()) == 1


def test_an_unknown_partition_is_fresh() -> None:
    guard = Guard()
    guard.take([fresh(HERE)])
    assert guard.answers(HERE)
    assert guard.changed() == ()


def test_no_more_go_on_than_can_prove_something() -> None:
    guard = Guard()
    assert all(guard.answers(HERE) and guard.begin(HERE) for _ in range(FIRST))
    assert not guard.answers(HERE)
    guard.saw(HERE, None, 1)
    assert guard.answers(HERE), "one came back"
    for _ in range(FIRST - 1):
        guard.saw(HERE, True, 1)
    fed(guard, True)
    guard.terms = Terms(share=1)
    assert all(guard.begin(HERE) for _ in range(2 * FIRST))
    assert guard.answers(HERE), "it has proven itself"
