"""What may still be spent today bounds how many calls begin together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from homeport.core.money import Nano
from homeport.core.types import Target
from homeport.jobs.judge_purse import Purse, unpriced
from tests.fakes.house import API_PRICE, OWN_PRICE, target

API = target("api", price=API_PRICE)
OWN = target("own", local=True, price=OWN_PRICE)
FREE = target("free", local=True)
CALL = (1_000 + 64) * 1_000 + 100 * 4_000
"""Nano-dollars at most of a prompt of 1,000 tokens and an answer of 100."""


def purse(engine: Engine, most: int | None, spent: int = 0) -> Purse:
    made = Purse(engine, None if most is None else Nano(most))
    made.look(0, "e")
    if spent:
        made.paid("before", spent)
    return made


@pytest.mark.parametrize(
    ("most", "room"), [(None, 5), (0, 0), (CALL - 1, 0), (CALL, 1), (3 * CALL - 1, 2), (9 * CALL, 5)]
)
def test_as_many_calls_begin_as_could_be_paid_at_their_longest(engine: Engine, most: int | None, room: int) -> None:
    assert purse(engine, most).room([API], [1_000] * 5, 100) == room


def test_what_was_spent_and_the_dearest_call_count(engine: Engine) -> None:
    assert purse(engine, 10 * CALL, spent=3 * CALL).room([API], [1_000] * 9, 100) == 2
    assert purse(engine, 10 * CALL, spent=10 * CALL).room([FREE], [1_000], 100) == 0


@pytest.mark.parametrize("targets", [[FREE], [target("sim", simulated=True)]])
def test_what_costs_nothing_is_not_held_up(engine: Engine, targets: list[Target]) -> None:
    assert purse(engine, 0).room(targets, [1_000] * 5, 100) == 5


def test_whose_price_is_time_is_asked_alone_first(engine: Engine) -> None:
    mine = purse(engine, 100)
    assert mine.room([OWN], [1_000] * 5, 100) == 1
    mine.paid("first", 30)
    assert mine.room([OWN], [1_000] * 5, 100) == 2


@given(st.integers(0, 20), st.integers(0, 20), st.lists(st.integers(0, 5_000), max_size=8))
def test_all_that_begins_together_fits_under_the_cap(cap: int, spent: int, sizes: list[int]) -> None:
    mine = Purse.__new__(Purse)
    mine.most, mine.spent, mine._dearest = Nano(cap * CALL), spent * CALL, 0
    room = mine.room([API], sizes, 100)
    bounds = [(size + 64) * 1_000 + 400_000 for size in sizes[:room]]
    assert not room or mine.spent + sum(bounds) <= cap * CALL


def test_who_has_no_price_elsewhere() -> None:
    assert unpriced([API, OWN, FREE, target("nameless"), target("sim", simulated=True)]) == ["nameless"]
