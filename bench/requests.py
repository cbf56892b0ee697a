"""`make bench-requests`: find requests among 1,000,000, on SQLite and PostgreSQL; writes bench/results/requests.json.

Rows are those of `bench.ledger`, with users, traces, failures and hits of the cache, the same each time. Each filter is
asked for its first page and for two pages further back, and so are filters that say several things at once, and filters
that nothing is like. What is judged is the 95th percentile of all pages, and that of the slowest filter, which is told
by its name. Then each request gets a text of sixty words, and these are searched; and three watchers follow 500
requests a second.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from sqlalchemy import Engine, insert

from bench import results
from bench.ledger import events
from bench.machine import describe
from bench.postgres_server import PostgresServer
from bench.request_words import p95, search_figures, tail_figures
from bench.targets import Target, all_met, judge, number
from homeport.core.events import RequestFinished
from homeport.core.types import Outcome
from homeport.ledger.months import Month
from homeport.storage.db import insert_new, open_database, sqlite_url, upgrade, writing
from homeport.storage.request_filter import RequestFilter
from homeport.storage.request_list import Cursor, list_requests
from homeport.storage.rollups import DAY
from homeport.storage.tables import ledger_heads, requests

_ROWS_AT_ONCE = 20_000
_ERRORS = ("upstream_timeout", "rate_limit_exceeded", "upstream_refused", "engine_full")
_CACHES = ("",) * 6 + ("miss",) * 12 + ("hit", "semantic")
_START = Month(2026, 10).start_ns
_PAGES = 3
_JUDGED = ("list_p95_ms", "slowest_filter_p95_ms", "search_p95_ms")


def main(arguments: Sequence[str]) -> int:
    """0 if every target is met."""
    options = _options(arguments)
    console = results.make_console()
    figures: dict[str, float] = {}
    with ExitStack() as stack:
        for kind in options.databases.split(","):
            engine = _database(stack, kind)
            console.print(f"{options.rows:,} rows into {kind} in {_fill(engine, options.rows, console):.0f} s")
            found = _lists(engine, options.rounds, console)
            if options.search:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                found |= search_figures(engine, folder, options.rounds, console)
            figures |= {f"{kind}_{name}": value for name, value in found.items()}
            engine.dispose()
    figures |= tail_figures()
    targets = [Target(figure=name, bound=200) for name in figures if name.endswith(_JUDGED)]
    targets += [Target(figure=name, bound=0) for name in ("tail_missing", "tail_dropped")]
    targets.append(Target(figure="tail_late_p95_ms", bound=1_000))
    verdicts = judge(targets, figures)
    results.show_verdicts(console, verdicts)
    console.print({name: number(value) for name, value in figures.items()})
    content = {"machine": describe(), "rows": options.rows, "figures": figures, "verdicts": verdicts}
    results.write("requests.json", content)
    return 0 if all_met(verdicts) else 1


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.requests", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many requests there are")
    parser.add_argument("--rounds", type=int, default=9, help="how often each page is asked for")
    parser.add_argument("--databases", default="sqlite,postgresql", help="one of them, or both")
    parser.add_argument("--no-search", dest="search", action="store_false", help="index and search no texts")
    return parser.parse_args(arguments)


def _database(stack: ExitStack, kind: str) -> Engine:
    if kind == "sqlite":
        url = sqlite_url(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "homeport.db")
    else:
        url = stack.enter_context(PostgresServer(durable=True)).new_database()
    engine = open_database(url)
    upgrade(engine)
    return engine


def _fill(engine: Engine, count: int, console: Console) -> float:
    """The rows alone, without their chains and sums, which nobody asks for here."""
    source, begun, there = traffic(count), time.perf_counter(), 0
    while part := list(islice(source, _ROWS_AT_ONCE)):
        rows = [_row(event, there + place) for place, event in enumerate(part, 1)]
        with writing(engine) as connection:
            connection.execute(insert(requests), rows)
            heads = [{"project": name, "sequence": 1, "hash": ""} for name in {row["project"] for row in rows}]
            connection.execute(insert_new(connection, ledger_heads), heads)
        there += len(part)
        console.print(f"{there:,} rows in {time.perf_counter() - begun:.0f} s", end="\r")
    if engine.dialect.name == "postgresql":  # what its own autovacuum does within minutes
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    return time.perf_counter() - begun


def _row(event: RequestFinished, sequence: int) -> dict[str, Any]:
    row = {column.name: getattr(event, column.name, None) for column in requests.columns}
    attempts = msgspec.json.encode(event.attempts).decode()
    return row | {"outcome": event.outcome.value, "attempts": attempts, "sequence": sequence, "hash": ""}


def traffic(count: int) -> Iterator[RequestFinished]:
    """A month of requests, some of which fail, come from the cache, or belong to a user's trace."""
    dice = random.Random(8)
    for place, event in enumerate(events(count, random.Random(2))):
        well = event.outcome is Outcome.COMPLETED
        error = "" if well else dice.choice(_ERRORS)
        if place == count // 2:
            error = "journal_full"  # once, and long ago
        yield msgspec.structs.replace(
            event,
            error=error,
            status=200 if well else 503,
            cache=dice.choice(_CACHES),
            trace_id=f"tr_{place // 5:x}",
            reason=event.reason if dice.random() < 0.98 else f"failover:{event.target}:upstream_timeout",
        )


def asked() -> Iterator[tuple[str, RequestFilter]]:
    """Each thing that can be looked for: what is frequent, what is rare, what is not there."""
    for name, values in _VALUES.items():
        for value in values:
            yield f"{name}={value}", RequestFilter(**{name: value})
    for several in _SEVERAL:
        yield ",".join(f"{name}={value}" for name, value in several.items()), RequestFilter(**several)


_VALUES: dict[str, tuple[Any, ...]] = {
    "since": (0, _START + 20 * DAY),
    "until": (_START + 10 * DAY,),
    "key_id": ("key_0000000000000001", "key_0000000000000031", "key_none"),
    "project": ("acme", "acme/team1", "acme/team0/p9", "none"),
    "target": ("gpt-4.1-mini", "own-8b", "none"),
    "model": ("gpt-4.1-mini-2026", "own-8b-2026", "none"),
    "tier": ("mid", "local", "none"),
    "route": ("static:mid", "failover:own-8b:upstream_timeout", "none"),
    "outcome": ("completed", "failed", "rejected"),
    "status": (200, 503, 418),
    "error": ("upstream_timeout", "journal_full", "none"),
    "cache": ("miss", "hit", "alias"),
    "end_user": ("user-5", "user-none"),
    "trace_id": ("tr_5", "tr_none"),
    "min_cost": (1_000_000, 10_000_000, 40_000_000, 10**12),
    "min_latency_ns": (10**9, 4 * 10**9, 10**10, 10**13),
}
_SEVERAL: tuple[dict[str, Any], ...] = (
    {"project": "acme/team1", "outcome": "failed"},
    {"key_id": "key_0000000000000001", "target": "own-8b", "cache": "hit"},
    {"tier": "mid", "min_cost": 10_000_000, "error": "engine_full"},
    {"target": "own-8b", "tier": "mid"},
    {"project": "acme", "route": "static:mid", "status": 200, "min_latency_ns": 4 * 10**9},
    {"until": _START + 5 * DAY, "key_id": "key_0000000000000002", "outcome": "rejected", "end_user": "user-7"},
    {"since": _START + DAY, "until": _START + 2 * DAY, "model": "gpt-4.1-2026", "min_cost": 1_000_000},
)


def _lists(engine: Engine, rounds: int, console: Console) -> dict[str, float]:
    slowest: dict[str, float] = {}
    times: list[float] = []
    for name, wanted in asked():
        took = [one for _ in range(rounds) for one in _pages_ms(engine, wanted)]
        times += took
        slowest[name] = p95(took)
    worst = max(slowest, key=lambda name: slowest[name])
    console.print(f"slowest: {worst}, p95 {slowest[worst]:.1f} ms")
    return {
        "list_p50_ms": statistics.median(times),
        "list_p95_ms": p95(times),
        "slowest_filter_p95_ms": slowest[worst],
    }


def _pages_ms(engine: Engine, wanted: RequestFilter) -> Iterator[float]:
    after: Cursor | None = None
    for _ in range(_PAGES):
        begun = time.perf_counter()
        page = list_requests(engine, wanted, after=after)
        yield (time.perf_counter() - begun) * 1e3
        after = page.next
        if after is None:
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
