"""Sessions: as the ledger has them, priced with their caches, drawn whole."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.money import PicoRate
from homeport.core.types import TokenPrice
from homeport.ledger.sessions import Session, sessions, spend_of_sessions
from tests.ledger.requests import DAY, NOW, ledger, request

PRICE = TokenPrice(
    source="test",
    input=PicoRate(4_000),
    cached_input=PicoRate(1_000),
    output=PicoRate(10_000),
    cache_write=PicoRate(5_000),
)
COUNTS = st.integers(0, 10**6)
SESSIONS = st.builds(
    lambda plain, cached, written, output, cost: Session(
        requests=1,
        input_tokens=plain + cached + written,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        output_tokens=output,
        cost=cost,
    ),
    COUNTS,
    COUNTS,
    COUNTS,
    COUNTS,
    COUNTS,
)


def session(cost: int) -> Session:
    return Session(requests=1, input_tokens=0, cached_input_tokens=0, output_tokens=0, cost=cost)


def test_a_session_is_a_trace_of_a_key() -> None:
    engine = ledger(
        request(NOW, trace_id="t", cost=1),
        request(NOW + 1, trace_id="t", cost=2),
        request(NOW, trace_id="t", cost=4, key_id="other"),
        request(NOW, trace_id="", cost=8),
        request(NOW + DAY, trace_id="t", cost=16),
        request(NOW, trace_id="u", cost=32, project="p/x"),
    )
    found = sessions(engine, NOW, NOW + DAY)
    assert sorted((one.requests, one.cost) for one in found) == [(1, 4), (1, 32), (2, 3)]
    assert max(found, key=lambda one: one.requests) == Session(
        requests=2, input_tokens=20, cached_input_tokens=4, cache_write_tokens=2, output_tokens=10, cost=3
    )
    assert [one.cost for one in sessions(engine, NOW, NOW + DAY, "p")] == [32]


def test_cached_input_is_priced_as_cached() -> None:
    """100 plain at 4, 500 cached at 1, 200 written at 5, 10 out at 10: 400 + 500 + 1000 + 100."""
    one = Session(
        requests=1, input_tokens=800, cached_input_tokens=500, cache_write_tokens=200, output_tokens=10, cost=0
    )
    assert (one.cost_at(PRICE), one.cost_uncached_at(PRICE)) == (2_000, 3_300)


def test_what_hangs_together_varies_together() -> None:
    """A hundred calls in one session of ten: the interval is wider than that of as many single calls."""
    apart = spend_of_sessions([session(1)] * 9 + [session(11)], 500, None, Random(1))
    whole = spend_of_sessions([session(0)] * 9 + [session(20)], 500, None, Random(1))
    assert apart.mean == whole.mean == 1_000
    assert whole.high - whole.low > 1.5 * (apart.high - apart.low)


@given(st.lists(SESSIONS, min_size=1, max_size=10), st.integers(0, 50))
def test_bounds_are_in_order(recorded: list[Session], count: int) -> None:
    for price in (PRICE, None):
        found = spend_of_sessions(recorded, count, price, Random(1), draws=50)
        assert 0 <= found.low <= found.median <= found.high
        costs = [one.cost if price is None else one.cost_at(price) for one in recorded]
        assert count * min(costs) <= found.low
        assert found.high <= count * max(costs)


def test_none_to_draw_from() -> None:
    with pytest.raises(ValueError, match="none"):
        spend_of_sessions([], 1, None, Random(1))
