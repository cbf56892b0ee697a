"""A bill line by line: what the pricing of the request path charged."""

from hypothesis import given
from hypothesis import strategies as st

from homeport.core.money import Nano, PicoRate
from homeport.core.types import Attempt, MachinePrice, TokenPrice, Usage
from homeport.ledger.bill import bill
from homeport.ledger.pricing import RateCard
from tests.fakes.house import API_PRICE, OWN_PRICE, target

_COUNT = st.integers(0, 200_000)


@given(
    st.builds(
        Usage,
        input_tokens=_COUNT,
        cached_input_tokens=_COUNT,
        output_tokens=_COUNT,
        reasoning_tokens=_COUNT,
        cache_write_tokens=_COUNT,
    )
)
def test_the_lines_add_up_to_what_was_charged(usage: Usage) -> None:
    for price in (
        API_PRICE,
        TokenPrice(
            **{name: getattr(API_PRICE, name) for name in ("source", "input", "cached_input", "output")},
            reasoning=PicoRate(7),
            cache_write=PicoRate(3),
            request=PicoRate(1_000),
            above=((1_000, API_PRICE),),
        ),
    ):
        charged = RateCard().cost(target("t", price=price), usage, 0)
        told = bill(usage, price, charged)
        assert told.exact
        assert abs(sum(line.cost for line in told.lines) - charged) <= len(told.lines)


def test_the_time_of_an_engine() -> None:
    usage = Usage(input_tokens=5, engine_ns=4_000_000_000)
    told = bill(usage, OWN_PRICE, RateCard().cost(target("own", price=OWN_PRICE), usage, 9))
    assert told.exact
    assert [(line.units, line.unit, line.rate) for line in told.lines] == [(2_000_000_000, "ns", OWN_PRICE.hourly)]
    assert bill(Usage(), OWN_PRICE, 200_000, elapsed_ns=4_000_000_000).exact


def test_calls_that_gave_no_answer() -> None:
    lost = Attempt(target="a", error="upstream_timeout", started_ns=0, ended_ns=1, cost=Nano(30))
    told = bill(Usage(), None, 30, attempts=(lost, Attempt(target="b", error="", started_ns=0, ended_ns=1)))
    assert told.exact
    assert [line.what for line in told.lines] == ["a call of a that gave no answer"]


def test_another_price_than_then_is_said() -> None:
    assert not bill(Usage(input_tokens=10), API_PRICE, 11).exact
    assert not bill(Usage(input_tokens=10), None, 11).exact
    assert bill(Usage(), MachinePrice(source="x", hourly=Nano(5)), 0).exact
