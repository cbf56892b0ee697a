"""Whatever is traded, killed, reconciled and given up, in any order: no account is over, and money is conserved."""

import itertools
import secrets

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, func, select

from homeport.core.budgets import Account, ScopeKind, Window
from homeport.core.events import RequestFinished
from homeport.core.money import Nano
from homeport.storage.bank import DatabaseBank
from homeport.storage.budgets import add_budget, change_budget, standings
from homeport.storage.db import writing
from homeport.storage.holders import Holder
from homeport.storage.ingest import insert_events
from homeport.storage.lost import LATELY_NS, GivenUp, give_up
from homeport.storage.reconcile import reconcile
from homeport.storage.tables import leases, requests
from tests.fakes.clock import ManualClock
from tests.storage.budget import budget
from tests.storage.events import finished

LIMIT = 1000
MINUTE = 60 * 10**9
HOLDERS = st.integers(0, 2)
ACCOUNTS = st.integers(0, 2)
SHARE = st.integers(0, 100)
_numbers = itertools.count(1)


class Purse(msgspec.Struct):
    """What one process knows of its lease: free, in flight, and spent without having said so."""

    free: int = 0
    reserved: int = 0
    unreported: int = 0


class Process:
    """A gateway process, as far as money is concerned."""

    def __init__(self, accounts: list[Account]) -> None:
        self.holder = Holder("0123456789ab", secrets.token_hex(8))
        self.purses = [Purse() for _ in accounts]
        self.journal: list[tuple[int, RequestFinished]] = []
        self.ingested = [0 for _ in accounts]
        self.reported = [0 for _ in accounts]
        self.seen_at = 0


class Money(RuleBasedStateMachine):
    """Three accounts of three windows; three processes that die or are lost, and come back under another name."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.clock = ManualClock()
        self.bank = DatabaseBank(engine, self.clock.wall_ns)

    @initialize()
    def begin(self) -> None:
        self.accounts = []
        for window in (Window.HOUR, Window.MONTH, Window.TOTAL):
            number = next(_numbers)
            made = budget(LIMIT, window, number=number, kind=ScopeKind.KEY, scope=f"key_{number}")
            add_budget(self.engine, made, created_at=1)
            self.accounts.append(Account(made))
        self.limits = [LIMIT] * 3
        self.granted, self.settled, self.released = [0] * 3, [0] * 3, [0] * 3
        self.processes = [Process(self.accounts) for _ in range(3)]
        self.dead: list[Process] = []

    @rule(who=HOLDERS, what=ACCOUNTS, need=st.integers(0, 600), more=st.integers(0, 600), back=SHARE)
    def trade(self, who: int, what: int, need: int, more: int, back: int) -> None:
        process, account = self.processes[who], self.accounts[what]
        purse = process.purses[what]
        returned = purse.free * back // 100
        grant = self.bank.trade(
            process.holder.name,
            account,
            settled=Nano(purse.unreported),
            returned=Nano(returned),
            need=Nano(need),
            want=Nano(need + more),
        )
        process.seen_at = max(process.seen_at, self.clock.wall)
        self.granted[what] += grant.granted
        self.settled[what] += purse.unreported
        process.reported[what] += purse.unreported
        self.released[what] += returned
        purse.free += grant.granted - returned
        purse.unreported = 0
        assert grant.granted == 0 or need <= grant.granted <= need + more
        assert not grant.granted or grant.spent + grant.leased <= self.limits[what]

    @rule(who=HOLDERS, what=ACCOUNTS, share=SHARE)
    def reserve(self, who: int, what: int, share: int) -> None:
        purse = self.processes[who].purses[what]
        amount = purse.free * share // 100
        purse.free -= amount
        purse.reserved += amount

    @rule(who=HOLDERS, what=ACCOUNTS, share=SHARE)
    def finish(self, who: int, what: int, share: int) -> None:
        """All that is in flight ends, and costs a part of what was reserved."""
        process = self.processes[who]
        purse = process.purses[what]
        cost = purse.reserved * share // 100
        purse.free += purse.reserved - cost
        purse.unreported += cost
        purse.reserved = 0
        event = finished(secrets.token_hex(16), cost=cost, started_at=self.clock.wall)
        changed = msgspec.structs.replace(
            event, local=False, holder=process.holder.name, key_id=self.accounts[what].budget.scope, attempts=()
        )
        process.journal.append((what, changed))

    @rule(who=HOLDERS)
    def ingest(self, who: int) -> None:
        self._ingest(self.processes[who])

    @rule(minutes=st.integers(0, 70))
    def wait(self, minutes: int) -> None:
        self.clock.advance(minutes * MINUTE)

    @rule(minutes=st.integers(-50_000, 50_000))
    def set_the_clock(self, minutes: int) -> None:
        self.clock.wall += minutes * MINUTE

    @rule(what=ACCOUNTS, limit=st.integers(0, 2 * LIMIT))
    def change_limit(self, what: int, limit: int) -> None:
        self.limits[what] = limit
        budget_id = self.accounts[what].budget.id
        change_budget(self.engine, budget_id, lambda old: msgspec.structs.replace(old, limit=Nano(limit)))

    @rule(who=HOLDERS)
    def kill(self, who: int) -> None:
        self.dead.append(self.processes[who])
        self.processes[who] = Process(self.accounts)

    @precondition(lambda self: self.dead)
    @rule(again=st.booleans())
    def reconcile(self, again: bool) -> None:
        process = self.dead.pop()
        self._ingest(process)
        reserved = {
            (account.budget.id, ""): purse.reserved
            for account, purse in zip(self.accounts, process.purses, strict=True)
        }
        reconcile(self.engine, process.holder, reserved, self.clock.wall)
        for what, purse in enumerate(process.purses):
            self.settled[what] += purse.unreported + purse.reserved
            self.released[what] += purse.free
        if again:
            assert reconcile(self.engine, process.holder, reserved, self.clock.wall) is None

    @precondition(lambda self: self.dead)
    @rule(free=st.booleans())
    def lose(self, free: bool) -> None:
        """Its state folder is gone, and what was in its journal; after a while somebody gives it up."""
        process = self.dead.pop(0)
        if not process.seen_at:
            return
        self.clock.wall = max(self.clock.wall, process.seen_at + LATELY_NS)
        done = give_up(self.engine, process.holder.name, free=free, now=self.clock.wall)
        total = GivenUp()
        for what, purse in enumerate(process.purses):
            # Of what was not reported, only what is in the ledger is known.
            known = max(0, process.ingested[what] - process.reported[what])
            leased = purse.free + purse.reserved + purse.unreported
            booked = known if free else leased
            corrected = process.reported[what] + booked - process.ingested[what]
            total = GivenUp(
                booked=total.booked + booked,
                freed=total.freed + leased - booked,
                corrected=total.corrected + corrected,
            )
            self.settled[what] += booked
            self.released[what] += leased - booked
        assert done == total

    @invariant()
    def nothing_is_lost_and_nothing_is_over(self) -> None:
        for what, account in enumerate(self.accounts):
            (standing,) = standings(self.engine, self.clock.wall, account.budget.id)
            held = self._held(what)
            assert self.granted[what] == self.settled[what] + self.released[what] + held
            assert standing.leased == held
            if account.budget.window is Window.TOTAL:
                assert standing.spent == self.settled[what]
            assert standing.spent <= self.settled[what]

    def teardown(self) -> None:
        """In the end, when all are dead and reconciled, the ledger says what the accounts say."""
        if not hasattr(self, "accounts"):
            return
        for who in range(3):
            self.kill(who)
        while self.dead:
            self.reconcile(again=False)
        for what, account in enumerate(self.accounts):
            assert self.granted[what] == self.settled[what] + self.released[what]
            scope = requests.c.key_id == account.budget.scope
            with self.engine.connect() as connection:
                assert (
                    connection.execute(select(func.sum(requests.c.cost)).where(scope)).scalar() or 0
                ) == self.settled[what]
                mine = leases.c.budget_id == account.budget.id
                assert not connection.execute(select(func.count()).where(mine)).scalar()

    def _ingest(self, process: Process) -> None:
        with writing(self.engine) as connection:
            insert_events(connection, [event for _, event in process.journal])
        for what, event in process.journal:
            process.ingested[what] += event.cost
        process.journal.clear()

    def _held(self, what: int) -> int:
        purses = [process.purses[what] for process in (*self.processes, *self.dead)]
        return sum(purse.free + purse.reserved + purse.unreported for purse in purses)


def test_money_is_conserved(engine: Engine) -> None:
    run_state_machine_as_test(
        lambda: Money(engine),  # type: ignore[arg-type]  # it is called, and nothing else
        settings=settings(
            max_examples=12,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        ),
    )


@pytest.mark.parametrize(
    ("window", "in_all"), [(Window.HOUR, LIMIT + 500), (Window.MONTH, LIMIT), (Window.TOTAL, LIMIT)]
)
def test_a_clock_that_jumps_about_frees_nothing(engine: Engine, window: Window, in_all: int) -> None:
    clock = ManualClock()
    bank = DatabaseBank(engine, clock.wall_ns)
    account = Account(budget(LIMIT, window))
    add_budget(engine, account.budget, created_at=1)
    start, spent = clock.wall, 0
    # The hour is new twice on the way to the third day, and never again.
    for days in (0, 1, 3, 2, 0, 1, 3, 0, 2, 3, 1, 0):
        clock.wall = start + days * 24 * 60 * MINUTE
        grant = bank.trade("h", account, settled=Nano(0), returned=Nano(0), need=Nano(250), want=Nano(250))
        bank.trade("h", account, settled=grant.granted, returned=Nano(0), need=Nano(0), want=Nano(0))
        spent += grant.granted
    assert spent == in_all
