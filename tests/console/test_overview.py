"""The page Overview, and its one sentence."""

from typing import Any

import msgspec
import pytest

from homeport.console.figures.overview import Overviews, advice, latest_times, overview, quantile, troubles, worry
from homeport.console.show import iso
from homeport.core.alerts import AlertsTested
from homeport.core.budgets import Budget, ScopeKind, Window
from homeport.core.money import Nano
from homeport.core.people import Role
from homeport.core.types import Outcome
from homeport.ledger.reports import spend
from homeport.storage.alert_figures import AlertFigures, Delivered
from homeport.storage.alerts import StoredAlert, raise_alert
from homeport.storage.budgets import Standing, add_budget
from homeport.storage.published import publish
from homeport.storage.unusual import write_unusual
from tests.console.office import Office
from tests.ledger.requests import HOUR, NOW, SECOND, add, failed, ledger, request
from tests.storage.test_unusual import noticed, state

USD = 1_000_000_000


def test_the_figures_are_those_of_the_reports() -> None:
    engine = ledger(
        *(request(NOW - HOUR - number, cost=USD, local=False, tier="mid") for number in range(3)),
        *(request(NOW - HOUR - number, tier="local", cost=USD) for number in range(1)),
        request(NOW - 100 * HOUR, cost=5 * USD),
    )
    figures = overview(engine, NOW)
    assert figures.today.cost == spend(engine, since_ns=NOW // (24 * HOUR) * 24 * HOUR)[0].cost == 4 * USD
    assert figures.month.cost == 9 * USD
    assert figures.forecast.expected >= figures.month.cost
    assert figures.query.p50 == pytest.approx(USD, rel=0.016)
    assert figures.query.p99 == figures.query.p50, "what was asked days ago does not count"
    assert [(row.group, row.requests) for row in figures.tiers] == [("mid", 3), ("local", 1)]
    assert figures.times.of == 4


def test_the_month_is_held_for_a_minute_and_today_is_not() -> None:
    engine = ledger(request(NOW - HOUR, cost=USD))
    overviews = Overviews(engine)
    assert overviews.at(NOW) == overview(engine, NOW)
    add(engine, request(NOW - 5, cost=USD))
    assert (overviews.at(NOW + 59 * SECOND).today.cost, overviews.at(NOW + 59 * SECOND).month.cost) == (2 * USD, USD)
    assert overviews.at(NOW + 60 * SECOND).month.cost == 2 * USD
    assert overviews.at(NOW).month.cost == 2 * USD, "a clock that was set back holds nothing"


def test_times_are_of_the_newest_and_failures_count() -> None:
    events = [request(NOW - number * SECOND, latency_ns=number, ttft_ns=number) for number in range(1, 101)]
    engine = ledger(*events, failed(NOW - HOUR, latency_ns=10**12), failed(NOW - 30 * HOUR))
    times = latest_times(engine, NOW - 24 * HOUR)
    assert (times.of, times.p50, times.p95, times.p99, times.ttft_p50) == (101, 50, 95, 99, 50)
    assert times.failed == pytest.approx(1 / 101)


@pytest.mark.parametrize(("count", "share", "value"), [(1, 0.99, 1), (2, 0.5, 1), (100, 0.95, 95), (101, 0.99, 100)])
def test_a_quantile_is_a_value_that_was_there(count: int, share: float, value: int) -> None:
    assert quantile(range(1, count + 1), share) == value
    assert quantile([], share) is None


def cap(limit: int, spent: int, window: Window = Window.MONTH) -> Standing:
    budget = Budget(id="bud_1", name="all", kind=ScopeKind.ALL, scope="", limit=Nano(limit), window=window)
    return Standing(budget=budget, spent=Nano(spent))


def alert(severity: str, at: int = NOW) -> StoredAlert:
    return StoredAlert(id="a", kind="k", severity=severity, at=at, summary=f"it is {severity}", data={})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "All is well: 30 requests today, $3.00."),
        ({"alerts": [alert("info")]}, "All is well"),
        ({"alerts": [alert("warning")]}, "it is warning"),
        ({"alerts": [alert("warning", NOW - 2 * HOUR)]}, "All is well"),
        ({"alerts": [alert("warning")], "budgets": [cap(USD, USD)]}, "The budget all is used to 100%"),
        ({"alerts": [alert("critical")], "budgets": [cap(USD, USD)]}, "it is critical"),
        ({"month_budget": cap(4 * USD, USD)}, "This month is expected to cost"),
        ({"month_budget": cap(4_000 * USD, USD)}, "All is well"),
    ],
)
def test_the_first_thing_to_look_at(changes: dict[str, Any], said: str) -> None:
    engine = ledger(*(request(NOW - HOUR - number, cost=USD // 10) for number in range(30)))
    figures = msgspec.structs.replace(overview(engine, NOW), **changes)
    assert advice(figures, NOW).startswith(said)


def test_failures_come_before_money() -> None:
    engine = ledger(*(failed(NOW - number) for number in range(6)), *(request(NOW - number) for number in range(44)))
    figures = msgspec.structs.replace(overview(engine, NOW), budgets=[cap(USD, USD)])
    assert advice(figures, NOW).startswith("12% of the latest 50 requests failed")


def test_two_failures_of_a_quiet_hour_are_no_worry() -> None:
    engine = ledger(*(failed(NOW - number) for number in range(2)), *(request(NOW - number) for number in range(23)))
    figures = overview(engine, NOW)
    assert (figures.times.over, figures.times.of, figures.times.many_fail) == ("1h", 25, False)
    assert worry(figures, NOW) == ""


def test_times_are_of_an_hour_where_it_had_enough() -> None:
    quiet = ledger(*(request(NOW - number) for number in range(19)), request(NOW - 2 * HOUR))
    assert (overview(quiet, NOW).times.over, overview(quiet, NOW).times.of) == ("24h", 20)


def told(state: str) -> StoredAlert:
    return msgspec.structs.replace(alert("critical"), summary=state, data={"state": state, "incident": "inc_1"})


def test_what_is_unusual_now_comes_first_and_what_is_over_is_nothing_to_look_at() -> None:
    engine = ledger(*(request(NOW - HOUR - number) for number in range(30)))
    figures = msgspec.structs.replace(overview(engine, NOW), alerts=[told("began"), alert("warning")])
    assert advice(figures, NOW, state(noticed())).startswith("Model m has failed 50.0 % of its requests since")
    assert advice(figures, NOW, state()) == "began"
    figures = msgspec.structs.replace(figures, alerts=[told("over"), told("began")])
    assert advice(figures, NOW, state()).startswith("All is well")


async def test_the_page_shows_what_is_unusual(office: Office) -> None:
    now = office.clock.wall
    path = office.home.unusual
    path.parent.mkdir(exist_ok=True)
    write_unusual(path, msgspec.structs.replace(state(noticed()), stale_at=now + 1))
    browser = await office.enter(Role.VIEWER)
    assert b"Model m has failed 50.0 % of its requests since" in (await browser.get("/console/overview")).body


def delivered(*states: tuple[str, str], until: int = NOW + 1) -> AlertFigures:
    told = tuple(Delivered(webhook=webhook, state=state, count=2) for webhook, state in states)
    return AlertFigures(stale_at=until, deliveries=told)


def test_that_nobody_would_be_told_is_told() -> None:
    assert troubles(delivered(("chat", "delivered"), ("pager", "waiting"))) == []
    found = troubles(delivered(("pager", "failed"), ("pager", "late"), ("chat", "late"), ("mail", "delivered")))
    assert [words.partition(":")[0] for words in found] == ["Alerts do not reach chat", "Alerts do not reach pager"]
    assert troubles(None)[0].startswith("The jobs worker does not run")


async def test_all_is_not_well_while_nobody_looks(office: Office) -> None:
    browser = await office.enter(Role.VIEWER)
    office.home.alerts.parent.mkdir(exist_ok=True)
    assert b"The jobs worker does not run" not in (await browser.get("/console/overview")).body, "it may be starting"
    publish(office.home.alerts, delivered(("<b>pager", "late"), until=office.clock.wall + 1))
    page = (await browser.get("/console/overview")).body
    assert b"The jobs worker does not run" not in page
    assert b"Alerts do not reach &lt;b&gt;pager" in page
    office.clock.advance(2)
    assert b"The jobs worker does not run" in (await browser.get("/console/overview")).body
    office.home.alerts.unlink()
    office.clock.advance(31 * SECOND)
    assert b"The jobs worker does not run" in (await browser.get("/console/overview")).body


def test_nobody_has_asked_yet() -> None:
    assert advice(overview(ledger(), NOW), NOW).startswith("No request came in the last day")


async def test_the_page_says_what_the_figures_say(office: Office) -> None:
    now = office.clock.wall
    add(office.engine, *(request(now - number - 1, cost=USD, outcome=Outcome.COMPLETED) for number in range(3)))
    budget = Budget(id="bud_1", name="<b>all", kind=ScopeKind.ALL, scope="", limit=Nano(4 * USD), window=Window.DAY)
    add_budget(office.engine, budget, now)
    raise_alert(office.engine, AlertsTested(at=now - 5))
    browser = await office.enter(Role.VIEWER)
    page = (await browser.get("/console/overview")).body.decode()
    for text in ("$3.00", "3 requests", "&lt;b&gt;all", "$4.00 a day", "1.0 ms"):
        assert text in page
    office.clock.advance(20 * SECOND)
    part = (await browser.get("/console/overview", hx_request="true")).body.decode()
    assert f'as of <time datetime="{iso(now)}">' in part, "what is held for a minute says so"
    assert "$3.00" in part
    assert "<html" not in part


async def test_a_page_that_asks_by_itself_keeps_no_session_alive(office: Office) -> None:
    browser = await office.enter(Role.VIEWER)
    for _ in range(3):
        office.clock.advance(11 * 60 * SECOND)
        answer = await browser.get("/console/overview", hx_request="true")
    assert answer.headers["hx-redirect"].startswith("/console/sign-in")
