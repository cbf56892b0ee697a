"""Money of one process and of several: never more than the cap, nothing lost, nobody waits for nothing."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.core.budgets import Account, Grant, Window
from homeport.core.errors import BudgetExceeded, StorageError
from homeport.ledger.purse import Purse
from homeport.ledger.wallet import Wallet
from tests.fakes.bank import MemoryBank, MemoryNotes, budget
from tests.fakes.clock import ManualClock

NAME = ("bud_search", "")


def wallet_of(bank: MemoryBank, holder: str = "this", **more: Any) -> tuple[Wallet, MemoryNotes]:
    notes = MemoryNotes()
    return Wallet(bank, holder=holder, notes=notes, clock=ManualClock(), **more), notes


async def at_once(trade: Callable[..., Grant], *args: Any, **kwargs: Any) -> Grant:
    """A trade that is over when the others have had a turn."""
    await asyncio.sleep(0)
    return trade(*args, **kwargs)


def account(limit: int, name: str = "search", instance: str = "") -> Account:
    return Account(budget(name, limit=limit), instance)


async def take(wallet: Wallet, purses: Sequence[Purse], amount: int, patience: float = 0.0) -> int:
    return await wallet.reserve(purses, need=amount, good=amount, want=amount, patience_s=patience)


async def test_reserve_and_settle() -> None:
    bank = MemoryBank()
    wallet, notes = wallet_of(bank)
    purses = wallet.purses([account(1_000)])
    held = await wallet.reserve(purses, need=10, good=10, want=40, patience_s=1)
    assert 10 <= held <= 40
    assert notes.amounts[0] == held
    wallet.settle(purses, held=held, cost=7)
    assert notes.amounts[0] == 0
    await wallet.close()
    assert (bank.spent[NAME], bank.leases[NAME]["this"]) == (7, 0)


async def test_most_requests_do_not_ask_the_bank() -> None:
    bank = MemoryBank()
    wallet, _ = wallet_of(bank)
    purses = wallet.purses([account(10_000_000)])
    for _ in range(1_000):
        wallet.settle(purses, held=await take(wallet, purses, 100), cost=50)
    assert bank.trades < 30


async def test_all_accounts_or_none() -> None:
    bank = MemoryBank()
    wallet, notes = wallet_of(bank)
    purses = wallet.purses([account(50, "small"), account(1_000, "large")])
    with pytest.raises(BudgetExceeded) as refused:
        await take(wallet, purses, 60)
    assert refused.value.budget.name == "small"
    assert set(notes.amounts.values()) == {0}
    wallet.settle(purses, held=await take(wallet, purses, 40), cost=40)
    await wallet.close()
    assert bank.spent == {("bud_small", ""): 40, ("bud_large", ""): 40}


async def test_the_whole_cap_is_usable_while_others_hold_it() -> None:
    """Four at once hold 25 each; a fifth waits for the first that ends instead of being refused."""
    bank = MemoryBank()
    wallet, _ = wallet_of(bank)
    purses = wallet.purses([account(100)])
    held = [await take(wallet, purses, 25, 1) for _ in range(4)]
    waiting = asyncio.create_task(take(wallet, purses, 25, 5))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    wallet.settle(purses, held=held[0], cost=0)
    assert await waiting == 25


async def test_waiting_has_an_end() -> None:
    bank = MemoryBank()
    wallet, _ = wallet_of(bank)
    purses = wallet.purses([account(100)])
    await take(wallet, purses, 90)
    with pytest.raises(BudgetExceeded, match="more are held for requests in progress"):
        await take(wallet, purses, 25, 0.05)
    assert not purses[0].askers


async def test_nobody_waits_for_nothing() -> None:
    wallet, _ = wallet_of(MemoryBank())
    purses = wallet.purses([account(100)])
    wallet.settle(purses, held=await take(wallet, purses, 90), cost=90)
    async with asyncio.timeout(2):
        with pytest.raises(BudgetExceeded):
            await take(wallet, purses, 25, 60)


async def test_a_dry_account_is_not_asked_for_at_every_request() -> None:
    bank = MemoryBank()
    wallet, _ = wallet_of(bank)
    purses = wallet.purses([account(10)])
    for _ in range(100):
        with pytest.raises(BudgetExceeded):
            await take(wallet, purses, 25, 1)
    assert bank.trades < 5


async def test_money_that_lies_idle_elsewhere_is_given_back() -> None:
    bank = MemoryBank()
    (one, _), (other, _) = wallet_of(bank, "one"), wallet_of(bank, "other")
    theirs = other.purses([account(1_000)])
    other.settle(theirs, held=await other.reserve(theirs, need=500, good=500, want=500, patience_s=1), cost=0)
    mine = one.purses([account(1_000)])
    waiting = asyncio.create_task(take(one, mine, 900, 5))
    await asyncio.sleep(0.05)
    await other.tick()
    await other.tick()
    assert await waiting == 900


async def test_an_idle_account_is_forgotten() -> None:
    bank, clock = MemoryBank(), ManualClock()
    notes = MemoryNotes()
    wallet = Wallet(bank, holder="this", notes=notes, clock=clock)
    purses = wallet.purses([account(1_000, instance="ann")])
    wallet.settle(purses, held=await take(wallet, purses, 10), cost=10)
    await wallet.tick()
    clock.advance(60_000_000_000)
    await wallet.tick()
    await wallet.tick()
    assert not wallet._purses
    assert (bank.spent["bud_search", "ann"], bank.leases["bud_search", "ann"]["this"]) == (10, 0)


async def test_who_has_nothing_to_report_does_not_ask_for_each_account() -> None:
    bank = MemoryBank()
    wallet, _ = wallet_of(bank)
    for number in range(20):
        purses = wallet.purses([account(1_000, instance=f"user {number}")])
        wallet.settle(purses, held=await take(wallet, purses, 10), cost=10)
    await wallet.tick()
    before = bank.trades
    await wallet.tick()
    assert bank.trades == before


async def test_who_holds_something_shows_that_it_lives() -> None:
    """A long call holds all that was leased, and nothing else happens."""
    bank, clock = MemoryBank(), ManualClock()
    wallet = Wallet(bank, holder="this", notes=MemoryNotes(), clock=clock)
    purses = wallet.purses([account(100)])
    held = await take(wallet, purses, 100)
    trades = []
    for _ in range(4):
        clock.advance(31_000_000_000)
        await wallet.tick()
        trades.append(bank.trades)
    assert trades == [1, 2, 2, 3]
    wallet.settle(purses, held=held, cost=60)
    await wallet.close()
    assert (bank.spent[NAME], bank.leases[NAME]["this"]) == (60, 0)


async def test_a_bank_that_cannot_be_asked() -> None:
    """What is leased goes on being spent; then what the budget caps is refused, and nothing is lost."""
    bank = MemoryBank()
    wallet, _ = wallet_of(bank)
    purses = wallet.purses([account(1_000)])
    wallet.settle(purses, held=await take(wallet, purses, 10), cost=10)
    free = purses[0].free
    bank.closed = True
    wallet.settle(purses, held=await take(wallet, purses, free), cost=free)
    with pytest.raises(StorageError) as refused:
        await take(wallet, purses, 10, 1)
    assert refused.value.code == "budget_unavailable"
    assert "'search'" in refused.value.message
    with pytest.raises(StorageError):
        await wallet.tick()
    bank.closed = False
    await take(wallet, purses, 10, 1)
    wallet.settle(purses, held=10, cost=10)
    await wallet.close()
    assert bank.spent[NAME] == free + 20


async def test_a_caller_who_leaves_while_waiting_takes_nothing() -> None:
    bank = MemoryBank()
    wallet, notes = wallet_of(bank)
    purses = wallet.purses([account(100)])
    held = await take(wallet, purses, 90)
    waiting = asyncio.create_task(take(wallet, purses, 25, 5))
    await asyncio.sleep(0.02)
    wallet.settle(purses, held=held, cost=0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await wallet.close()
    assert notes.amounts[0] == 0
    assert bank.leases[NAME]["this"] == 0


async def test_a_cost_above_its_hold_is_paid_for_by_what_is_left() -> None:
    bank = MemoryBank()
    wallet, _ = wallet_of(bank)
    purses = wallet.purses([account(1_000)])
    wallet.settle(purses, held=await take(wallet, purses, 10), cost=600)
    with pytest.raises(BudgetExceeded):
        await take(wallet, purses, 500)
    assert await take(wallet, purses, 300) == 300
    wallet.settle(purses, held=300, cost=300)
    await wallet.close()
    assert (bank.spent[NAME], bank.leases[NAME]["this"]) == (900, 0)


async def test_the_refusal_says_what_and_when() -> None:
    bank = MemoryBank()
    bank.resets_at = ManualClock().wall_ns() + 7_200_000_000_000
    wallet, _ = wallet_of(bank)
    purses = wallet.purses([Account(budget(limit=2_500_000_000, window=Window.DAY), "ann")])
    wallet.settle(purses, held=await take(wallet, purses, 2_400_000_000), cost=2_400_000_000)
    with pytest.raises(BudgetExceeded) as refused:
        await take(wallet, purses, 200_000_000)
    assert refused.value.message == (
        "the budget 'search' for 'ann' has too little left for this request: 2.40 of 2.50 USD in a day are spent"
    )
    assert refused.value.hint == "more is free in 2 hours; or ask whoever keeps the budget to raise it"
    assert refused.value.retry_after_ns == 7_200_000_000_000


async def one_request(dice: random.Random, wallet: Wallet, accounts: Sequence[Account], asked: list[int]) -> None:
    """Reserve, perhaps once more, and settle any part of it; or be refused."""
    purses = wallet.purses(accounts)
    held = holds = 0
    try:
        for _ in range(dice.choice((1, 1, 2))):
            need = dice.randint(1, 40)
            more = await wallet.reserve(
                purses, need=need, good=need + 5, want=need + dice.randint(0, 100), patience_s=dice.choice((0, 0.02))
            )
            assert more >= need
            held, holds = held + more, holds + 1
            for _ in range(dice.randint(0, 3)):
                await asyncio.sleep(0)
    except BudgetExceeded:
        pass
    finally:
        cost = dice.randint(0, held)
        asked.append(cost)
        wallet.settle(purses, held=held, cost=cost, holds=holds)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32), limit=st.integers(0, 2_000), processes=st.integers(1, 3), requests=st.integers(1, 60)
)
def test_conservation(seed: int, limit: int, processes: int, requests: int) -> None:
    """Over any interleaving with cancelled callers: spent is what was settled, never more than the cap."""

    async def run() -> None:
        dice = random.Random(seed)
        bank = MemoryBank()
        wallets = [wallet_of(bank, f"p{number}", in_thread=at_once) for number in range(processes)]
        everywhere = [account(limit), account(limit // 2 + 50, "other")]
        costs: dict[tuple[str, ...], list[int]] = {}
        tasks = []
        for _ in range(requests):
            wallet, _ = dice.choice(wallets)
            accounts = everywhere[: dice.randint(1, 2)]
            names = tuple(each.budget.name for each in accounts)
            task = asyncio.create_task(one_request(dice, wallet, accounts, costs.setdefault(names, [])))
            tasks.append(task)
            if dice.random() < 0.2:
                asyncio.get_running_loop().call_later(dice.random() / 50, task.cancel)
            if dice.random() < 0.3:
                await asyncio.sleep(0)
            if dice.random() < 0.1:
                await wallet.tick()
            assert_books(bank, everywhere)
        await asyncio.gather(*tasks, return_exceptions=True)
        for wallet, _ in wallets:
            await wallet.close()
        assert_books(bank, everywhere)
        spent = {names: sum(each) for names, each in costs.items()}
        assert bank.spent["bud_search", ""] == sum(spent.values())
        assert bank.spent["bud_other", ""] == spent.get(("search", "other"), 0)
        assert all(amount == 0 for leases in bank.leases.values() for amount in leases.values())
        assert all(purse.holds == 0 for wallet, _ in wallets for purse in wallet.purses(everywhere))
        assert all(amount == 0 for _, notes in wallets for amount in notes.amounts.values())

    asyncio.run(run())


def assert_books(bank: MemoryBank, accounts: Sequence[Account]) -> None:
    for each in accounts:
        name = (each.budget.id, each.instance)
        assert bank.spent[name] + sum(bank.leases[name].values()) <= each.budget.limit
