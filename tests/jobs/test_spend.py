"""The watch over spending raises what there is to tell, once, and outlives a database that fails."""

import msgspec
import pytest
from sqlalchemy import Engine

from homeport.core.budgets import EACH, ScopeKind, Window
from homeport.core.money import Nano
from homeport.jobs.spend import SpendWatch, whose_is
from homeport.ledger.months import Month
from homeport.ledger.spending import Whose
from homeport.storage.alerts import list_alerts
from homeport.storage.budgets import add_budget
from tests.ledger.requests import DAY, HOUR, add, ledger, request
from tests.storage.budget import budget

NOVEMBER = Month(2026, 11).start_ns
NOW = NOVEMBER + 15 * DAY
USD = 1_000_000_000
MINUTE = HOUR // 60


def told(engine: Engine) -> list[str]:
    return sorted(alert.kind for alert in list_alerts(engine))


def capped(engine: Engine, usd: int, **fields: object) -> None:
    made = msgspec.structs.replace(budget(window=Window.MONTH), limit=Nano(usd * USD), **fields)
    add_budget(engine, made, created_at=1)


def test_an_empty_house_is_quiet() -> None:
    engine = ledger()
    SpendWatch(engine).look(NOW)
    assert told(engine) == []


def test_a_fire_is_told_once_for_each_rule() -> None:
    engine = ledger(*(request(NOW - minute * MINUTE, cost=2 * USD, local=False) for minute in (1, 2, 3)))
    capped(engine, 100, kind=ScopeKind.ALL, scope="")
    watch = SpendWatch(engine)
    watch.look(NOW)
    assert told(engine) == ["budget.burn_rate"] * 2
    watch.look(NOW + MINUTE)
    SpendWatch(engine).look(NOW + 2 * MINUTE)
    assert told(engine) == ["budget.burn_rate"] * 2


def test_own_engines_and_other_projects_burn_nothing() -> None:
    engine = ledger(
        request(NOW - MINUTE, cost=90 * USD, local=True, project="a"),
        request(NOW - MINUTE, cost=90 * USD, local=False, project="b"),
    )
    capped(engine, 100, kind=ScopeKind.PROJECT, scope="a")
    SpendWatch(engine).look(NOW)
    assert told(engine) == []


def test_budgets_of_each_user_and_of_other_windows_are_left_to_their_thresholds() -> None:
    engine = ledger(request(NOW - MINUTE, cost=90 * USD, local=False, end_user="u"))
    capped(engine, 100, id="bud_1", name="each", kind=ScopeKind.USER, scope=EACH)
    capped(engine, 100, id="bud_2", name="day", kind=ScopeKind.ALL, scope="", window=Window.DAY)
    SpendWatch(engine).look(NOW)
    assert told(engine) == []


def test_a_month_that_will_not_fit_is_told() -> None:
    engine = ledger(*(request(NOVEMBER + day * DAY, cost=2 * USD, local=False) for day in range(15)))
    capped(engine, 59, kind=ScopeKind.ALL, scope="")
    watch = SpendWatch(engine)
    watch.look(NOW)
    assert told(engine) == ["budget.forecast_over"]
    (alert,) = list_alerts(engine)
    assert (alert.data["forecast_usd"], alert.data["limit_usd"]) == ("60.000000000", "59.000000000")


def test_a_month_that_will_fit_is_not_told() -> None:
    engine = ledger(*(request(NOVEMBER + day * DAY, cost=2 * USD, local=False) for day in range(15)))
    capped(engine, 60, kind=ScopeKind.ALL, scope="")
    SpendWatch(engine).look(NOW)
    assert told(engine) == []


def test_an_unusual_hour_is_told_while_it_runs_and_not_again_when_it_is_over() -> None:
    engine = ledger(*(request(NOW - hour * HOUR, cost=USD) for hour in range(1, 300)))
    watch = SpendWatch(engine)
    watch.look(NOW + MINUTE)
    assert told(engine) == []
    add(engine, request(NOW + 2 * MINUTE, cost=40 * USD))
    watch.look(NOW + 3 * MINUTE)
    watch.look(NOW + HOUR + MINUTE)
    assert told(engine) == ["spend.anomaly"]
    assert list_alerts(engine)[0].data["hour"] == NOW


def test_what_came_late_is_judged_in_the_hour_it_belongs_to() -> None:
    engine = ledger(*(request(NOW - hour * HOUR, cost=USD) for hour in range(1, 300)))
    add(engine, request(NOW - MINUTE, cost=40 * USD))
    SpendWatch(engine).look(NOW + MINUTE)
    assert list_alerts(engine)[0].data["hour"] == NOW - HOUR


@pytest.mark.parametrize(
    ("kind", "whose"),
    [
        (ScopeKind.ALL, Whose(remote=True)),
        (ScopeKind.PROJECT, Whose(project="x", remote=True)),
        (ScopeKind.KEY, Whose(key_id="x", remote=True)),
        (ScopeKind.USER, Whose(end_user="x", remote=True)),
        (ScopeKind.TRACE, Whose(trace_id="x", remote=True)),
    ],
)
def test_whose_spending_a_budget_caps(kind: ScopeKind, whose: Whose) -> None:
    assert whose_is(msgspec.structs.replace(budget(), kind=kind, scope="" if kind is ScopeKind.ALL else "x")) == whose
