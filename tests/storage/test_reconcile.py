"""What a dead process spent is booked once, and the rest of what it leased is free again."""

import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, RowMapping, func, select

from homeport.config.home import Home
from homeport.core.budgets import EACH, Account, ScopeKind, Window
from homeport.core.money import Nano
from homeport.core.types import Attempt, Key
from homeport.storage.holders import Holder, LivingHolder, read_home_id
from homeport.storage.journal import Journal
from homeport.storage.keys import add_key
from homeport.storage.leased import leases_of
from homeport.storage.reconcile import Reconciled, Reconciler, reconcile
from homeport.storage.tables import leases, requests
from tests.storage.budget import budget, opened
from tests.storage.events import finished
from tests.storage.house import House

MINUTE = 60 * 10**9


class Folder(House):
    """A state folder with a process that leases, and the worker that comes after it."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        super().__init__(engine, folder)
        self.process = LivingHolder(self.home.holders, read_home_id(self.home.identity))
        self.worker = Reconciler(engine, self.home, self.clock.wall_ns)
        self.journal = Journal(self.home.journal)

    def lease(self, account: Account, amount: int, settled: int = 0) -> None:
        self.lend(self.process.name, account, amount, settled)

    def record(self, name: str, cost: int, **changes: Any) -> None:
        event = finished(name, cost=cost, started_at=self.clock.wall)
        row: dict[str, Any] = {"local": False, "holder": self.process.name, "attempts": (), **changes}
        self.journal.record(msgspec.structs.replace(event, **row))

    def reserve(self, account: Account, amount: int) -> None:
        self.home.reserved.mkdir(exist_ok=True)
        name = f"{account.budget.id}\0{account.instance}".encode()
        with (self.home.reserved / self.process.name).open("ab") as file:
            file.write(struct.pack("<q120s", amount, name))

    def die(self) -> None:
        self.process.close()

    def rows(self) -> list[RowMapping]:
        with self.engine.connect() as connection:
            found = select(requests).where(requests.c.surface == "correction").order_by(requests.c.request_id)
            return list(connection.execute(found).mappings())

    def leases(self) -> int:
        with self.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(leases)).scalar_one()


@pytest.fixture
def house(engine: Engine, tmp_path: Path) -> Folder:
    return Folder(engine, tmp_path)


def test_the_living_are_left_alone_and_the_dead_are_reconciled_once(house: Folder) -> None:
    account = opened(house.engine, budget(1000))
    house.lease(account, 500, settled=100)
    house.record("r1", 100)
    house.record("r2", 70)
    house.reserve(account, 30)
    house.worker.ingest()
    assert (house.standing(account).spent, house.standing(account).leased) == (100, 400)
    house.die()
    assert house.worker.ingest().rows == 0
    standing = house.standing(account)
    assert (standing.spent, standing.leased) == (200, 0)
    (row,) = house.rows()
    assert (row["cost"], row["holder"], row["outcome"], row["estimated"]) == (30, house.process.name, "cancelled", True)
    assert row["request_id"] == f"{house.process.name}-0"
    assert not row["local"]
    house.worker.ingest()
    assert (house.standing(account).spent, len(house.rows()), house.leases()) == (200, 1, 0)
    assert list(house.home.holders.iterdir()) == list(house.home.reserved.iterdir()) == []


def test_what_is_still_in_the_journal_counts_before_anything_is_released(house: Folder) -> None:
    account = opened(house.engine, budget(1000))
    house.lease(account, 500)
    house.record("r1", 450)
    house.die()
    house.worker.ingest()
    assert (house.standing(account).spent, house.standing(account).leased) == (450, 0)
    assert house.rows() == []


def test_who_gave_everything_back_leaves_nothing(house: Folder) -> None:
    account = opened(house.engine, budget(1000))
    house.lease(account, 100, settled=60)
    house.bank.trade(house.process.name, account, settled=Nano(0), returned=Nano(40), need=Nano(0), want=Nano(0))
    house.record("r1", 60)
    house.die()
    house.worker.ingest()
    assert (house.standing(account).spent, house.standing(account).leased, house.leases()) == (60, 0, 0)


def test_only_what_the_account_is_of_counts(house: Folder) -> None:
    add_key(house.engine, Key(id="key_a", name="a", project="acme/search"), "digest", 1)
    project = opened(house.engine, budget(9000, number=1, kind=ScopeKind.PROJECT, scope="acme"))
    key = opened(house.engine, budget(9000, number=2, kind=ScopeKind.KEY, scope="key_a"))
    ann = opened(house.engine, budget(1000, number=3, kind=ScopeKind.USER, scope=EACH), "ann")
    for account in (project, key, ann):
        house.lease(account, 500)
        house.reserve(account, 5)
    house.record("r1", 10, key_id="key_a", project="acme/search")
    house.record("r2", 20, key_id="key_b", project="acme", end_user="ann")
    house.record("r3", 40, key_id="key_b", project="acme2", end_user="bob")
    house.record("r4", 80, key_id="key_a", project="acme/search", local=True)
    house.record("r5", 160, key_id="key_a", project="acme/search", holder="somebody else")
    lost = (
        Attempt(target="far", error="upstream_stalled", started_ns=0, ended_ns=1, cost=Nano(3)),
        Attempt(target="smollm2", error="upstream_stalled", started_ns=0, ended_ns=1, cost=Nano(7)),
        Attempt(target="smollm2", error="", started_ns=0, ended_ns=1),
    )
    house.record("r6", 320, key_id="key_a", project="acme/search", local=True, attempts=lost)
    house.record("r7", 1010, key_id="key_a", project="acme/search", target="far", attempts=lost)
    house.die()
    house.worker.ingest()
    assert house.standing(project).spent == 10 + 20 + 3 + 1003 + 5
    assert house.standing(key).spent == 10 + 3 + 1003 + 5
    assert house.standing(ann).spent == 20 + 5
    (row,) = house.rows()
    assert (row["key_id"], row["project"], row["cost"]) == ("key_a", "acme/search", 5)


def test_what_a_process_spent_before_there_was_the_budget_is_not_the_budgets(house: Folder) -> None:
    house.record("r1", 300)
    house.clock.advance(MINUTE)
    account = opened(house.engine, budget(1000))
    house.lease(account, 500)
    house.record("r2", 40)
    house.die()
    house.worker.ingest()
    assert house.standing(account).spent == 40


def test_a_window_that_has_passed_is_charged_when_it_is_known(house: Folder) -> None:
    account = opened(house.engine, budget(1000, Window.HOUR))
    house.lease(account, 500)
    house.record("r1", 100)
    house.clock.advance(600 * MINUTE)
    house.die()
    house.worker.ingest()
    assert house.standing(account).spent == 100
    house.clock.advance(61 * MINUTE)
    assert house.standing(account).spent == 0


def test_more_than_was_leased_is_booked_all_the_same(house: Folder) -> None:
    account = opened(house.engine, budget(1000))
    house.lease(account, 10)
    house.record("r1", 25)
    house.die()
    house.worker.ingest()
    assert (house.standing(account).spent, house.standing(account).leased) == (25, 0)


def test_where_the_files_are_gone_everything_leased_counts_as_spent(house: Folder) -> None:
    account = opened(house.engine, budget(1000))
    house.lease(account, 500, settled=100)
    house.record("r1", 100)
    house.die()
    for path in house.home.holders.iterdir():
        path.unlink()
    house.worker.ingest()
    assert (house.standing(account).spent, house.standing(account).leased) == (100, 400), "it may live"
    house.clock.advance(61 * MINUTE)
    house.worker.ingest()
    assert house.standing(account).leased == 400, "nobody looks each time"
    Reconciler(house.engine, house.home, house.clock.wall_ns).ingest()
    assert (house.standing(account).spent, house.standing(account).leased) == (500, 0)
    assert [(row["cost"], row["price_source"]) for row in house.rows()] == [(400, "lease")], "the ledger says the same"


def test_the_holders_of_another_folder_are_not_ours_to_judge(house: Folder, tmp_path: Path) -> None:
    account = opened(house.engine, budget(1000))
    house.lease(account, 500)
    other = Home(tmp_path / "other")
    other.create()
    house.die()
    Reconciler(house.engine, other, house.clock.wall_ns).ingest()
    assert house.standing(account).leased == 500


def test_a_worker_that_died_before_it_removed_the_files_repeats_nothing(house: Folder) -> None:
    account = opened(house.engine, budget(1000))
    house.lease(account, 500)
    house.record("r1", 10)
    house.reserve(account, 20)
    house.die()
    kept = [
        (path, path.read_bytes()) for folder in (house.home.holders, house.home.reserved) for path in folder.iterdir()
    ]
    house.worker.ingest()
    for path, data in kept:
        path.write_bytes(data)
    house.worker.ingest()
    assert (house.standing(account).spent, len(house.rows())) == (30, 1)
    assert list(house.home.holders.iterdir()) == []


def test_a_worker_that_fails_on_the_way_has_done_nothing(house: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    account = opened(house.engine, budget(1000))
    house.lease(account, 500)
    house.record("r1", 10)
    house.reserve(account, 20)
    house.die()

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("homeport.storage.leased.insert_events", fail)
        with pytest.raises(ZeroDivisionError):
            house.worker.ingest()
    assert (house.standing(account).spent, house.standing(account).leased) == (0, 500)
    house.worker.ingest()
    assert (house.standing(account).spent, house.standing(account).leased) == (30, 0)


def test_two_workers_that_saw_the_same_dead_book_it_once(house: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    account = opened(house.engine, budget(1000))
    house.lease(account, 500)
    holder = Holder.parse(house.process.name)
    assert holder is not None
    house.die()
    name = "homeport.storage.reconcile.leases_of"
    read = leases_of
    found: list[Reconciled | None] = []

    def read_and_be_overtaken(*arguments: Any) -> Any:
        seen = read(*arguments)
        with monkeypatch.context() as patch:
            patch.setattr(name, read)
            found.append(reconcile(house.engine, holder, {(account.budget.id, ""): 50}, house.clock.wall))
        return seen

    monkeypatch.setattr(name, read_and_be_overtaken)
    assert reconcile(house.engine, holder, {(account.budget.id, ""): 50}, house.clock.wall) is None
    assert found[0] is not None
    assert found[0].released == 450
    assert (house.standing(account).spent, len(house.rows())) == (50, 1)


def test_reservations_that_cannot_be_read_leave_everything_leased(house: Folder) -> None:
    account = opened(house.engine, budget(1000))
    house.lease(account, 500)
    (house.home.reserved / house.process.name).mkdir(parents=True)
    house.die()
    house.worker.ingest()
    assert (house.standing(account).spent, house.standing(account).leased) == (0, 500)
