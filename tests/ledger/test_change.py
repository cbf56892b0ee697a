"""Why spending changed: one factor alone is named alone, and the parts always add up."""

from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.ledger.change import Change, Factor, Period, Use, explain, period
from tests.ledger.requests import DAY, failed, ledger, request

START = 19_675 * DAY
USES = st.builds(Use, requests=st.integers(1, 10**6), tokens=st.integers(0, 10**9), cost=st.integers(-(10**12), 10**15))
PERIODS = st.dictionaries(st.sampled_from("abcde"), USES, max_size=5)


def use(requests: int, tokens: int, cost: int) -> Use:
    return Use(requests=requests, tokens=tokens, cost=cost)


def parts(before: Period, after: Period) -> dict[str, int]:
    return {factor.value: amount for factor, amount in explain(before, after).parts.items() if amount}


def test_one_factor_alone_is_named_alone() -> None:
    before = {"a": use(10, 1000, 50_000), "b": use(30, 300, 900)}
    assert parts(before, {"a": use(20, 2000, 100_000), "b": use(60, 600, 1_800)}) == {"volume": 50_900}
    assert parts(before, {"a": use(10, 1500, 75_000), "b": use(30, 300, 900)}) == {"tokens": 25_000}
    assert parts(before, {"a": use(10, 1000, 40_000), "b": use(30, 300, 900)}) == {"price": -10_000}
    assert parts(before, {"a": use(20, 2000, 100_000), "b": use(20, 200, 600)}) == {"mix": 49_700}
    assert parts(before, before) == {}


def test_two_factors_at_once_by_hand() -> None:
    """Twice the requests at three times the price: (1 + 2) / 2 of the old cost each way for volume, and so on.

    100 -> 600. Volume alone first adds 100, last 300: 200. Price alone first adds 200, last 400: 300.
    """
    assert parts({"a": use(1, 1, 100)}, {"a": use(2, 2, 600)}) == {"volume": 200, "price": 300}


def test_a_model_that_came_or_went_is_mix() -> None:
    assert parts({"a": use(10, 10, 100)}, {"b": use(10, 90, 700)}) == {"mix": 600}


def test_a_period_without_requests_is_volume() -> None:
    assert parts({}, {"a": use(10, 10, 100)}) == {"volume": 100}
    assert parts({"a": use(10, 10, 100)}, {}) == {"volume": -100}
    assert explain({}, {}) == Change(before=0, after=0, parts=dict.fromkeys(Factor, 0), models=[])  # type: ignore[arg-type]


def test_what_has_no_tokens_costs_by_the_request() -> None:
    assert parts({"a": use(10, 0, 100)}, {"a": use(10, 50, 300)}) == {"price": 200}
    assert parts({"a": use(10, 0, 100)}, {"a": use(20, 0, 200)}) == {"volume": 100}


@settings(max_examples=200)
@given(PERIODS, PERIODS)
def test_the_parts_add_up_to_the_change_to_the_nano_dollar(before: Period, after: Period) -> None:
    found = explain(before, after)
    costs = [sum(use.cost for use in side.values()) for side in (before, after)]
    assert [found.before, found.after] == costs
    assert sum(found.parts.values()) == costs[1] - costs[0]
    for factor in Factor:
        assert found.parts[factor] == sum(model.parts[factor] for model in found.models)
    for model in found.models:
        assert sum(model.parts.values()) == model.after.cost - model.before.cost


@settings(max_examples=100)
@given(PERIODS, PERIODS)
def test_the_way_back_is_the_way_there(before: Period, after: Period) -> None:
    """Within the rounding of each model's parts."""
    there, back = explain(before, after), explain(after, before)
    assert all(abs(there.parts[factor] + back.parts[factor]) <= 2 * len(there.models) for factor in Factor)


def test_a_period_of_the_ledger() -> None:
    engine = ledger(
        request(START, target="a", project="p/x", cost=5, input_tokens=3, output_tokens=4),
        request(START + 1, target="a", project="q", cost=6, input_tokens=1, output_tokens=1),
        request(START + DAY, target="a", cost=99),
        request(START - 1, target="a", cost=99),
        failed(START + 2),
        failed(START + 2, cost=8, input_tokens=0, output_tokens=0),
    )
    assert period(engine, START, START + DAY) == {"a": use(2, 9, 11), "": use(1, 0, 8)}
    assert period(engine, START, START + DAY, "p") == {"a": use(1, 7, 5)}
