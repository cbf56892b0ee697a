"""One run: a cap, a crowd, a process killed midway, and the three bills that have to agree."""

import asyncio
import random
import time

import msgspec
from sqlalchemy import BigInteger, Engine, cast, func, select

from bench.overspend.clients import Crowd, run_batch
from bench.overspend.fleet import Fleet, Layout
from bench.overspend.upstream import Upstream
from homeport import bootstrap
from homeport.api.keys import KeyFields
from homeport.config.home import Home
from homeport.config.load import Environment, load
from homeport.core.budgets import Budget, ScopeKind, Window
from homeport.core.money import Nano
from homeport.core.types import Scope
from homeport.storage.budgets import add_budget, standings
from homeport.storage.reconcile import Reconciler
from homeport.storage.tables import requests

CAP = Nano(1_000_000_000)
USABLE = 0.97
_PROJECT = "acme/search/bot"
_BATCH_LINES = 150
_LATE_S = 60.0
_DOWN_S = 0.3


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between runs; everything else follows from the seed."""

    seed: int
    layout: Layout
    callers: int = 200
    killed: bool = True


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The bills of one run, in nano-dollars.

    Attributes:
        billed: by the upstream: answers, those that nobody waited for, and those of the killed process.
        ledger: the sum of our rows; `corrections` is the part of it for calls that nobody knows the end of.
        counted: what the budget says is spent.
        leased: still out when all was over; 0 where nothing is lost.
        missing: answered requests without a row.
        seen: how many requests ended how.
    """

    seed: int
    scope: str
    billed: int
    ledger: int
    corrections: int
    counted: int
    leased: int
    rows: int
    calls: int
    missing: int
    seconds: float
    seen: dict[str, int]

    @property
    def over(self) -> bool:
        """More was spent than the cap allows, by any of the bills."""
        return max(self.billed, self.ledger, self.counted) > CAP

    @property
    def used(self) -> float:
        """The share of the cap that was usable."""
        return self.ledger / CAP

    @property
    def wrong(self) -> list[str]:
        """What does not hold; nothing, if all is well."""
        found = {
            "overspent": self.over,
            f"used {self.used:.1%}": self.used < USABLE,
            f"{self.missing} answers without a row": self.missing > 0,
            "the ledger and the budget differ": self.ledger != self.counted,
            "money is leased to nobody": self.leased != 0,
        }
        return [name for name, holds in found.items() if holds]


async def run(trial: Trial) -> Outcome:
    """Raises TimeoutError or BenchmarkError where it does not come to its end."""
    started = time.monotonic()
    dice = random.Random(trial.seed)
    async with Upstream(trial.seed).serving() as upstream:
        fleet = Fleet(trial.layout, upstream.url)
        engine, key, budget = _prepare(fleet, dice)
        try:
            async with fleet.running():
                crowd = Crowd(fleet.urls, key, trial.seed, trial.callers)
                tasks = [asyncio.create_task(_batch(fleet, key))]
                if trial.killed:
                    tasks.append(asyncio.create_task(_kill(fleet, upstream, dice)))
                try:
                    await crowd.run()
                    await asyncio.wait_for(asyncio.gather(*tasks), _LATE_S)
                finally:
                    for task in tasks:
                        task.cancel()
                await fleet.stop()
            for home in fleet.homes:
                await asyncio.to_thread(Reconciler(engine, Home(home)).ingest)
            return _outcome(trial, engine, budget, upstream, crowd, time.monotonic() - started)
        finally:
            engine.dispose()


def _prepare(fleet: Fleet, dice: random.Random) -> tuple[Engine, str, Budget]:
    """The schema, a key and its budget, by one of the scopes and windows that it could have."""
    home = Home(fleet.homes[0])
    home.create()
    settings = load(home.config, Environment(home=home.root, variables={}))
    engine = bootstrap.open_storage(settings, home)
    issued = bootstrap.key_registry(engine, settings, home).create(
        KeyFields(name="crowd", project=_PROJECT, scopes=[Scope.INFERENCE])
    )
    scopes = {ScopeKind.ALL: "", ScopeKind.PROJECT: "acme/search", ScopeKind.KEY: issued.stored.key.id}
    kind = dice.choice([*scopes])
    window = dice.choice([Window.TOTAL, Window.MONTH, Window.DAY])
    budget = Budget(id="bud_0123456789abcdef", name="cap", kind=kind, scope=scopes[kind], window=window, limit=CAP)
    add_budget(engine, budget, time.time_ns())
    for name in (home.pepper.name, home.files.name):
        fleet.share(name)
    return engine, issued.token, budget


async def _batch(fleet: Fleet, key: str) -> None:
    await run_batch(fleet.urls[0], key, _BATCH_LINES)


async def _kill(fleet: Fleet, upstream: Upstream, dice: random.Random) -> None:
    """kill -9 on one gateway when a seeded part of the cap is gone; it is started again soon."""
    number, part = dice.randrange(len(fleet.urls)), dice.uniform(0.1, 0.8)
    await upstream.billed(part * CAP)
    await asyncio.to_thread(fleet.kill, number)
    await asyncio.sleep(_DOWN_S)
    fleet.start(number)
    await fleet.ready(number)


def _outcome(trial: Trial, engine: Engine, budget: Budget, upstream: Upstream, crowd: Crowd, seconds: float) -> Outcome:
    cost = cast(func.coalesce(func.sum(requests.c.cost), 0), BigInteger)
    with engine.connect() as connection:
        ledger = int(connection.execute(select(cost)).scalar_one())
        corrections = int(connection.execute(select(cost).where(requests.c.surface == "correction")).scalar_one())
        ids = set(connection.execute(select(requests.c.request_id)).scalars())
    (standing,) = standings(engine, time.time_ns())
    return Outcome(
        seed=trial.seed,
        scope=f"{budget.kind} {budget.window}",
        billed=upstream.bill.nano,
        ledger=ledger,
        corrections=corrections,
        counted=standing.spent,
        leased=standing.leased,
        rows=len(ids),
        calls=upstream.bill.calls,
        missing=len(crowd.answered - ids),
        seconds=seconds,
        seen=dict(crowd.seen),
    )
