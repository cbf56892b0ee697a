"""The outbox: each alert once in its window, each webhook to the end, nothing lost when a process dies."""

import logging

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from homeport.core.alerts import AlertsTested, BudgetExceeded, BudgetThresholdReached, LoopStopped
from homeport.core.money import Nano
from homeport.storage.alerts import (
    GIVE_UP_NS,
    Wanted,
    claim_due,
    get_alert,
    id_of,
    list_alerts,
    note_delivered,
    note_failure,
    raise_alert,
    send_again,
)

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
NOW = 490_000 * HOUR + 59 * 60 * SECOND
ALL = ("info", "warning", "critical")
EVERY = Wanted(webhook="ops", severities=ALL)


def reached(percent: int = 80, at: int = NOW, window: str = "month", period: str = "2026-10") -> BudgetThresholdReached:
    return BudgetThresholdReached(
        at=at,
        budget_id="bud_1",
        budget="acme",
        window=window,
        period=period,
        spent=Nano(80 * SECOND),
        limit=Nano(100 * SECOND),
        percent=percent,
    )


def test_a_month_is_told_once_and_the_next_again(engine: Engine) -> None:
    assert [raise_alert(engine, reached(at=NOW + later * HOUR)) for later in (0, 1, 500)] == [True, False, False]
    assert raise_alert(engine, reached(percent=100))
    assert raise_alert(engine, reached(period="2026-11"))
    assert len(list_alerts(engine)) == 3


def test_an_hour_that_rolls_is_quiet_for_an_hour_over_the_full_hour_too(engine: Engine) -> None:
    minutes = (0, 2, 59, 61, 62)
    told = [raise_alert(engine, reached(window="hour", period="", at=NOW + 60 * SECOND * after)) for after in minutes]
    assert told == [True, False, False, True, False]


def test_a_clock_that_jumps_back_tells_nothing_twice(engine: Engine) -> None:
    assert raise_alert(engine, reached(window="hour", period=""))
    assert not raise_alert(engine, reached(window="hour", period="", at=NOW - 5 * HOUR))


def test_what_is_told_of_it(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        raise_alert(engine, reached())
    (stored,) = list_alerts(engine)
    assert stored == get_alert(engine, id_of(reached()))
    assert (stored.kind, stored.severity, stored.deliveries) == ("budget.threshold_reached", "warning", ())
    assert stored.data["spent_usd"] == "80.000000000"
    assert "at" not in stored.data
    assert stored.summary in caplog.text
    assert get_alert(engine, "alr_none") is None


def test_a_user_may_have_any_name(engine: Engine) -> None:
    named = msgspec.structs.replace(reached(), instance="ü/\U0001f600'\"%_" * 16)
    assert raise_alert(engine, named)
    assert not raise_alert(engine, named)


def test_what_a_webhook_does_not_want_is_not_due(engine: Engine) -> None:
    raise_alert(engine, reached())
    assert not claim_due(engine, Wanted(webhook="w", severities=("critical",)), NOW, HOUR)
    assert not claim_due(engine, Wanted(webhook="w", severities=ALL, kinds=("loop.stopped",)), NOW, HOUR)
    assert claim_due(engine, Wanted(webhook="w", severities=ALL, kinds=("budget.threshold_reached",)), NOW, HOUR)


def test_yesterdays_news_is_not_sent(engine: Engine) -> None:
    raise_alert(engine, reached(at=NOW - GIVE_UP_NS))
    assert not claim_due(engine, EVERY, NOW, HOUR)


def test_who_claims_has_it_alone_until_the_hold_is_over(engine: Engine) -> None:
    raise_alert(engine, reached())
    (due,) = claim_due(engine, EVERY, NOW, 60 * SECOND)
    assert (due.alert.id, due.tries) == (id_of(reached()), 1)
    assert not claim_due(engine, EVERY, NOW + 59 * SECOND, 60 * SECOND)
    (again,) = claim_due(engine, EVERY, NOW + 60 * SECOND, 60 * SECOND)
    assert (again.alert.id, again.tries) == (due.alert.id, 2), "as after a kill -9 of who claimed it first"


def test_each_webhook_has_its_own_fate(engine: Engine) -> None:
    raise_alert(engine, reached())
    other = Wanted(webhook="chat", severities=ALL)
    (due,) = claim_due(engine, EVERY, NOW, HOUR)
    claim_due(engine, other, NOW, HOUR)
    note_delivered(engine, due.alert.id, "ops", NOW + 1)
    note_failure(engine, due.alert.id, "chat", "HTTP 500" * 100, NOW + 2)
    (stored,) = list_alerts(engine)
    chat, ops = stored.deliveries
    assert (ops.state, ops.delivered_at, ops.error) == ("delivered", NOW + 1, "")
    assert (chat.state, chat.next_try_at, len(chat.error)) == ("waiting", NOW + 2, 200)
    assert not claim_due(engine, EVERY, NOW + HOUR, HOUR)
    assert claim_due(engine, other, NOW + 2, HOUR)
    note_failure(engine, due.alert.id, "chat", "HTTP 410", None)
    assert not claim_due(engine, other, NOW + 10 * HOUR, HOUR)


def test_what_was_given_up_or_delivered_can_be_sent_again(engine: Engine) -> None:
    raise_alert(engine, reached())
    (due,) = claim_due(engine, EVERY, NOW, HOUR)
    note_delivered(engine, due.alert.id, "ops", NOW)
    assert send_again(engine, due.alert.id, ["ops", "chat"], NOW + GIVE_UP_NS)
    (again,) = claim_due(engine, EVERY, NOW + GIVE_UP_NS, HOUR)
    assert (again.alert, again.tries) == (due.alert, 1)
    assert not send_again(engine, "alr_none", ["ops"], NOW)


def test_a_heap_of_alerts_is_sent_in_order_a_few_at_a_time(engine: Engine) -> None:
    for percent in range(1, 31):
        raise_alert(engine, reached(percent=percent, at=NOW + percent))
    sizes = []
    seen: list[int] = []
    while due := claim_due(engine, EVERY, NOW + HOUR, HOUR, limit=8):
        sizes.append(len(due))
        seen += [one.alert.data["percent"] for one in due]
    assert (sizes, seen) == ([8, 8, 8, 6], list(range(1, 31)))


@given(at=st.lists(st.integers(0, 400), min_size=1, max_size=30))
def test_a_rolling_alert_is_never_told_twice_within_its_window(at: list[int]) -> None:
    """Of the rule alone: ids of times less than a window apart differ at most where the full hour lies between."""
    alerts = [reached(window="hour", period="", at=minute * 60 * SECOND) for minute in at]
    assert len({id_of(alert) for alert in alerts}) == len({minute // 60 for minute in at})


def test_the_others_say_what_happened() -> None:
    fields = msgspec.structs.asdict(reached())
    del fields["percent"]
    exceeded = BudgetExceeded(refused=7, **fields)
    assert exceeded.severity == "critical"
    assert "acme refuses requests: $80.000000000 of $100.000000000 in this month" in exceeded.summary
    stopped = LoopStopped(
        at=NOW,
        key_id="key_1",
        project="acme",
        trace_id="t1",
        what="the same tool call with the same result",
        repeats=5,
        calls=9,
        cost=Nano(SECOND),
    )
    assert stopped.summary == (
        "Trace t1 of acme was stopped after 9 calls and $1.000000000: the same tool call with the same result, 5 times"
    )
    assert id_of(AlertsTested(at=1)) != id_of(AlertsTested(at=2))
