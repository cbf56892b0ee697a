"""The month's report: credits by hand, and what must hold of money that is paid back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st
from sqlalchemy import Engine

from homeport.ledger.months import Month
from homeport.ledger.objectives import CreditStep, Indicator, Objective, Promise, Route
from homeport.ledger.sla import Report, credit, credit_percent, report
from homeport.ledger.slo import Tally
from tests.ledger.requests import HOUR, MS, failed, ledger, request

OCTOBER = Month(2026, 10)
START, END = OCTOBER.start_ns, OCTOBER.plus(1).start_ns
LATER = END + HOUR
STEPS = (CreditStep(below=999_000, percent=10), CreditStep(below=990_000, percent=25))
PROMISES = {Indicator.AVAILABILITY: Promise(share=999_000), Indicator.LATENCY: Promise(share=500_000, within_ns=5 * MS)}


def objective(name: str = "n", route: Route | None = None, steps: tuple[CreditStep, ...] = STEPS) -> Objective:
    return Objective(name=name, route=route or Route(), window="7d", days=7, promises=PROMISES, credits=steps)


def october(engine: Engine, *objectives: Objective, **more: Any) -> Report:
    return report(engine, objectives or (objective(),), OCTOBER, LATER, **more)


def availability(good: int, bad: int, key: str = "key_1", cost: int = 1_000) -> list[Any]:
    events = [request(START + place, key_id=key, cost=cost) for place in range(good)]
    return [*events, *(failed(START + place, key_id=key) for place in range(bad))]


@pytest.mark.parametrize(
    ("good", "valid", "percent"),
    [(0, 0, 0), (1, 1, 0), (999, 1000, 0), (998, 999, 10), (990, 1000, 10), (989, 1000, 25), (0, 1, 25)],
)
def test_the_furthest_step_counts(good: int, valid: int, percent: int) -> None:
    assert credit_percent(STEPS, Tally(good=good, valid=valid)) == percent
    assert credit_percent((), Tally(good=good, valid=valid)) == 0


@pytest.mark.parametrize(
    ("cost", "percent", "owed"), [(0, 100, 0), (1, 49, 0), (1, 50, 1), (15, 10, 2), (14, 10, 1), (7, 100, 7)]
)
def test_a_credit_is_rounded_half_up_to_a_nano_dollar(cost: int, percent: int, owed: int) -> None:
    assert credit(cost, percent) == owed


def test_by_hand() -> None:
    """99 of 100 kept is 99 %: below 99.9 %, not below 99 %. 99 answers at 1,000 nano-dollars, 10 % back."""
    found = october(ledger(*availability(99, 1)))
    (part,) = found.objectives
    (line,) = part.lines
    assert (line.got.requests, line.got.cost, line.percent, line.credit) == (100, 99_000, 10, 9_900)
    assert part.tallies[Indicator.AVAILABILITY] == Tally(good=99, valid=100)
    assert part.quantiles == {Indicator.AVAILABILITY: None, Indicator.LATENCY: MS}
    assert [(key.key_id, key.cost, key.credit) for key in found.keys] == [("key_1", 99_000, 9_900)]
    assert (found.month, found.complete) == (OCTOBER, True)


def test_each_key_is_owed_for_what_it_got_itself() -> None:
    found = october(ledger(*availability(1000, 0, "good"), *availability(9, 1, "bad")))
    owed = {line.got.key_id: (line.percent, line.credit) for line in found.objectives[0].lines}
    assert owed == {"good": (0, 0), "bad": (25, 2_250)}


def test_only_the_month_counts_whatever_the_objectives_window_is() -> None:
    outside = [failed(START - 1), failed(END), failed(END + 1)]
    found = october(ledger(*outside, request(START), request(END - 1)))
    assert found.objectives[0].tallies[Indicator.AVAILABILITY] == Tally(good=2, valid=2)


def test_a_month_that_is_not_over_is_the_report_so_far() -> None:
    engine = ledger(request(START), request(START + HOUR), failed(START + HOUR + 1))
    found = report(engine, (objective(),), OCTOBER, START + HOUR + 1)
    assert (found.complete, found.objectives[0].tallies[Indicator.AVAILABILITY].valid) == (False, 2)
    assert report(engine, (objective(),), OCTOBER, END).complete


def test_an_empty_month() -> None:
    found = october(ledger())
    assert (found.keys, found.objectives[0].lines) == ((), ())
    assert found.objectives[0].tallies[Indicator.AVAILABILITY] == Tally()


def test_some_keys_only() -> None:
    engine = ledger(*availability(9, 1, "a"), *availability(5, 0, "b"), *availability(3, 0, "c"))
    found = october(engine, key_ids=["b", "c"])
    assert [key.key_id for key in found.keys] == ["b", "c"]
    assert found.objectives[0].tallies[Indicator.AVAILABILITY] == Tally(good=8, valid=8)


def test_nobody_is_paid_back_more_than_was_paid() -> None:
    everything = (CreditStep(below=999_000, percent=80),)
    tier = Route(tier="local", names=("local",), targets=("smollm2",))
    found = october(
        ledger(*availability(1, 9), failed(START, requested_model="local")),
        objective("a", steps=everything),
        objective("b", tier, steps=(CreditStep(below=999_999, percent=80),)),
    )
    (key,) = found.keys
    lines = [line.credit for part in found.objectives for line in part.lines]
    assert lines == [800, 800]
    assert (key.cost, key.credit) == (1_000, 1_000)


def test_without_steps_nothing_is_owed() -> None:
    found = october(ledger(*availability(1, 9)), objective(steps=()))
    assert found.keys[0].credit == found.objectives[0].lines[0].credit == 0


COSTS = st.integers(0, 10**15)


@given(COSTS, st.integers(0, 100))
def test_a_credit_is_a_part_of_the_cost(cost: int, percent: int) -> None:
    assert 0 <= credit(cost, percent) <= cost
    assert abs(credit(cost, percent) * 100 - cost * percent) <= 50


@given(st.integers(0, 10**6), st.integers(0, 10**6), COSTS)
def test_a_worse_month_never_pays_back_less(good: int, bad: int, cost: int) -> None:
    now, worse = Tally(good=good, valid=good + bad), Tally(good=good, valid=good + bad + 1)
    assert credit(cost, credit_percent(STEPS, now)) <= credit(cost, credit_percent(STEPS, worse))


@run(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.sampled_from(["local", "mid"]), COSTS), max_size=20),
    st.integers(1, 100),
)
def test_money_of_a_whole_report_is_bounded(rows: list[tuple[str, bool, str, int]], percent: int) -> None:
    steps = (CreditStep(below=900_000, percent=percent),)
    tier = Route(tier="local", names=("local",), targets=())
    events = [
        request(START, key_id=key, tier=tier_name, cost=cost) if good else failed(START, key_id=key, cost=cost)
        for key, good, tier_name, cost in rows
    ]
    found = october(ledger(*events), objective("a", steps=steps), objective("b", tier, steps=steps))
    spent: dict[str, int] = {}
    for key, _, _, cost in rows:
        spent[key] = spent.get(key, 0) + cost
    assert {total.key_id: total.cost for total in found.keys} == spent
    for total in found.keys:
        owed = [line.credit for part in found.objectives for line in part.lines if line.got.key_id == total.key_id]
        assert max(owed, default=0) <= total.credit <= min(sum(owed), total.cost)
