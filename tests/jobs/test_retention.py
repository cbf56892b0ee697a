"""A pass removes what has ended, a bounded part; a database that fails is asked again."""

from sqlalchemy import Engine

from homeport.core.alerts import AlertsTested
from homeport.core.budgets import EACH, Account, ScopeKind, Window
from homeport.core.money import Nano
from homeport.jobs.retention import Retention
from homeport.storage.alerts import list_alerts, raise_alert
from homeport.storage.bank import DatabaseBank
from homeport.storage.budgets import add_budget
from tests.fakes.clock import ManualClock
from tests.ledger.requests import DAY, ledger
from tests.storage.budget import budget


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
