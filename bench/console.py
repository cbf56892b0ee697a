"""`make bench-console`: how long pages take with 1,000,000 requests stored; writes bench/results/console.json.

A real gateway's application answers in this process, to somebody who is signed in as admin; no network is between.
What is measured is from the request to the last byte of its answer, and beside it the CPU time, which other programs
change less. Parts that a page fetches by itself are measured as pages.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec
from rich.console import Console as Terminal
from sqlalchemy import Engine
from tests.fakes.wire import Caller

from bench import results
from bench.ledger import events
from bench.machine import describe
from bench.targets import Target, all_met, judge, number
from homeport import bootstrap
from homeport.api.auth import read_pepper
from homeport.bootstrap.console import user_registry
from homeport.config.file import ConfigFile
from homeport.config.home import Home
from homeport.config.load import Environment
from homeport.config.schema import Settings
from homeport.console.sessions import Lifetime, Sessions
from homeport.core.audit import Actor, Origin
from homeport.core.events import RequestFinished
from homeport.core.people import Role
from homeport.ledger.months import Month
from homeport.storage.db import writing
from homeport.storage.ingest import insert_events

MOST_MS = 200
_ROUNDS = 25
_ROWS_AT_ONCE = 20_000
_HOURS = 31 * 24
_HOUR = 3_600 * 10**9
_CONFIG = """\
providers:
  p: {provider: simulated}
tiers:
  - {name: local, targets: [{model: own-8b, provider: p, price: "openai:gpt-4.1-nano"}]}
  - {name: mid, targets: [{model: gpt-4.1-mini, provider: p, price: "openai:gpt-4.1-mini"}]}
  - {name: frontier, targets: [{model: gpt-4.1, provider: p, price: "openai:gpt-4.1"}]}
routing: {policy: complexity}
cache: {exact: true}
"""
PAGES = {
    "overview": "/overview",
    "requests": "/requests",
    "requests_of_project": "/requests?project=acme/team1&window=7d",
    "requests_failed": "/requests?outcome=failed&window=24h",
    "requests_slow": "/requests?min_latency_ms=8000",
    "requests_of_user": "/requests?user=user-7",
    "costs_by_project": "/costs?window=7d&by=project",
    "costs_by_model_of_a_month": "/costs?window=30d&by=model",
    "costs_by_key_of_a_project": "/costs?window=30d&by=key&project=acme",
    "costs_by_user": "/costs?window=24h&by=user",
    "costs_by_route": "/costs?window=24h&by=route",
    "costs_forecast": "/costs/forecast",
    "routing": "/routing?window=24h",
    "routing_of_a_month": "/routing?window=30d",
    "routing_what_if": "/routing/what-if?share:local=50&share:mid=30&share:frontier=20",
    "models": "/models",
    "cache": "/cache?window=24h",
    "cache_of_a_month": "/cache?window=30d",
    "keys": "/keys",
    "budgets": "/budgets",
    "audit": "/audit",
}


def main(arguments: Sequence[str]) -> int:
    """0 if every page is fast enough."""
    options = _options(arguments)
    console = results.make_console()
    with tempfile.TemporaryDirectory() as name:
        home = Home(Path(options.home or name).absolute())
        file, settings = _configured(home)
        engine = bootstrap.open_storage(settings, home)
        _fill(engine, options.rows, console)
        figures = asyncio.run(_measured(settings, home, file, engine, options.rounds, console))
        engine.dispose()
    verdicts = judge([Target(figure=f"{name}_p95_ms", bound=MOST_MS) for name in PAGES], figures)
    results.show_verdicts(console, verdicts)
    told = {"machine": describe(), "rows": options.rows, "rounds": options.rounds, "figures": figures}
    results.write("console.json", {**told, "verdicts": verdicts})
    return 0 if all_met(verdicts) else 1


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.console", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many requests are stored")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="how often each page is asked for")
    parser.add_argument("--home", default="", help="a state folder to fill, and to use again as it is the next time")
    return parser.parse_args(arguments)


def _configured(home: Home) -> tuple[ConfigFile, Settings]:
    home.create()
    home.config.write_text(_CONFIG)
    file = ConfigFile(Environment(home=home.root, variables={}), home.config, home.adopted)
    return file, file.read()


def _fill(engine: Engine, count: int, console: Terminal) -> None:
    with engine.connect() as connection:
        there = connection.exec_driver_sql("SELECT count(*) FROM requests").scalar_one()
    source, begun = requests(count, random.Random(2)), time.perf_counter()
    while there < count and (part := list(islice(source, _ROWS_AT_ONCE))):
        with writing(engine) as connection:
            there += insert_events(connection, part)
        console.print(f"{there:,} requests in {time.perf_counter() - begun:.0f} s", end="\r")
    console.print()


def requests(count: int, dice: random.Random) -> Iterator[RequestFinished]:
    """Those of `bench.ledger` in the month until now; a router has scored them, and the cache was asked."""
    shift = time.time_ns() // _HOUR * _HOUR - Month(2026, 11).start_ns
    for event in events(count, dice, _HOURS):
        hit = dice.random() < 0.2
        yield msgspec.structs.replace(
            event,
            started_at=event.started_at + shift,
            reason=f"complexity:{event.tier}",
            score=dice.gauss(0, 1),
            decided=event.tier,
            escalation="low_confidence" if dice.random() < 0.05 else "",
            cache="hit" if hit else "miss",
            cost=0 if hit else event.cost,
            saved_cost=event.cost if hit else 0,
            end_user=f"user-{dice.getrandbits(10)}",
        )


async def _measured(
    settings: Settings, home: Home, file: ConfigFile, engine: Engine, rounds: int, console: Terminal
) -> dict[str, float]:
    """The 95th percentile of each page, and the median of the CPU time it took, in milliseconds."""
    cookie = _signed_in(home, engine)
    app = bootstrap.build_gateway(settings, home, file, 1).app
    found = {}
    for name, path in PAGES.items():
        took, worked = [], []
        for _ in range(rounds + 1):
            caller = Caller(f"/console{path}", method="GET", headers=[("host", "127.0.0.1:8080"), ("cookie", cookie)])
            begun, cpu = time.perf_counter(), time.process_time()
            await caller.call(app)
            took.append((time.perf_counter() - begun) * 1e3)
            worked.append((time.process_time() - cpu) * 1e3)
            assert caller.status in (200, 303), f"{path}: {caller.status}"
        ranked = sorted(took[1:])  # the first one also loads what the pages are made of
        found[f"{name}_p95_ms"] = ranked[max(0, -(-95 * len(ranked) // 100) - 1)]
        middle, cpu = ranked[len(ranked) // 2], found.setdefault(f"{name}_cpu_ms", statistics.median(worked[1:]))
        console.print(f"{name}: median {number(middle)} ms, CPU {number(cpu)} ms, first {number(took[0])} ms")
    return found


def _signed_in(home: Home, engine: Engine) -> str:
    users = user_registry(engine)
    if users.find("bench") is None:
        users.add("bench", Role.ADMIN, "a password of a benchmark")
    sessions = Sessions(engine, read_pepper(home.pepper), Lifetime(), time.time_ns)
    return f"homeport_console={sessions.begin(Actor(name='bench', origin=Origin.SYSTEM))}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
