"""Budgets are looked at: thresholds and refusals are told once, and the figures are published."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from homeport.core.budgets import EACH, Account, Budget, ScopeKind, Window
from homeport.core.events import RequestFinished
from homeport.core.money import Nano
from homeport.jobs import budgets
from homeport.jobs.budgets import BudgetWatch, figures
from homeport.storage.alerts import list_alerts
from homeport.storage.bank import DatabaseBank
from homeport.storage.budget_figures import MOST_FIGURES, BudgetFigure, BudgetFigures
from homeport.storage.budgets import Standing, add_budget
from homeport.storage.ingest import ingest
from homeport.storage.journal import Journal
from homeport.storage.published import publish, read_published
from tests.fakes.clock import ManualClock
from tests.storage.budget import budget
from tests.storage.events import finished

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
OCTOBER_ENDS = 1_793_491_200 * SECOND
"""2026-11-01 00:00:00 UTC."""


class Office:
    """Budgets in a database, a bank, a journal, and a watch over them, at a time that a test sets."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.clock = ManualClock(wall=OCTOBER_ENDS - 10 * HOUR)
        self.bank = DatabaseBank(self.engine, self.clock.wall_ns)
        self.watch = BudgetWatch(self.engine)
        self._folder = folder / "journal"
        self._records = 0

    def open(self, window: Window = Window.MONTH, **fields: object) -> Budget:
        made: Budget = msgspec.structs.replace(budget(window=window), **fields)
        add_budget(self.engine, made, created_at=1)
        return made

    def spend(self, of: Budget, cost: int, instance: str = "") -> None:
        account, amount, none = Account(of, instance), Nano(cost), Nano(0)
        self.bank.trade("h", account, settled=none, returned=none, need=amount, want=amount)
        self.bank.trade("h", account, settled=amount, returned=none, need=none, want=none)

    def refuse(self, of: Budget, **fields: object) -> None:
        """A request that was refused now, as the pipeline records it."""
        self._records += 1
        event: RequestFinished = msgspec.structs.replace(
            finished(f"r{self._records}", started_at=self.clock.wall),
            **{"error": "budget_exceeded", "reason": f"budget:{of.name}", "cost": 0, **fields},
        )
        journal = Journal(self._folder)
        journal.record(event)
        journal.close()
        ingest(self.engine, self._folder)

    def look(self) -> BudgetFigures:
        return self.watch.look(self.clock.wall)

    @property
    def told(self) -> list[tuple[str, str, object]]:
        """Kind, instance, and the threshold or how many were refused; oldest first."""
        alerts = sorted(list_alerts(self.engine), key=lambda one: (one.at, one.kind, one.data.get("percent", 0)))
        return [(one.kind, one.data["instance"], one.data.get("percent", one.data.get("refused"))) for one in alerts]


@pytest.fixture
def office(engine: Engine, tmp_path: Path) -> Office:
    return Office(engine, tmp_path)


def test_each_threshold_is_told_once_in_a_month_and_anew_in_the_next(office: Office) -> None:
    mine = office.open(limit=1000, thresholds=(50, 80, 100))
    office.spend(mine, 499)
    office.look()
    assert office.told == []
    for cost in (1, 100, 200):
        office.spend(mine, cost)
        office.look()
        office.look()
    kind = "budget.threshold_reached"
    assert office.told == [(kind, "", 50), (kind, "", 80)]
    office.watch = BudgetWatch(office.engine)
    office.look()
    assert len(office.told) == 2, "a jobs worker that starts again tells nothing twice"
    office.clock.advance(11 * HOUR)
    office.look()
    assert len(office.told) == 2
    office.spend(mine, 1000)
    office.look()
    assert [percent for *_, percent in office.told[2:]] == [50, 80, 100]


def test_no_thresholds_and_nobody_is_told(office: Office) -> None:
    office.spend(office.open(limit=10, thresholds=()), 10)
    office.look()
    assert office.told == []


def test_each_user_is_told_apart(office: Office) -> None:
    each = office.open(kind=ScopeKind.USER, scope=EACH, limit=100, thresholds=(50,))
    office.spend(each, 60, "ann")
    office.spend(each, 10, "bob")
    office.look()
    office.refuse(each, end_user="bob", trace_id="t")
    office.look()
    assert office.told == [("budget.exceeded", "bob", 1), ("budget.threshold_reached", "ann", 50)]


def test_refusals_are_told_once_with_what_was_spent(office: Office) -> None:
    mine = office.open(limit=100, thresholds=())
    office.spend(mine, 98)
    office.look()
    for _ in range(3):
        office.refuse(mine, end_user="ann")
    office.look()
    office.refuse(mine)
    office.look()
    assert office.told == [("budget.exceeded", "", 3)]
    (alert,) = list_alerts(office.engine)
    assert (alert.severity, alert.data["spent_usd"]) == ("critical", "0.000000098")


def test_other_failures_and_other_reasons_are_no_refusals(office: Office) -> None:
    mine = office.open(limit=100)
    office.refuse(mine, error="upstream_timeout")
    office.refuse(mine, error="", reason="budget:b1")  # sent home, and answered
    office.refuse(mine, reason="static")
    office.refuse(mine, reason="budget:removed-since")
    office.look()
    assert office.told == []


def test_a_refusal_of_last_month_is_not_one_of_this_month(office: Office) -> None:
    mine = office.open(limit=100)
    office.clock.wall = OCTOBER_ENDS - SECOND
    office.refuse(mine)
    office.clock.advance(2 * SECOND)
    office.look()
    assert office.told == []


def test_what_was_refused_while_nobody_looked_is_told(office: Office) -> None:
    mine = office.open(limit=100, thresholds=())
    office.refuse(mine)
    office.clock.advance(300 * SECOND)
    office.look()
    assert office.told == [("budget.exceeded", "", 1)]


def test_the_figures_of_many(office: Office) -> None:
    many = [
        Standing(budget=budget(1000, number=number), spent=Nano(number), leased=Nano(0)) for number in range(1, 301)
    ]
    rows = figures(many)
    assert (len(rows), rows[0].name) == (MOST_FIGURES, "b300")
    each = [
        Standing(budget=budget(10), instance="ann", spent=Nano(1), leased=Nano(1)),
        Standing(budget=budget(10), instance="bob", spent=Nano(3)),
    ]
    assert figures(each) == (BudgetFigure(name="b1", limit=10, spent=3, leased=0),)


async def test_the_watch_publishes_until_told_to_stop_whatever_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "_EVERY_S", 0.001)
    failures: list[Exception] = [OperationalError("SELECT secret", {}, Exception("secret")), OSError("secret")]
    stop, clock, path = asyncio.Event(), ManualClock(), tmp_path / "budgets.json"

    def look(now: int) -> BudgetFigures:
        if failures:
            raise failures.pop()
        return BudgetFigures(computed_at=now, stale_at=now + SECOND, rows=())

    def published(told: BudgetFigures) -> None:
        publish(path, told)
        stop.set()

    await asyncio.wait_for(budgets.watch(look, published, clock, stop), 10)
    assert read_published(path, BudgetFigures, clock.wall) is not None
    assert read_published(path, BudgetFigures, clock.wall + SECOND) is None
    path.write_bytes(b"{")
    assert read_published(path, BudgetFigures, clock.wall) is None
    assert [record.getMessage() for record in caplog.records] == [
        "the budgets could not be looked at: OSError",
        "the budgets could not be looked at: OperationalError",
    ]


def test_an_empty_ledger_costs_a_look(engine: Engine) -> None:
    assert BudgetWatch(engine).look(OCTOBER_ENDS).rows == ()
