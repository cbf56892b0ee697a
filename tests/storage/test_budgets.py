"""Budgets at rest: what is written is read, names are unique among the living, and standings add up."""

import msgspec
import pytest
from sqlalchemy import Engine

from homeport.core.budgets import EACH, Account, Action, Budget, ScopeKind, Window
from homeport.core.errors import InvalidRequest
from homeport.core.money import Nano
from homeport.storage.bank import DatabaseBank
from homeport.storage.budgets import StoredBudget, add_budget, change_budget, list_budgets, remove_budget, standings
from tests.fakes.clock import ManualClock
from tests.storage.budget import budget, opened

NONE = Nano(0)


def test_what_is_written_is_read(engine: Engine) -> None:
    full = Budget(
        id="bud_00000000000000aa",
        name="Suche",
        kind=ScopeKind.PROJECT,
        scope="acme/search",
        window=Window.MONTH,
        limit=Nano(25_000_000_000),
        thresholds=(10, 90),
        action=Action.DEGRADE,
    )
    add_budget(engine, full, created_at=5)
    assert list_budgets(engine) == [StoredBudget(budget=full, created_at=5)]


def test_a_name_is_free_again_once_its_budget_is_removed(engine: Engine) -> None:
    add_budget(engine, budget(number=1), created_at=1)
    twin = msgspec.structs.replace(budget(number=2), name="b1")
    with pytest.raises(InvalidRequest) as caught:
        add_budget(engine, twin, created_at=2)
    assert caught.value.code == "budget_name_taken"
    assert remove_budget(engine, budget().id, at=3)
    assert not remove_budget(engine, budget().id, at=4)
    add_budget(engine, twin, created_at=5)
    assert [stored.budget for stored in list_budgets(engine)] == [twin]


def test_limits_change_and_what_is_counted_does_not(engine: Engine) -> None:
    add_budget(engine, budget(), created_at=1)
    add_budget(engine, budget(number=2), created_at=1)

    def lower(old: Budget) -> Budget:
        return msgspec.structs.replace(old, limit=Nano(7), action=Action.QUEUE)

    assert change_budget(engine, budget().id, lower) == lower(budget())
    assert list_budgets(engine)[0].budget == lower(budget())
    with pytest.raises(InvalidRequest) as caught:
        change_budget(engine, budget().id, lambda old: msgspec.structs.replace(old, window=Window.HOUR))
    assert (caught.value.code, caught.value.param) == ("budget_fixed", "window")
    with pytest.raises(InvalidRequest) as caught:
        change_budget(engine, budget().id, lambda old: msgspec.structs.replace(old, name="b2"))
    assert caught.value.code == "budget_name_taken"
    assert change_budget(engine, "bud_missing", lower) is None


def test_standings_say_what_each_account_has(engine: Engine) -> None:
    clock = ManualClock()
    bank = DatabaseBank(engine, clock.wall_ns)
    each = opened(engine, budget(100, Window.HOUR, kind=ScopeKind.USER, scope=EACH), "ann")
    opened(engine, budget(50, number=2))
    bank.trade("h1", each, settled=NONE, returned=NONE, need=Nano(40), want=Nano(40))
    bank.trade("h1", each, settled=Nano(30), returned=NONE, need=NONE, want=NONE)
    bank.trade("h1", Account(each.budget, "bob"), settled=NONE, returned=NONE, need=NONE, want=NONE)
    ann, other = standings(engine, clock.wall)
    assert (ann.instance, ann.spent, ann.leased, ann.remaining) == ("ann", 30, 10, 60)
    assert (other.budget.id, other.spent, other.leased, other.resets_at) == (budget(number=2).id, 0, 0, None)
    minute = 60 * 10**9
    assert ann.resets_at == clock.wall // minute * minute + 61 * minute
    clock.advance(61 * minute)
    (later,) = standings(engine, clock.wall, each.budget.id)
    assert (later.spent, later.leased) == (0, 10)
    assert [one.spent for one in standings(engine, clock.wall - 10 * minute, each.budget.id)] == [30]


def test_each_budget_counts_what_is_in_its_own_window(engine: Engine) -> None:
    clock = ManualClock()
    bank = DatabaseBank(engine, clock.wall_ns)
    windows = (Window.HOUR, Window.DAY, Window.TOTAL, Window.TOTAL)
    accounts = [opened(engine, budget(1_000, window, number=place)) for place, window in enumerate(windows, 1)]
    for amount in (100, 10, 1):
        for account in accounts:
            bank.trade("h1", account, settled=NONE, returned=NONE, need=Nano(amount), want=Nano(amount))
            bank.trade("h1", account, settled=Nano(amount), returned=NONE, need=NONE, want=NONE)
        clock.advance(20 * 3_600 * 10**9)
    assert remove_budget(engine, accounts[-1].budget.id, at=clock.wall)
    clock.wall -= 20 * 3_600 * 10**9
    found = standings(engine, clock.wall)
    assert [(one.budget.id, one.spent) for one in found] == [
        (account.budget.id, spent) for account, spent in zip(accounts, (1, 11, 111), strict=False)
    ]
    assert [standings(engine, clock.wall, one.budget.id) for one in found] == [[one] for one in found]
