"""Several processes trade with one account as fast as they can, and it is never over."""

import multiprocessing
import random
from multiprocessing.connection import Connection

import pytest
from sqlalchemy import Engine

from homeport.core.budgets import Account, Window
from homeport.core.money import Nano
from homeport.storage.bank import DatabaseBank
from homeport.storage.budgets import standings
from homeport.storage.db import open_database
from tests.storage.budget import budget, opened

pytestmark = pytest.mark.slow

LIMIT = 10_000


def trade_until_refused(url: str, account: Account, seed: int, pipe: Connection) -> None:
    """Lease, spend a part, report and give back a part, until even the smallest need is refused; say what was spent."""
    engine = open_database(url)
    bank = DatabaseBank(engine, patience=30)
    dice = random.Random(seed)
    free = spent = 0
    while True:
        need = dice.randint(1, 40)
        cost = dice.randint(0, free)
        back = dice.randint(0, free - cost) // 2
        grant = bank.trade(
            f"h{seed}", account, settled=Nano(cost), returned=Nano(back), need=Nano(need), want=Nano(need * 10)
        )
        assert grant.spent + grant.leased <= LIMIT
        free += grant.granted - cost - back
        spent += cost
        if not grant.granted and grant.spent + grant.leased == LIMIT:
            break
        if not grant.granted:
            least = bank.trade(f"h{seed}", account, settled=Nano(0), returned=Nano(0), need=Nano(1), want=Nano(1))
            free += least.granted
    bank.trade(f"h{seed}", account, settled=Nano(free), returned=Nano(0), need=Nano(0), want=Nano(0))
    pipe.send(spent + free)
    engine.dispose()


def test_processes_together_spend_the_limit_and_nothing_above_it(engine: Engine) -> None:
    account = opened(engine, budget(LIMIT, Window.MONTH))
    url = engine.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")
    workers = []
    for seed in range(3):
        here, there = context.Pipe()
        process = context.Process(target=trade_until_refused, args=(url, account, seed, there))
        process.start()
        workers.append((process, here, there))
    spent = 0
    for process, here, there in workers:
        assert here.poll(60), "a process has failed"
        spent += here.recv()
        process.join()
        process.close()
        here.close()
        there.close()
    (standing,) = standings(engine, 0)
    assert (standing.spent, standing.leased) == (spent, 0)
    assert LIMIT * 97 // 100 <= spent <= LIMIT
