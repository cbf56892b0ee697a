"""Processes that are killed while they spend: whatever moment it was, nothing is spent twice and nothing is forgotten.

Each worker does what a gateway process does with money, against an upstream that is a file of bills.
"""

import multiprocessing
import os
import random
import struct
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, func, select

from homeport.config.home import Home
from homeport.core.budgets import Account, ScopeKind, Window
from homeport.core.money import Nano
from homeport.storage.bank import DatabaseBank
from homeport.storage.budgets import standings
from homeport.storage.db import open_database
from homeport.storage.holders import LivingHolder, read_home_id
from homeport.storage.journal import Journal
from homeport.storage.reconcile import Reconciler
from homeport.storage.reservations import Reservations
from homeport.storage.tables import requests
from tests.storage.budget import budget, opened
from tests.storage.events import finished

pytestmark = pytest.mark.slow

LIMIT = 400_000
HOLD = 100
KILLS = 5
BILL = struct.Struct("<q")


def spend(url: str, home: Home, account: Account, bills: Path, seed: int) -> None:
    """Lease, reserve, call, record, settle, until it is killed."""
    bank, journal, dice = DatabaseBank(open_database(url), patience=30), Journal(home.journal), random.Random(seed)
    holder = LivingHolder(home.holders, read_home_id(home.identity))
    reservations = Reservations(home.reserved / holder.name)
    record = reservations.open_record(account.budget.id, account.instance)
    upstream = os.open(bills, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    free = settled = calls = 0
    while True:
        if free < HOLD:
            grant = bank.trade(
                holder.name, account, settled=Nano(settled), returned=Nano(0), need=Nano(HOLD), want=Nano(HOLD * 30)
            )
            free, settled = free + grant.granted, 0
            if free < HOLD:
                time.sleep(0.01)
                continue
        reservations.write(record, HOLD)
        cost = dice.randint(1, HOLD)
        os.write(upstream, BILL.pack(cost))
        time.sleep(0.002)  # Most are killed here, where nobody but the upstream knows the bill.
        event = finished(f"call-{seed}-{calls}", cost=cost, started_at=time.time_ns())
        scope = account.budget.scope
        journal.record(
            msgspec.structs.replace(event, local=False, holder=holder.name, key_id=scope, attempts=(), trace_id="call")
        )
        reservations.write(record, 0)
        free, settled, calls = free - cost, settled + cost, calls + 1


def test_what_was_billed_is_booked_and_the_limit_holds(engine: Engine, tmp_path: Path) -> None:
    home, bills, dice = Home(tmp_path / "home"), tmp_path / "bills", random.Random(7)
    home.create()
    account = opened(engine, budget(LIMIT, Window.DAY, kind=ScopeKind.KEY, scope="key_1"))
    worker = Reconciler(engine, home)
    url = engine.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")

    def start(seed: int) -> BaseProcess:
        process = context.Process(target=spend, args=(url, home, account, bills, seed), daemon=True)
        process.start()
        return process

    processes = [start(seed) for seed in range(2)]
    for number in range(KILLS):
        victim = processes.pop(dice.randrange(len(processes)))
        holders = len(list(home.holders.glob("*-*"))) if home.holders.exists() else 0
        processes.append(start(10 + number))
        until = time.monotonic() + 20
        while not bills.exists() or (number and len(list(home.holders.glob("*-*"))) <= holders):
            assert time.monotonic() < until, "no process has begun"
            time.sleep(0.01)
        time.sleep(dice.random() / 10)
        _kill(victim)
        worker.ingest()
        assert _billed(bills) <= _counted(engine), "what is spent is spent, or leased"
    for process in processes:
        _kill(process)
    worker.ingest()
    (standing,) = standings(engine, time.time_ns())
    with engine.connect() as connection:
        in_ledger = connection.execute(select(func.sum(requests.c.cost))).scalar_one()
    assert standing.leased == 0
    assert _billed(bills) <= standing.spent <= LIMIT
    assert standing.spent == in_ledger
    assert standing.spent - _billed(bills) <= (KILLS + 2) * HOLD, "one call of each at most was in flight"
    assert list(home.reserved.iterdir()) == []


def _kill(process: BaseProcess) -> None:
    process.kill()
    process.join()
    process.close()


def _billed(bills: Path) -> int:
    return sum(cost for (cost,) in BILL.iter_unpack(bills.read_bytes()))


def _counted(engine: Engine) -> int:
    (standing,) = standings(engine, time.time_ns())
    assert standing.spent + standing.leased <= LIMIT
    return standing.spent + standing.leased
