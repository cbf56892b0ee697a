"""How objectives stand at a time, and that what a watch keeps in mind changes nothing."""

import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st

from homeport.core.events import RequestFinished
from homeport.core.types import Outcome
from homeport.ledger.months import Month
from homeport.ledger.objectives import Indicator, Objective, Promise, Route
from homeport.ledger.standing import Watch, window_start
from homeport.storage.standings import Standing
from tests.ledger.requests import DAY, HOUR, NOW, SECOND, add, failed, ledger, request

AVAILABILITY = {Indicator.AVAILABILITY: Promise(share=999_000)}
MINUTE = 60 * SECOND


def objective(days: int | None = 30, name: str = "n") -> Objective:
    window = "month" if days is None else f"{days}d"
    return Objective(name=name, route=Route(), window=window, days=days, promises=AVAILABILITY)


def standing(*events: RequestFinished, days: int | None = 30, now: int = NOW) -> Standing:
    (row,) = Watch(ledger(*events), (objective(days),)).standings(now)
    return row


def test_by_hand() -> None:
    """1000 requests a month ago, 10 just now of which one failed: the month is fine, the hour is not."""
    old = [request(NOW - 20 * DAY)] * 990
    row = standing(*old, *[request(NOW - MINUTE)] * 9, failed(NOW - MINUTE))
    assert (row.objective, row.indicator, row.target, row.good, row.valid) == ("n", "availability", 0.999, 999, 1000)
    assert (row.ratio, row.budget_left) == (0.999, 0.0)
    assert row.burn == dict.fromkeys(("5m", "30m", "1h", "6h", "3d"), 100.0)
    assert row.firing == ("page", "ticket")


def test_an_outage_that_is_over_does_not_page() -> None:
    row = standing(*[failed(NOW - 40 * MINUTE)] * 50, *[request(NOW - MINUTE)] * 50)
    assert (row.burn["5m"], row.burn["1h"]) == (0.0, 500.0)
    assert row.firing == ("ticket",)


def test_nothing_at_all() -> None:
    row = standing()
    assert (row.ratio, row.valid, row.budget_left, row.firing) == (None, 0, 1.0, ())
    assert set(row.burn.values()) == {0.0}


def test_wrong_requests_only_are_nothing_at_all() -> None:
    rejected = failed(NOW - MINUTE, outcome=Outcome.REJECTED, status=404)
    assert standing(*[rejected] * 99) == standing()


@pytest.mark.parametrize(("at", "counted"), [(-30 * DAY - 1, 0), (-30 * DAY, 1), (-1, 1), (0, 0), (HOUR, 0)])
def test_the_edges_of_a_rolling_window(at: int, counted: int) -> None:
    assert standing(request(NOW + at)).valid == counted


def test_a_window_shorter_than_the_alerts_look_back() -> None:
    row = standing(failed(NOW - 2 * DAY), request(NOW - HOUR // 2), days=1)
    assert (row.good, row.valid) == (1, 1)
    assert row.burn["3d"] == 500.0


def test_a_month_begins_at_midnight_utc() -> None:
    december = Month(2026, 12).start_ns
    events = [failed(december - 1), request(december), request(december + 1)]
    assert standing(*events, days=None, now=december + HOUR).valid == 2
    assert standing(*events, days=None, now=december + 1).valid == 1
    assert window_start(objective(None), december) == december
    assert window_start(objective(None), december - 1) == Month(2026, 11).start_ns


MOMENTS = st.integers(-40 * DAY, 2 * HOUR).map(lambda offset: NOW + offset)
STEPS = st.sampled_from(
    [0, 15 * SECOND, 9 * MINUTE, 10 * MINUTE, 11 * MINUTE, HOUR, 3 * DAY, 20 * DAY, -HOUR, -9 * DAY]
)


@run(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(MOMENTS, st.booleans()), max_size=20), st.lists(STEPS, max_size=6), st.sampled_from([1, 3, 30])
)
def test_a_watch_says_what_a_fresh_count_says(moments: list[tuple[int, bool]], steps: list[int], days: int) -> None:
    """But for the far edge of the window, which may be up to ten minutes behind."""
    engine = ledger(*(request(at) if good else failed(at) for at, good in moments))
    watch, now = Watch(engine, (objective(days),)), NOW
    for step in (0, *steps):
        now += step
        (kept,), (fresh,) = watch.standings(now), Watch(engine, (objective(days),)).standings(now)
        edge = now - days * DAY
        at_edge = sum(edge - 10 * MINUTE <= at < edge for at, _ in moments)
        assert (kept.burn, kept.firing) == (fresh.burn, fresh.firing)
        assert 0 <= kept.valid - fresh.valid <= at_edge
        assert 0 <= kept.good - fresh.good <= at_edge


def test_late_rows_are_seen_at_once_where_alerts_look_and_soon_elsewhere() -> None:
    engine = ledger(request(NOW - HOUR))
    watch = Watch(engine, (objective(),))
    assert watch.standings(NOW)[0].valid == 1
    add(engine, failed(NOW - HOUR), failed(NOW - 20 * DAY))
    assert watch.standings(NOW + MINUTE)[0].valid == 2
    assert watch.standings(NOW + 11 * MINUTE)[0].valid == 3


def test_objectives_do_not_share_what_is_kept_in_mind() -> None:
    engine = ledger(failed(NOW - 20 * DAY), request(NOW - HOUR))
    both = (objective(30, "long"), objective(7, "short"))
    watch = Watch(engine, both)
    for _ in range(2):
        assert [(row.objective, row.valid) for row in watch.standings(NOW)] == [("long", 2), ("short", 1)]
