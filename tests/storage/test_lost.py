"""Who holds money is told; a holder whose state folder is lost is given up, and one that lives never is."""

from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, select

from homeport.core.budgets import EACH, ScopeKind, Window
from homeport.core.errors import InvalidRequest
from homeport.storage.db import writing
from homeport.storage.holders import LivingHolder, read_home_id
from homeport.storage.ingest import insert_events
from homeport.storage.lost import LATELY_NS, GivenUp, State, give_up, list_holders
from homeport.storage.tables import requests
from tests.storage.budget import budget, opened
from tests.storage.events import finished
from tests.storage.house import House

LOST = "0123456789ab-0123456789abcdef"
SIBLING = "0123456789ab-fedcba9876543210"
SECOND = 10**9


class Database(House):
    """What processes of other folders use too."""

    def record(self, holder: str, cost: int) -> None:
        event = finished(f"r{cost}", cost=cost, started_at=self.clock.wall)
        with writing(self.engine) as connection:
            insert_events(connection, [msgspec.structs.replace(event, local=False, holder=holder, attempts=())])

    def give_up(self, holder: str = LOST, *, free: bool = False) -> GivenUp | None:
        self.clock.advance(LATELY_NS)
        return give_up(self.engine, holder, free=free, now=self.clock.wall)

    def ledger(self) -> list[tuple[str, int, str, str]]:
        columns = (requests.c.surface, requests.c.cost, requests.c.reason, requests.c.price_source)
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(select(*columns).order_by(requests.c.request_id))]

    def states(self) -> dict[str, State]:
        return {facts.name: facts.state for facts in list_holders(self.engine, self.home, self.clock.wall)}


@pytest.fixture
def house(engine: Engine, tmp_path: Path) -> Database:
    return Database(engine, tmp_path)


def test_holders_are_listed_with_what_they_hold(house: Database) -> None:
    assert house.states() == {}
    ann = opened(house.engine, budget(1000, number=1, kind=ScopeKind.USER, scope=EACH), "ann")
    everything = opened(house.engine, budget(1000, number=2))
    house.lend(LOST, ann, 100)
    since = house.clock.wall
    house.clock.advance(SECOND)
    house.lend(LOST, everything, 300, settled=50)
    (facts,) = list_holders(house.engine, house.home, house.clock.wall)
    assert (facts.name, facts.held, facts.since, facts.seen_at) == (LOST, 350, since, house.clock.wall)
    assert [(lease.budget, lease.instance, lease.amount) for lease in facts.leases] == [
        ("b2", "", 250),
        ("b1", "ann", 100),
    ]


def test_who_was_seen_lately_lives_and_so_does_its_folder(house: Database) -> None:
    account = opened(house.engine, budget(1000))
    house.lend(LOST, account, 100)
    assert house.states() == {LOST: State.ALIVE}
    house.clock.advance(LATELY_NS - 1)
    assert house.states() == {LOST: State.ALIVE}
    house.clock.advance(1)
    assert house.states() == {LOST: State.SILENT}
    house.lend(SIBLING, account, 100)
    assert house.states() == {LOST: State.ENDED, SIBLING: State.ALIVE}
    house.clock.wall -= 2 * LATELY_NS
    assert house.states() == {LOST: State.ALIVE, SIBLING: State.ALIVE}, "their clock may be ahead"


def test_of_its_own_folder_it_is_known_who_lives(house: Database) -> None:
    account = opened(house.engine, budget(1000))
    process = LivingHolder(house.home.holders, read_home_id(house.home.identity))
    house.lend(process.name, account, 100)
    house.clock.advance(100 * LATELY_NS)
    assert house.states() == {process.name: State.ALIVE}, "it lives, however long it said nothing"
    process.close()
    assert house.states() == {process.name: State.ENDED}
    (house.home.holders / process.name).unlink()
    assert house.states() == {process.name: State.ENDED}


def test_what_a_lost_holder_may_have_spent_is_spent_and_in_the_ledger(house: Database) -> None:
    account = opened(house.engine, budget(1000))
    house.lend(LOST, account, 500, settled=120)
    house.record(LOST, 100)
    assert house.give_up() == GivenUp(booked=380, freed=0, corrected=400)
    assert (house.standing(account).spent, house.standing(account).leased) == (500, 0)
    assert (
        house.ledger()
        == [
            ("correction", 400, "leased when its state folder was lost", "lease"),
            ("chat", 100, "only_target", "m"),
        ]
        or sum(row[1] for row in house.ledger()) == 500
    )
    assert house.states() == {}
    assert house.give_up() is None
    assert house.standing(account).spent == 500, "once"


def test_on_request_what_it_never_told_is_free_again(house: Database) -> None:
    account = opened(house.engine, budget(1000))
    house.lend(LOST, account, 500, settled=120)
    house.record(LOST, 100)
    house.record(LOST, 45)
    assert house.give_up(free=True) == GivenUp(booked=25, freed=355, corrected=0)
    assert (house.standing(account).spent, house.standing(account).leased) == (145, 0)
    assert sum(row[1] for row in house.ledger()) == 145
    assert house.standing(account).remaining == 855


def test_what_was_reported_and_is_in_no_ledger_gets_a_row_even_then(house: Database) -> None:
    account = opened(house.engine, budget(1000))
    house.lend(LOST, account, 500, settled=120)
    assert house.give_up(free=True) == GivenUp(booked=0, freed=380, corrected=120)
    assert (house.standing(account).spent, sum(row[1] for row in house.ledger())) == (120, 120)


def test_the_same_money_in_nested_accounts_is_in_the_ledger_once(house: Database) -> None:
    outer = opened(house.engine, budget(9000, number=1, kind=ScopeKind.PROJECT, scope="acme"))
    inner = opened(house.engine, budget(9000, number=2, kind=ScopeKind.PROJECT, scope="acme/search"))
    house.lend(LOST, outer, 500)
    house.lend(LOST, inner, 300)
    assert house.give_up() == GivenUp(booked=800, freed=0, corrected=500)
    assert (house.standing(outer).spent, house.standing(inner).spent) == (500, 300)
    assert sorted(row[1] for row in house.ledger()) == [200, 300]


def test_who_lives_is_not_given_up_and_nothing_changes(house: Database) -> None:
    quiet = opened(house.engine, budget(1000, number=1))
    busy = opened(house.engine, budget(1000, number=2))
    house.lend(LOST, quiet, 500)
    house.clock.advance(LATELY_NS)
    house.lend(LOST, busy, 500)
    with pytest.raises(InvalidRequest) as refused:
        give_up(house.engine, LOST, free=True, now=house.clock.wall)
    assert refused.value.code == "holder_alive"
    assert (house.standing(quiet).leased, house.standing(busy).leased) == (500, 500)
    assert house.ledger() == []


def test_who_was_given_up_and_comes_back_is_charged_twice_at_most(house: Database) -> None:
    account = opened(house.engine, budget(1000, Window.TOTAL))
    house.lend(LOST, account, 300)
    house.give_up()
    house.lend(LOST, account, 100, settled=300)
    assert (house.standing(account).spent, house.standing(account).leased) == (600, 0)
    assert house.give_up() == GivenUp(booked=0, freed=0, corrected=300)
    assert sum(row[1] for row in house.ledger()) == 600, "its second row does not take the place of the first"
