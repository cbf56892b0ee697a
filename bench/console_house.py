"""What `bench.console` looks at: a month of requests, their words, and what people made beside them.

Everything is put in by the code that a gateway has for it, but for the rows of cached answers and of accounts.
"""

import os
import random
import time
from collections.abc import Iterator
from itertools import islice
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event

import msgspec
from rich.console import Console as Terminal
from sqlalchemy import Engine, func, insert, select

from bench.console_quality import fill_quality
from bench.console_review import fill_reviewed
from bench.ledger import events
from bench.request_words import fill_words, kept
from homeport.api.keys import KeyFields
from homeport.bootstrap.capture import body_store
from homeport.bootstrap.storage import key_registry
from homeport.bootstrap.traces import request_search, word_index
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.audit import Actor, Origin
from homeport.core.budgets import EACH, Budget, ScopeKind, Window
from homeport.core.events import RequestFinished
from homeport.core.money import Nano
from homeport.core.types import Scope
from homeport.ledger.months import Month
from homeport.storage import audit
from homeport.storage.budgets import add_budget
from homeport.storage.cached_tables import cache_entries
from homeport.storage.db import open_database, writing
from homeport.storage.ingest import insert_events
from homeport.storage.tables import budget_accounts, budget_slices
from homeport.storage.tables import requests as stored

WORDS = "w0 w1"
KEYS, BUDGETS, USERS, CHANGES, CACHED = 300, 30, 1_024, 10_000, 50_000
_BODIES = 200
_ROWS_AT_ONCE = 20_000
_HOURS = 31 * 24
_HOUR = 3_600 * 10**9
_EVERY_S = 0.5
_MODELS = ("gpt-4.1-mini", "gpt-4.1", "claude-sonnet", "gemini-flash", "llama-70b", "own-8b")


def fill(settings: Settings, home: Home, engine: Engine, count: int, texts: bool, console: Terminal) -> None:
    """Make what is not there yet; a database that was filled before stays as it is."""
    begun = time.perf_counter()
    with engine.connect() as connection:
        there = int(connection.execute(select(func.count()).select_from(stored)).scalar_one())
    if there >= count:
        return
    source = requests(count, random.Random(2))
    while part := list(islice(source, _ROWS_AT_ONCE)):
        with writing(engine) as connection:
            there += insert_events(connection, part)
        console.print(f"{there:,} requests in {time.perf_counter() - begun:.0f} s", end="\r")
    console.print()
    examples = []
    if texts:
        fill_words(engine, word_index(home, engine), console)
        bodies = body_store(settings, home)
        for found in request_search(settings, home, engine).page(WORDS, limit=_BODIES).found:
            bodies.put(kept(found.row.request_id, found.row.started_at))
            examples.append(found.row.request_id)
    fill_quality(home, engine, examples)
    fill_reviewed(engine, body_store(settings, home), console)
    _people(settings, home, engine)
    _cached(engine)
    if engine.dialect.name == "postgresql":  # what its own autovacuum does within minutes
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    console.print(f"all is there after {time.perf_counter() - begun:.0f} s")


def requests(count: int, dice: random.Random) -> Iterator[RequestFinished]:
    """Those of `bench.ledger` in the month until now; a router has scored them, and the cache was asked."""
    shift = time.time_ns() // _HOUR * _HOUR - Month(2026, 11).start_ns
    for event in events(count, dice, _HOURS):
        yield _routed(msgspec.structs.replace(event, started_at=event.started_at + shift), dice)


def _routed(event: RequestFinished, dice: random.Random) -> RequestFinished:
    hit = dice.random() < 0.2
    return msgspec.structs.replace(
        event,
        reason=f"complexity:{event.tier}",
        score=dice.gauss(0, 1),
        decided=event.tier,
        escalation="low_confidence" if dice.random() < 0.05 else "",
        cache="hit" if hit else "miss",
        cost=0 if hit else event.cost,
        saved_cost=event.cost if hit else 0,
        end_user=f"user-{dice.getrandbits(10)}",
    )


class Traffic:
    """Requests that go on coming while pages are looked at, brought into the ledger by another process.

    Args:
        rps: so many a second; 0 for none.
    """

    def __init__(self, url: str, rps: int) -> None:
        self._url, self._rps = url, rps
        self._stop: Event | None = None
        self._process: BaseProcess | None = None

    def __enter__(self) -> "Traffic":
        if self._rps:
            context = get_context("spawn")
            self._stop = context.Event()
            self._process = context.Process(target=_go_on, args=(self._url, self._rps, self._stop), daemon=True)
            self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._stop is not None:
            self._stop.set()
            self._process.join(30)


def _go_on(url: str, rps: int, stop: Event) -> None:
    engine, dice = open_database(url), random.Random(os.getpid() ^ time.time_ns())
    while not stop.wait(_EVERY_S):
        several = events(round(rps * _EVERY_S), dice)
        now = [_routed(msgspec.structs.replace(event, started_at=time.time_ns()), dice) for event in several]
        with writing(engine) as connection:
            insert_events(connection, now)
    engine.dispose()


def _people(settings: Settings, home: Home, engine: Engine) -> None:
    """Keys, budgets with an account for each user, and a log of changes."""
    keys, now = key_registry(engine, settings, home), time.time_ns()
    for place in range(KEYS):
        keys.create(KeyFields(name=f"key {place}", scopes=[Scope.CHAT], project=f"acme/team{place % 3}"))
    for place in range(BUDGETS):
        kind, scope = (ScopeKind.USER, EACH) if place == 0 else (ScopeKind.PROJECT, f"acme/team{place}")
        limit = Nano(10**11 * (place + 1))
        budget = Budget(
            id=f"bud_{place:016x}", name=f"budget {place}", kind=kind, scope=scope, window=Window.DAY, limit=limit
        )
        add_budget(engine, budget, now)
    users = [{"budget_id": f"bud_{0:016x}", "instance": f"user-{place}"} for place in range(USERS)]
    quarter = 15 * 60 * 10**9
    slices = [{**user, "start": (now // quarter - age) * quarter, "spent": 10**7} for user in users for age in range(4)]
    actor = Actor(name="bench", origin=Origin.SYSTEM)
    with writing(engine) as connection:
        connection.execute(insert(budget_accounts), [{**user, "reached_at": now} for user in users])
        connection.execute(insert(budget_slices), slices)
        for place in range(CHANGES):
            audit.write(connection, actor, "key.update", f"key_{place % KEYS}", {"n": place}, {"n": place + 1}, now)


def _cached(engine: Engine) -> None:
    dice, now = random.Random(5), time.time_ns()
    rows = [
        {
            "id": dice.randbytes(16),
            "number": place,
            "expires_at": now + 30 * 24 * _HOUR,
            "created_at": now,
            "partition": (place % 40).to_bytes(16, "big"),
            "prompt": dice.randbytes(16),
            "tenant": f"key_{place % KEYS:016x}",
            "key_id": f"key_{place % KEYS:016x}",
            "target": _MODELS[place % len(_MODELS)],
            "model": _MODELS[place % len(_MODELS)],
            "upstream": "p",
            "request_id": f"req_{place:024x}",
            "surface": "chat/completions",
            "streamed": False,
            "usage": "{}",
            "elapsed_ns": 10**9,
            "size": 2_000,
            "cost": 10**6,
            "text": dice.randbytes(200),
            "vector": dice.randbytes(512),
        }
        for place in range(CACHED)
    ]
    with writing(engine) as connection:
        connection.execute(insert(cache_entries), rows)
