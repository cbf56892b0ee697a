"""`make bench-console`: how long pages take with 1,000,000 requests stored; writes bench/results/console.json.

A real gateway's application answers in this process, to somebody who is signed in as admin; no network is between.
What is measured is from the request to the last byte of its answer, and beside it the CPU time, which other programs
change less. Parts that a page fetches by itself are measured as pages. Meanwhile requests go on coming into the
ledger, from another process.

Each page is asked for cold, of a gateway that has just been made, holds nothing, and has no connection to its
database; and warm, of one that goes on running and was asked for every other page since. On SQLite it is told, too,
how long it takes where no page of the file is in memory.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console as Terminal
from rich.table import Table
from sqlalchemy import Engine
from tests.fakes.wire import Caller

from bench import results
from bench.console_house import Traffic, fill
from bench.console_pages import pages, places
from bench.machine import describe
from bench.postgres_server import PostgresServer
from bench.targets import Target, all_met, judge, number
from homeport import bootstrap
from homeport.api.auth import read_pepper
from homeport.api.server import collect_seldom
from homeport.bootstrap.console import user_registry
from homeport.config.file import ConfigFile
from homeport.config.home import Home
from homeport.config.load import Environment
from homeport.config.schema import Settings
from homeport.console.sessions import Lifetime, Sessions
from homeport.core.audit import Actor, Origin
from homeport.core.people import Role
from homeport.storage.db import sqlite_url

MOST_MS = 200
_ROUNDS, _FROM_DISK = 25, 3
_WAYS = ("warm", "cold")
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

Application = Any


class Took(msgspec.Struct, frozen=True):
    """One answer: milliseconds until its last byte, and of CPU time."""

    wall: float
    cpu: float


class House(msgspec.Struct, frozen=True, kw_only=True):
    """A database, and the state folder of the gateways over it."""

    kind: str
    url: str
    root: str

    @property
    def home(self) -> Home:
        return Home(Path(self.root))

    @property
    def file(self) -> ConfigFile:
        home = self.home
        return ConfigFile(Environment(home=home.root, variables={}), home.config, home.adopted)

    def gateway(self) -> Application:
        file = self.file
        app = bootstrap.build_gateway(file.read(), self.home, file, 1).app
        collect_seldom()  # as a gateway process does before it serves
        return app


def main(arguments: Sequence[str]) -> int:
    """0 if every page is fast enough."""
    options = _options(arguments)
    console = results.make_console()
    figures: dict[str, float] = {}
    for kind in options.databases.split(","):
        with ExitStack() as stack:
            house = _house(stack, kind, options)
            settings = house.file.read()
            engine = bootstrap.open_storage(settings, house.home)
            fill(settings, house.home, engine, options.rows, options.texts, console)
            found = _measured(house, settings, engine, options)
            engine.dispose()
        _show(console, kind, found)
        figures |= {f"{kind}_{name}": value for name, value in figures_of(found).items()}
    verdicts = judge([Target(figure=name, bound=MOST_MS) for name in figures if name.endswith("_p95_ms")], figures)
    results.show_verdicts(console, [verdict for verdict in verdicts if not verdict.met])
    told = {
        "machine": describe(),
        "rows": options.rows,
        "rounds": options.rounds,
        "rps": options.rps,
        "figures": figures,
    }
    results.write("console.json", {**told, "verdicts": verdicts})
    console.print(f"{sum(verdict.met for verdict in verdicts)} of {len(verdicts)} within {MOST_MS} ms")
    return 0 if all_met(verdicts) else 1


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.console", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many requests are stored")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="how often each page is asked for, each way")
    parser.add_argument("--rps", type=int, default=20, help="requests a second that come meanwhile")
    parser.add_argument("--databases", default="sqlite,postgresql", help="one of them, or both")
    parser.add_argument("--only", default="", help="pages whose name begins so")
    parser.add_argument("--no-texts", dest="texts", action="store_false", help="index no texts, and search none")
    parser.add_argument("--home", default="", help="a folder for state folders, to be used again as they are")
    parser.add_argument("--postgresql", default="", help="URL of a database to fill, or to use again as it is")
    return parser.parse_args(arguments)


def _house(stack: ExitStack, kind: str, options: argparse.Namespace) -> House:
    folder = (options.home and f"{options.home}/{kind}") or stack.enter_context(tempfile.TemporaryDirectory())
    state = Home(Path(folder).absolute())
    state.create()
    url = sqlite_url(state.database)
    if kind == "postgresql":
        url = options.postgresql or stack.enter_context(PostgresServer(durable=True)).new_database()
    state.config.write_text(f"{_CONFIG}storage: {{url: '{url}'}}\n")
    return House(kind=kind, url=url, root=str(state.root))


def _measured(
    house: House, settings: Settings, engine: Engine, options: argparse.Namespace
) -> Mapping[str, Mapping[str, list[Took]]]:
    """Name of a page -> way of asking -> what it took."""
    there = places(settings, house.home, engine)
    asked = {name: path for name, path in pages(there).items() if name.startswith(options.only)}
    cookie = signed_in(house.home, engine)
    found: dict[str, dict[str, list[Took]]] = {name: {way: [] for way in (*_WAYS, "disk")} for name in asked}

    def note(way: str, told: Mapping[str, Took]) -> None:
        for name, took in told.items():
            found[name][way].append(took)

    with Traffic(house.url, options.rps), asyncio.Runner() as runner:
        running = house.gateway()
        runner.run(_each(lambda: running, asked, cookie))  # what is held from the first look on is not there before
        for _ in range(options.rounds):
            note("cold", _elsewhere(house, asked, cookie))
            note("warm", runner.run(_each(lambda: running, asked, cookie)))
        for _ in range(_FROM_DISK if house.kind == "sqlite" else 0):
            note("disk", _elsewhere(house, asked, cookie, forget=True))
    return found


def _elsewhere(house: House, asked: Mapping[str, str], cookie: str, *, forget: bool = False) -> Mapping[str, Took]:
    """Each page once, of a gateway of its own, in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_cold, house, asked, cookie, forget).result()


def _cold(house: House, asked: Mapping[str, str], cookie: str, forget: bool) -> Mapping[str, Took]:
    def gateway() -> Application:
        if forget:
            _forget(house.home)
        return house.gateway()

    async def all_of_them() -> Mapping[str, Took]:
        await _ask(house.gateway(), "/account", cookie)  # which imports what pages are made of
        return await _each(gateway, asked, cookie)

    return asyncio.run(all_of_them())


async def _each(gateway: Callable[[], Application], asked: Mapping[str, str], cookie: str) -> Mapping[str, Took]:
    return {name: await _ask(gateway(), path, cookie) for name, path in asked.items()}


async def _ask(app: Application, path: str, cookie: str) -> Took:
    caller = Caller(f"/console{path}", method="GET", headers=[("host", "127.0.0.1:8080"), ("cookie", cookie)])
    begun, cpu = time.perf_counter(), time.process_time()
    await caller.call(app)
    took = Took((time.perf_counter() - begun) * 1e3, (time.process_time() - cpu) * 1e3)
    assert caller.status == 200, f"{path}: {caller.status}"
    return took


def _forget(home: Home) -> None:
    """Let the system drop what it has of the database in memory."""
    for path in (home.database, home.database.with_name(f"{home.database.name}-wal")):
        if path.exists():
            with path.open("rb") as file:
                os.fdatasync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def figures_of(found: Mapping[str, Mapping[str, Sequence[Took]]]) -> dict[str, float]:
    """By page and way: the median, the 95th percentile and the worst, and the median of the CPU time."""
    told: dict[str, float] = {}
    for name, ways in found.items():
        for way, took in ways.items():
            if took:
                walls = sorted(one.wall for one in took)
                told[f"{name}_{way}_p50_ms"] = statistics.median(walls)
                if way in _WAYS:
                    told[f"{name}_{way}_p95_ms"] = walls[-(-95 * len(walls) // 100) - 1]
                told[f"{name}_{way}_worst_ms"] = walls[-1]
                told[f"{name}_{way}_cpu_ms"] = statistics.median(one.cpu for one in took)
    return told


def _show(console: Terminal, kind: str, found: Mapping[str, Mapping[str, Sequence[Took]]]) -> None:
    told = figures_of(found)
    kinds = [(way, figure) for way in _WAYS for figure in ("p50", "p95", "worst", "cpu")]
    table = Table(kind, *(f"{way} {figure}" for way, figure in kinds), "from disk p50", title="milliseconds")
    for name in found:
        cells = [number(told[f"{name}_{way}_{figure}_ms"]) for way, figure in kinds]
        disk = told.get(f"{name}_disk_p50_ms")
        table.add_row(name, *cells, "" if disk is None else number(disk))
    console.print(table)


def signed_in(home: Home, engine: Engine) -> str:
    """The cookie of an administrator."""
    users = user_registry(engine)
    user = users.find("bench") or users.add("bench", Role.ADMIN, "a password of a benchmark")
    sessions = Sessions(engine, read_pepper(home.pepper), Lifetime(), time.time_ns)
    return f"homeport_console={sessions.begin(Actor(name='bench', origin=Origin.SYSTEM), user)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
