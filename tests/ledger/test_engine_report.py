"""What the pools cost, from the rows of requests and the hours that were noted."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from homeport.core.events import RequestFinished
from homeport.ledger.engine_report import hour_bill, pool_costs, shares_of
from homeport.storage.engine_hours import HOUR_NS, Pool, note_presence, read_hours
from tests.ledger.requests import SECOND, add, ledger, request

START = 472_222 * HOUR_NS
POOL = Pool(engine="own", hourly=3_600_000_000, slots=2)


def asked(at: int, *, tokens: int = 100, seconds: float = 1.0, **changes: object) -> RequestFinished:
    plain = {"upstream": "own", "local": True, "input_tokens": tokens, "cached_input_tokens": 0, "output_tokens": 0}
    return request(START + at, **{**plain, "engine_ns": round(seconds * 1e9), **changes})


def test_used_and_idle_are_the_bill() -> None:
    engine = ledger(*(asked(place * SECOND) for place in range(40)), asked(5, upstream="other"))
    note_presence(engine, [POOL], START, START + HOUR_NS // 2)
    (cost,) = pool_costs(engine)
    # Half an hour at 3.60 dollars; 40 seconds of its 3,600 seconds of two slots were worked.
    assert (cost.engine, cost.bill, cost.requests) == ("own", 1_800_000_000, 40)
    assert cost.used == 1_800_000_000 * 40 // 3_600
    assert cost.used + cost.idle == cost.bill
    assert cost.shares == cost.used
    assert cost.weights.fitted
    assert cost.idle_tax == 90.0
    assert cost.unbilled == 0


def test_each_hour_has_its_own_bill_and_price() -> None:
    dearer = Pool(engine="own", hourly=7_200_000_000, slots=2)
    engine = ledger(asked(1), asked(HOUR_NS + 1), asked(3 * HOUR_NS))
    note_presence(engine, [POOL], START, START + HOUR_NS - SECOND)
    note_presence(engine, [dearer], START + HOUR_NS - SECOND, START + 2 * HOUR_NS)
    (cost,) = pool_costs(engine)
    assert (cost.bill, cost.requests, cost.unbilled) == (3_600_000_000 + 7_200_000_000, 2, 1)
    assert cost.used + cost.idle == cost.bill
    (later,) = pool_costs(engine, since_ns=START + HOUR_NS)
    assert (later.bill, later.requests, later.unbilled) == (7_200_000_000, 1, 1)


def test_nothing_that_runs_elsewhere_has_a_bill() -> None:
    assert pool_costs(ledger(asked(1), request(START, local=False))) == []


def test_an_idle_pool_is_all_idle() -> None:
    engine = ledger()
    note_presence(engine, [POOL], START, START + HOUR_NS)
    (cost,) = pool_costs(engine)
    assert (cost.used, cost.idle, cost.idle_tax, cost.utilisation) == (0, 3_600_000_000, None, 0.0)


def test_a_span_that_is_told_twice_or_in_parts_counts_once() -> None:
    engine = ledger()
    for start, end in ((0, 10), (10, 20), (10, 20), (20, 20), (0, 5)):
        note_presence(engine, [POOL], START + start * SECOND, START + end * SECOND)
    (hour,) = read_hours(engine)
    assert (hour.since, hour.until) == (START, START + 20 * SECOND)
    assert hour_bill(hour) == 20_000_000


def test_a_span_is_cut_at_full_hours() -> None:
    engine = ledger()
    note_presence(engine, [POOL], START + HOUR_NS - SECOND, START + 2 * HOUR_NS + SECOND)
    hours = sorted(read_hours(engine), key=lambda hour: hour.hour)
    assert [hour.until - hour.since for hour in hours] == [SECOND, HOUR_NS, SECOND]


sizes = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=3 * HOUR_NS - 1),
        st.integers(min_value=0, max_value=10**6),
        st.integers(min_value=0, max_value=10**5),
        st.floats(min_value=0, max_value=100),
    ),
    max_size=25,
)


@given(sizes, st.integers(min_value=0, max_value=10**12), st.integers(min_value=1, max_value=3 * HOUR_NS))
def test_conservation_over_any_traffic(rows: list[tuple[int, int, int, float]], hourly: int, span: int) -> None:
    """Requests + idle = the bill, to the nano-dollar: of each hour, and of the pool."""
    engine = ledger(*(asked(at, tokens=size, output_tokens=told, seconds=took) for at, size, told, took in rows))
    note_presence(engine, [Pool(engine="own", hourly=hourly, slots=3)], START, START + span)
    (cost,) = pool_costs(engine)
    each = [(hour_bill(hour), *shares_of(engine, "own", hour, cost.weights)) for hour in read_hours(engine)]
    for bill, shares, idle in each:
        assert sum(share.cost for share in shares) + idle == bill
    assert cost.shares + cost.idle == cost.bill == sum(bill for bill, _, _ in each)
    assert cost.requests + cost.unbilled == len(rows)
    assert cost.shares == sum(share.cost for _, shares, _ in each for share in shares)


def test_both_databases_tell_the_same(connect: Callable[[], Engine]) -> None:
    engine = connect()
    add(engine, *(asked(place * SECOND, tokens=place, output_tokens=3) for place in range(50)))
    note_presence(engine, [POOL], START, START + HOUR_NS)
    (cost,) = pool_costs(engine, since_ns=START, until_ns=START + HOUR_NS)
    assert (cost.requests, cost.bill) == (50, 3_600_000_000)
    assert cost.shares == cost.used == cost.bill - cost.idle > 0
