"""The bank: what is spent and leased stays within the limit, whatever the clock, the limit and the processes do."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine

from homeport.core.budgets import Account, Grant, Window
from homeport.core.errors import StorageError
from homeport.core.money import Nano
from homeport.storage.bank import DatabaseBank
from homeport.storage.budgets import change_budget, remove_budget, standings
from homeport.storage.db import open_database, sqlite_url, writing
from tests.databases import migrated
from tests.fakes.clock import ManualClock
from tests.storage.budget import budget, opened

MINUTE = 60 * 10**9
HOUR = 60 * MINUTE


class Trader:
    """A bank at a time that a test sets."""

    def __init__(self, engine: Engine, account: Account) -> None:
        self.clock = ManualClock()
        self.bank = DatabaseBank(engine, self.clock.wall_ns, patience=0.2)
        self.account = account

    def trade(self, holder: str = "h1", *, settled: int = 0, returned: int = 0, need: int = 0, want: int = 0) -> Grant:
        return self.bank.trade(
            holder, self.account, settled=Nano(settled), returned=Nano(returned), need=Nano(need), want=Nano(want)
        )

    def spend(self, amount: int, holder: str = "h1") -> bool:
        """Lease so much and report it as spent."""
        granted = self.trade(holder, need=amount).granted
        self.trade(holder, settled=granted)
        return granted == amount


def test_a_lease_is_the_half_of_what_is_left_at_most_and_never_below_the_need(engine: Engine) -> None:
    trader = Trader(engine, opened(engine, budget(1000)))
    first = trader.trade(need=10, want=900)
    assert (first.granted, first.spent, first.leased, first.wanted) == (500, 0, 500, False)
    # Two live holders: a quarter of the other half.
    assert trader.trade("h2", need=10, want=900).granted == 125
    assert trader.trade("h2", need=300, want=300).granted == 300
    short = trader.trade("h2", need=76, want=900)
    assert (short.granted, short.leased) == (0, 925)
    assert trader.trade("h2", need=75).granted == 75
    assert trader.trade("h2", need=1).granted == 0
    # Whoever has not traded for long shares nothing, but keeps its lease.
    trader.clock.advance(HOUR)
    assert trader.trade("h2", returned=100, want=900).granted == 50


def test_settled_money_is_spent_and_returned_money_is_free(engine: Engine) -> None:
    trader = Trader(engine, opened(engine, budget(100)))
    trader.trade(need=100)
    after = trader.trade(settled=60, returned=30)
    assert (after.spent, after.leased) == (60, 10)
    assert trader.trade(need=31).granted == 0
    assert trader.trade(need=30).granted == 30


def test_a_cost_above_its_lease_stops_leasing_until_it_fits(engine: Engine) -> None:
    trader = Trader(engine, opened(engine, budget(100, Window.HOUR)))
    trader.trade(need=50)
    over = trader.trade(settled=120, need=1)
    assert (over.granted, over.spent, over.leased) == (0, 120, 0)
    trader.clock.advance(62 * MINUTE)
    assert trader.trade(need=100).granted == 100


@pytest.mark.parametrize(("window", "slices"), [(Window.HOUR, 1), (Window.DAY, 15)])
def test_a_rolling_window_frees_what_left_it_and_never_early(engine: Engine, window: Window, slices: int) -> None:
    length = HOUR if window is Window.HOUR else 24 * HOUR
    trader = Trader(engine, opened(engine, budget(100, window)))
    start = trader.clock.wall // (slices * MINUTE) * slices * MINUTE
    trader.clock.wall = start
    assert trader.spend(60)
    trader.clock.wall = start + length // 2
    assert trader.spend(40)
    resets_at = trader.trade(need=1).resets_at
    assert resets_at == start + length + slices * MINUTE
    trader.clock.wall = resets_at - 1
    assert trader.trade(need=1).granted == 0
    trader.clock.wall = resets_at
    assert trader.trade(need=61).granted == 0
    assert trader.trade(need=60).granted == 60


def test_a_month_is_the_calendars_and_a_total_is_for_ever(engine: Engine) -> None:
    month = Trader(engine, opened(engine, budget(100, Window.MONTH)))
    total = Trader(engine, opened(engine, budget(100, Window.TOTAL, number=2)))
    for trader in (month, total):
        trader.clock.wall = _ns(2028, 2, 29, 23)
        assert trader.spend(100)
    assert month.trade(need=1).resets_at == _ns(2028, 3, 1)
    assert total.trade(need=1).resets_at is None
    for trader in (month, total):
        trader.clock.wall = _ns(2028, 3, 1)
    assert total.trade(need=1).granted == 0
    assert month.trade(need=100).granted == 100
    month.clock.wall = _ns(2028, 12, 31)
    assert month.trade().resets_at == _ns(2029, 1, 1)


def test_a_clock_that_is_set_back_frees_nothing_twice(engine: Engine) -> None:
    trader = Trader(engine, opened(engine, budget(100, Window.MONTH)))
    trader.clock.wall = _ns(2027, 1, 31, 23)
    assert trader.spend(100)
    trader.clock.wall = _ns(2027, 2, 1)
    assert trader.trade(need=100).granted == 100
    trader.clock.wall = _ns(2027, 1, 31, 23)
    trader.trade(settled=100)
    assert trader.trade(need=1).granted == 0
    trader.clock.wall = _ns(2027, 2, 1, 1)
    assert trader.trade(need=1).granted == 0
    trader.clock.wall = _ns(2027, 3, 1)
    assert trader.trade(need=1).granted == 1


def test_another_limit_holds_at_the_next_trade(engine: Engine) -> None:
    trader = Trader(engine, opened(engine, budget(100)))
    trader.trade(need=60)
    change_budget(engine, budget().id, lambda old: msgspec.structs.replace(old, limit=Nano(50)))
    assert trader.trade("h2", need=1).granted == 0
    assert trader.trade(returned=20).leased == 40
    assert trader.trade("h2", need=10).granted == 10
    change_budget(engine, budget().id, lambda old: msgspec.structs.replace(old, limit=Nano(200)))
    assert trader.trade("h2", need=100).granted == 100


def test_a_removed_budget_has_no_limit_and_an_unknown_one_is_refused(engine: Engine) -> None:
    trader = Trader(engine, opened(engine, budget(100)))
    trader.trade(need=100)
    remove_budget(engine, budget().id, at=2)
    assert trader.trade("h2", need=500, want=900).granted == 900
    assert trader.trade(settled=100).spent == 100
    stranger = Trader(engine, Account(budget(number=9)))
    with pytest.raises(StorageError) as caught:
        stranger.trade(need=1)
    assert caught.value.code == "budget_unavailable"


def test_who_got_less_than_it_needs_is_heard_by_the_others(engine: Engine) -> None:
    trader = Trader(engine, opened(engine, budget(100)))
    trader.trade(need=100)
    assert not trader.trade("h2", want=10).wanted
    assert not trader.trade().wanted, "it would have liked more, and does not need it"
    assert not trader.trade("h2", need=10).wanted
    assert trader.trade().wanted
    assert set(trader.bank.wanted("h1")) == {(trader.account.budget.id, trader.account.instance)}
    assert not trader.bank.wanted("h2"), "that is itself"
    trader.trade(returned=50)
    assert trader.trade("h2", need=10).granted == 10
    assert not trader.trade().wanted
    trader.trade("h2", need=90)
    assert trader.trade().wanted
    trader.clock.advance(6 * 10**9)
    assert not trader.trade().wanted


def test_a_locked_database_is_said_soon_and_nothing_has_happened(engine: Engine) -> None:
    trader = Trader(engine, opened(engine, budget(100)))
    trader.trade(need=50)
    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE budget_accounts SET reached_at = reached_at")
        with pytest.raises(StorageError) as caught:
            trader.trade(settled=50, need=10)
    assert caught.value.code == "budget_unavailable"
    assert "locked" in caught.value.message
    assert caught.value.hint
    (standing,) = standings(engine, trader.clock.wall)
    assert (standing.spent, standing.leased) == (0, 50)
    assert trader.trade(settled=50, need=10).spent == 50


def test_a_full_disk_is_said_and_nothing_has_happened(tmp_path: Path) -> None:
    engine = migrated(tmp_path / "a.db")
    trader = Trader(engine, opened(engine, budget(100)))
    trader.trade(need=50)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")

    def fill() -> None:
        for number in range(500):
            trader.trade(f"another holder with a name of some length {number}", need=1)
            trader.trade(f"another holder with a name of some length {number}", returned=1)

    with pytest.raises(StorageError) as caught:
        fill()
    assert caught.value.code == "budget_unavailable"
    assert "disk is full" in caught.value.message
    (standing,) = standings(engine, trader.clock.wall)
    assert (standing.spent, standing.leased) == (0, 50), "the trade that was refused has not leased"


def test_a_database_without_its_tables_is_said(tmp_path: Path) -> None:
    bare = Trader(open_database(sqlite_url(tmp_path / "a.db")), Account(budget()))
    with pytest.raises(StorageError) as caught:
        bare.trade(need=1)
    assert caught.value.code == "budget_unavailable"
    assert "SELECT" not in caught.value.message


def _ns(year: int, month: int, day: int, hour: int = 0) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 10**9
