"""A pool's bill is shared by work, and to the nano-dollar."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.ledger.engine_work import Weights, Work, allocate, fitted

amounts = st.integers(min_value=0, max_value=10**15)
works = st.lists(st.integers(min_value=0, max_value=10**15), max_size=60)


@given(amounts, works, amounts)
def test_requests_and_idle_are_the_bill_to_the_nano_dollar(bill: int, each: list[int], capacity: int) -> None:
    shares, idle = allocate(bill, each, capacity)
    assert sum(shares) + idle == bill
    assert idle >= 0
    assert len(shares) == len(each)
    assert all(0 <= share <= bill for share in shares)


@given(amounts, works, amounts)
def test_nobody_is_off_by_more_than_the_rounding(bill: int, each: list[int], capacity: int) -> None:
    shares, idle = allocate(bill, each, capacity)
    used, total = bill - idle, sum(each)
    assert used * max(total, capacity) <= bill * total
    for share, work in zip(shares, each, strict=True):
        assert abs(share * total - used * work) < max(total, 1)
        assert work or not share, "who did nothing pays nothing"


@given(amounts, works)
def test_a_pool_without_a_free_moment_has_no_idle_cost(bill: int, each: list[int]) -> None:
    _, idle = allocate(bill, each, sum(each))
    assert idle == (0 if sum(each) else bill)


def test_by_hand() -> None:
    # 100 nano-dollars, 6 of 12 units used: 50 are shared 1 : 2 : 3, the remainders 1/3 and 2/3 of 8.33 and 16.67.
    assert allocate(100, [1, 2, 3], 12) == ([8, 17, 25], 50)
    assert allocate(100, [0, 0], 12) == ([0, 0], 100)
    assert allocate(100, [], 12) == ([], 100)


def answers(count: int, *, noise: float = 0.0, timed: bool = True) -> list[Work]:
    """An engine takes 0.2 ms for a token of a prompt, 0.01 ms for a cached one and 6 ms for one of an answer."""
    dice = random.Random(7)
    rows = []
    for place in range(count):
        tokens = dice.randrange(10, 3_000), dice.choice((0, 0, 500, 2_000)), dice.randrange(1, 400)
        exact = 200_000 * tokens[0] + 10_000 * tokens[1] + 6_000_000 * tokens[2]
        rows.append(Work(f"r{place}", *tokens, round(exact * (1 + noise * dice.uniform(-1, 1))), timed))
    return rows


def test_weights_are_found_in_the_engines_own_timings() -> None:
    found = fitted(answers(200))
    assert found.fitted
    assert found.uncached == pytest.approx(200_000_000, rel=1e-6)
    assert found.cached == pytest.approx(10_000_000, rel=1e-4)
    assert found.output == pytest.approx(6_000_000_000, rel=1e-6)


def test_noise_moves_them_little() -> None:
    found = fitted(answers(400, noise=0.2))
    assert found.uncached == pytest.approx(200_000_000, rel=0.1)
    assert found.output == pytest.approx(6_000_000_000, rel=0.1)
    assert found.cached >= 0


def test_a_kind_of_token_that_seems_to_give_time_back_costs_nothing() -> None:
    odd = [
        Work(row.request_id, *row.tokens, max(1, row.took_ns - 15_000 * row.cached), is_timed=True)
        for row in answers(200)
    ]
    found = fitted(odd)
    assert (found.fitted, found.cached) == (True, 0)
    assert found.uncached == pytest.approx(200_000_000, rel=0.1)


@pytest.mark.parametrize("rows", [answers(29), answers(200, timed=False)])
def test_without_enough_timings_the_ratios_are_usual_and_the_times_are_kept(rows: list[Work]) -> None:
    found = fitted(rows)
    assert not found.fitted
    assert (found.uncached / found.output, found.cached / found.output) == pytest.approx((0.25, 0.025))
    assert sum(found.of(row) for row in rows) == pytest.approx(1_000 * sum(row.took_ns for row in rows))


rows = st.builds(
    Work,
    st.just("r"),
    *[st.integers(min_value=0, max_value=10**6)] * 3,
    st.integers(min_value=0, max_value=10**13),
    st.booleans(),
)


@given(st.lists(rows, max_size=80) | rows.map(lambda row: [row] * 40))
def test_no_token_ever_has_a_negative_weight(of: list[Work]) -> None:
    found = fitted(of)
    assert isinstance(found, Weights)
    assert min(found.uncached, found.cached, found.output) >= 0
    assert found.uncached + found.output > 0
