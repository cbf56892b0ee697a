"""Accounts whose window has ended go, and old alerts; what counts, is held or would be told again stays."""

import msgspec
import pytest
from sqlalchemy import Engine, Table, func, select

from homeport.core.alerts import Alert, AlertsTested, BudgetThresholdReached
from homeport.core.budgets import EACH, Account, Budget, ScopeKind, Window
from homeport.core.money import Nano
from homeport.storage.alerts import Wanted, claim_due, list_alerts, note_delivered, raise_alert, send_again
from homeport.storage.bank import DatabaseBank
from homeport.storage.budgets import add_budget, remove_budget, standings
from homeport.storage.retention import prune_accounts, prune_alerts
from homeport.storage.tables import alert_deliveries, budget_accounts, budget_slices, leases
from tests.fakes.clock import ManualClock
from tests.storage.budget import budget

HOUR = 3_600 * 10**9
DAY = 24 * HOUR
HOLDER = "0123456789ab-0123456789abcdef"


class Users:
    """Everybody has an account in a budget, and one process spends for them."""

    def __init__(self, engine: Engine, window: Window, scope: str = EACH) -> None:
        self.engine = engine
        self.clock = ManualClock()
        self.bank = DatabaseBank(engine, self.clock.wall_ns)
        self.budget = budget(1000, window, number=1, kind=ScopeKind.USER, scope=scope)
        self.other = budget(1000, Window.TOTAL, number=2)
        for made in (self.budget, self.other):
            add_budget(engine, made, created_at=1)

    def spend(self, user: str, amount: int = 10, *, keep: int = 0, of: Budget | None = None) -> None:
        account = Account(of or self.budget, user)
        for settled, need in ((0, amount + keep), (amount, 0)):
            self.bank.trade(HOLDER, account, settled=Nano(settled), returned=Nano(0), need=Nano(need), want=Nano(need))

    def wait(self, nanoseconds: int) -> None:
        """Time passes, and somebody uses another budget."""
        self.clock.advance(nanoseconds)
        self.spend("", 1, of=self.other)

    def prune(self, most: int = 500) -> int:
        return prune_accounts(self.engine, self.clock.wall, most)

    def left(self) -> list[str]:
        with self.engine.connect() as connection:
            query = select(budget_accounts.c.instance).where(budget_accounts.c.budget_id == self.budget.id)
            return sorted(connection.execute(query).scalars())


def rows(engine: Engine, table: Table) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


@pytest.mark.parametrize(
    ("window", "kept", "gone"),
    [
        (Window.HOUR, DAY + HOUR, 2 * 60 * 10**9),
        (Window.DAY, 2 * DAY, 30 * 60 * 10**9),
        (Window.MONTH, 31 * DAY, 31 * DAY),
    ],
)
def test_an_account_goes_when_its_window_has_long_ended(engine: Engine, window: Window, kept: int, gone: int) -> None:
    users = Users(engine, window)
    users.spend("ann")
    users.wait(kept)
    assert (users.prune(), users.left()) == (0, ["ann"])
    users.spend("bob")
    users.wait(gone)
    assert (users.prune(), users.left()) == (1, ["bob"])
    assert rows(engine, budget_slices) == rows(engine, leases) == 2, "bob's, and the other budget's"
    assert [one.instance for one in standings(engine, users.clock.wall, users.budget.id)] in (["bob"], [])
    users.spend("ann", 7)
    spent = {one.instance: one.spent for one in standings(engine, users.clock.wall, users.budget.id)}
    assert spent["ann"] == 7


def test_what_is_held_stays_until_it_is_given_back(engine: Engine) -> None:
    users = Users(engine, Window.HOUR)
    users.spend("ann", keep=5)
    users.wait(9 * DAY)
    assert (users.prune(), users.left()) == (0, ["ann"])
    account = Account(users.budget, "ann")
    users.bank.trade(HOLDER, account, settled=Nano(0), returned=Nano(5), need=Nano(0), want=Nano(0))
    assert users.prune() == 0, "it was used just now"
    users.wait(9 * DAY)
    assert (users.prune(), users.left()) == (1, [])


@pytest.mark.parametrize(("window", "scope"), [(Window.TOTAL, EACH), (Window.HOUR, "ann"), (Window.MONTH, "ann")])
def test_what_never_ends_and_what_there_is_one_of_stays(engine: Engine, window: Window, scope: str) -> None:
    users = Users(engine, window, scope)
    users.spend("ann" if scope == EACH else "")
    users.wait(400 * DAY)
    assert users.prune() == 0
    assert len(users.left()) == 1


def test_what_a_removed_budget_counted_goes_a_day_later(engine: Engine) -> None:
    users = Users(engine, Window.TOTAL)
    users.spend("ann")
    users.spend("bob", keep=5)
    remove_budget(engine, users.budget.id, users.clock.wall)
    users.wait(DAY)
    assert users.prune() == 0
    users.wait(1)
    assert (users.prune(), users.left()) == (1, ["bob"])


def test_a_clock_that_runs_ahead_ends_nothing(engine: Engine) -> None:
    users = Users(engine, Window.HOUR)
    users.spend("ann")
    assert prune_accounts(engine, users.clock.wall + 400 * DAY) == 0
    assert users.left() == ["ann"]


def test_a_pass_has_a_bound(engine: Engine) -> None:
    users = Users(engine, Window.HOUR)
    for number in range(5):
        users.spend(f"user {number}")
    users.wait(9 * DAY)
    assert [users.prune(most=2) for _ in range(4)] == [2, 2, 1, 0]
    assert rows(engine, budget_slices) == 1


def reached(window: str, *, instance: str = "", budget_id: str = "bud_0000000000000001") -> Alert:
    period = {"period": "2023-11"} if window == "month" else {}
    return BudgetThresholdReached(
        at=1,
        budget_id=budget_id,
        budget="b1",
        instance=instance,
        window=window,
        spent=Nano(1),
        limit=Nano(2),
        percent=50,
        **period,
    )


def test_old_alerts_go_with_their_deliveries(engine: Engine) -> None:
    for at in (1, 2, 3):
        raise_alert(engine, AlertsTested(at=at))
    raise_alert(engine, msgspec.structs.replace(reached("month"), at=DAY))
    for alert in list_alerts(engine):
        send_again(engine, alert.id, ["w"], 1)
    for due in claim_due(engine, Wanted(webhook="w", severities=()), 1, 1):
        note_delivered(engine, due.alert.id, "w", 2)
    assert prune_alerts(engine, DAY, 9 * DAY, most=2) == 2
    assert [alert.at for alert in list_alerts(engine)] == [DAY, 3], "the oldest go first"
    assert (prune_alerts(engine, DAY, 9 * DAY), prune_alerts(engine, DAY, 9 * DAY)) == (1, 0)
    assert rows(engine, alert_deliveries) == 1


def test_an_alert_that_is_being_sent_stays(engine: Engine) -> None:
    raise_alert(engine, AlertsTested(at=1))
    send_again(engine, list_alerts(engine)[0].id, ["w"], 8 * DAY)
    assert prune_alerts(engine, 2, 8 * DAY + HOUR) == 0
    assert prune_alerts(engine, 2, 9 * DAY) == 1


def test_what_is_told_once_in_a_budgets_life_stays_for_its_life(engine: Engine) -> None:
    add_budget(engine, budget(1000, Window.TOTAL, number=1), created_at=1)
    fake = '","window":"total","x":"'
    kept = reached("total")
    for alert in (kept, reached("total", budget_id="bud_gone"), reached("hour", instance=fake), reached("month")):
        assert raise_alert(engine, alert)
    assert prune_alerts(engine, 2, 9 * DAY) == 3
    assert not raise_alert(engine, msgspec.structs.replace(kept, at=9 * DAY)), "it is not told twice"
    remove_budget(engine, "bud_0000000000000001", 1)
    assert prune_alerts(engine, 2, 9 * DAY) == 1
