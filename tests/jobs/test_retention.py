"""A pass removes what has ended, a bounded part; a database that fails is asked again."""

from sqlalchemy import Engine

from homeport.core.alerts import AlertsTested
from homeport.core.budgets import EACH, Account, ScopeKind, Window
from homeport.core.money import Nano
from homeport.jobs.retention import Retention
from homeport.storage.alerts import list_alerts, raise_alert
from homeport.storage.bank import DatabaseBank
from homeport.storage.budgets import add_budget
from homeport.storage.inputs import day_of, keep_inputs, read_inputs
from homeport.storage.score_figures import metric_figures
from homeport.storage.scores import Place, keep, scores_of
from tests.fakes.clock import ManualClock
from tests.ledger.requests import DAY, NOW, ledger, request
from tests.storage.budget import budget
from tests.storage.test_inputs import features
from tests.storage.test_scores import FORMAT, HOME, rows, scored


def spend(engine: Engine, clock: ManualClock, user: str) -> None:
    account = Account(budget(1000, Window.HOUR, kind=ScopeKind.USER, scope=EACH), user)
    bank = DatabaseBank(engine, clock.wall_ns)
    for settled, need in ((0, 10), (10, 0)):
        bank.trade("h", account, settled=Nano(settled), returned=Nano(0), need=Nano(need), want=Nano(need))


def test_a_pass_is_of_both_kinds_and_bounded() -> None:
    engine, clock = ledger(), ManualClock()
    add_budget(engine, budget(1000, Window.HOUR, kind=ScopeKind.USER, scope=EACH), created_at=1)
    for number in range(25):
        spend(engine, clock, f"user {number}")
        raise_alert(engine, AlertsTested(at=clock.wall + number))
    clock.advance(3 * DAY)
    spend(engine, clock, "ann")
    young = AlertsTested(at=clock.wall)
    raise_alert(engine, young)
    kept = Retention(engine, keep_alerts_ns=DAY, batch=1)
    assert [kept.tidy(clock.wall) for _ in range(3)] == [40, 10, 0]
    assert [alert.at for alert in list_alerts(engine)] == [young.at]


def test_what_is_known_of_prompts_goes_with_its_term() -> None:
    engine = ledger()
    for age in (9, 1):
        keep_inputs(engine, "acme", day_of(NOW - age * DAY), "words", [features(f"r{age}")])
    assert Retention(engine, DAY).tidy(NOW) == 0
    assert Retention(engine, DAY, keep_inputs_ns=2 * DAY).tidy(NOW) == 1
    assert [day for day, _ in read_inputs(engine, "acme", "words")] == [day_of(NOW - DAY)]


def test_scores_go_with_their_terms_and_without_one_they_stay() -> None:
    engine = ledger(*(request(NOW - age * DAY) for age in (9, 5, 1)))
    outputs = [scored(row, FORMAT) for row in rows(engine)]
    keep(engine, HOME, Place("default", 0), 3, outputs, NOW)
    assert Retention(engine, DAY).tidy(NOW) == 0
    assert Retention(engine, DAY, batch=1, keep_scores_ns=2 * DAY, keep_hours_ns=7 * DAY).tidy(NOW) == 2 + 3
    assert [row.request_id for row in rows(engine) if scores_of(engine, row.request_id)] == ["r2"]
    assert [row.outputs for row in metric_figures(engine, 0, NOW)] == [2]
