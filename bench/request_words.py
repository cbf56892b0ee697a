"""What `bench.requests` measures beside the list: searching what was said, and watching requests as they end."""

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from itertools import accumulate, islice
from pathlib import Path

import msgspec
from rich.console import Console
from sqlalchemy import Engine, select

from bench.ledger import events
from homeport.api.requests import events_of
from homeport.core.captured import Captured
from homeport.core.types import DataClass, Surface
from homeport.storage.bodies import BodyStore
from homeport.storage.journal import Journal
from homeport.storage.request_filter import RequestFilter
from homeport.storage.tables import requests
from homeport.storage.words import Text, WordIndex
from homeport.storage.words_postgresql import PostgresWords
from homeport.storage.words_sqlite import SqliteWords
from homeport.traces.search import Search
from homeport.traces.tail import Tail

_VOCABULARY, _WORDS_EACH = 20_000, 60
_TEXTS_AT_ONCE = 1_000
_PAGE = 50
"""Requests of a page of the console."""
_RARE = "extraordinarily"
_ODD, _EVEN = "odd", "even"
"""Every text has one of them, and none has both."""
_NAMES = [f"w{number}" for number in range(_VOCABULARY)]
_WEIGHTS = [*accumulate(1 / (rank + 2) for rank in range(_VOCABULARY))]
_QUERIES: tuple[tuple[str, RequestFilter], ...] = (
    ("w0", RequestFilter()),
    ("w30", RequestFilter()),
    ("w3000", RequestFilter()),
    ("w19999", RequestFilter()),
    (_RARE, RequestFilter()),
    ("nobody", RequestFilter()),
    ("w0 w1 w2", RequestFilter()),
    ("w900 w1900", RequestFilter()),
    ('"w0 w1"', RequestFilter()),
    ('"w40 w50 w60"', RequestFilter()),
    ("w0 w19999", RequestFilter()),
    ("w0 nobody", RequestFilter()),
    (f"w0 {_RARE}", RequestFilter()),
    (f"{_ODD} {_EVEN}", RequestFilter()),
    ('"w0 w0 w1 w1 w0 w0"', RequestFilter()),
    (f'"{_ODD} {_ODD}"', RequestFilter()),
    ("w77*", RequestFilter()),
    ("w0", RequestFilter(outcome="failed")),
    ("w5", RequestFilter(key_id="key_0000000000000001", target="own-8b")),
    ("w900", RequestFilter(tier="local", min_cost=10_000_000)),
    ("w0", RequestFilter(end_user="user-5")),
    ("w0", RequestFilter(trace_id="none")),
    (_RARE, RequestFilter(outcome="failed", target="own-8b")),
)
_TAIL_SECONDS, _TAIL_RPS, _BURSTS, _WATCHERS = 10, 500, 25, 3


def search_figures(engine: Engine, folder: Path, rounds: int, console: Console) -> dict[str, float]:
    """Milliseconds of a page of what was found, snippets included, among one text for each request there is."""
    index: WordIndex = SqliteWords(folder) if engine.dialect.name == "sqlite" else PostgresWords(engine, "bench")
    begun = time.perf_counter()
    count = fill_words(engine, index, console)
    console.print(f"{count:,} texts indexed in {time.perf_counter() - begun:.0f} s")
    bodies = BodyStore(folder, keep_days=3_650, most_bytes=1 << 40)
    search, slowest, times = Search(engine, index, bodies), {}, []
    for query, wanted in _QUERIES:
        for found in search.page(query, wanted, limit=_PAGE).found:
            bodies.put(kept(found.row.request_id, found.row.started_at))
        took = [_took_ms(search, query, wanted) for _ in range(rounds)]
        times += took
        slowest[f"{query} {wanted.key_id}{wanted.outcome}{wanted.tier}"] = p95(took)
    worst = max(slowest, key=lambda name: slowest[name])
    console.print(f"slowest search: {worst}, p95 {slowest[worst]:.1f} ms")
    return {
        "search_p50_ms": statistics.median(times),
        "search_p95_ms": p95(times),
        "slowest_search_p95_ms": slowest[worst],
    }


def fill_words(engine: Engine, index: WordIndex, console: Console) -> int:
    """A text of sixty words for each request there is; how many."""
    dice, count = random.Random(4), 0
    with engine.connect() as connection:
        query = select(requests.c.request_id, requests.c.started_at)
        rows = iter(connection.execution_options(yield_per=_TEXTS_AT_ONCE).execute(query))
        while part := list(islice(rows, _TEXTS_AT_ONCE)):
            index.add([_text(dice, row.request_id, row.started_at, count + place) for place, row in enumerate(part)])
            count += len(part)
            console.print(f"{count:,} texts", end="\r")
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE kept_words")
    return count


def _text(dice: random.Random, request_id: str, at: int, number: int) -> Text:
    words = dice.choices(_NAMES, cum_weights=_WEIGHTS, k=_WORDS_EACH)
    words.append(_ODD if number % 2 else _EVEN)
    return Text(request_id=request_id, at=at, text=" ".join(words) + (f" {_RARE}" if number % 50_000 == 7 else ""))


def kept(request_id: str, at: int) -> Captured:
    """A request as `capture` keeps it: a page of a contract, and an answer."""
    said = "w0 w1 and so on, as long as a page of a contract is. " * 60
    choice = {"index": 0, "message": {"role": "assistant", "content": said[:400]}, "finish_reason": "stop"}
    return Captured(
        request_id=request_id,
        at=at,
        key_id="key",
        project="acme",
        trace_id="",
        data_class=DataClass.OPEN,
        surface=Surface.CHAT,
        body=msgspec.json.encode({"messages": [{"role": "user", "content": said}]}),
        target="own",
        upstream="own",
        model="own",
        local=True,
        revision="",
        answered=Surface.CHAT,
        stream=False,
        status=200,
        answer=msgspec.json.encode({"choices": [choice]}),
    )


def p95(times: Sequence[float]) -> float:
    return statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]


def _took_ms(search: Search, query: str, wanted: RequestFilter) -> float:
    begun = time.perf_counter()
    search.page(query, wanted, limit=_PAGE)
    return (time.perf_counter() - begun) * 1e3


def tail_figures() -> dict[str, float]:
    """Three watchers of 500 requests a second for ten seconds: what is dropped, how late it comes, what it costs."""
    with tempfile.TemporaryDirectory() as name:
        return asyncio.run(_watch(Path(name)))


async def _watch(folder: Path) -> dict[str, float]:
    tail, journal = Tail(folder), Journal(folder)
    done = asyncio.Event()
    watching = [asyncio.create_task(_read(tail, done)) for _ in range(_WATCHERS)]
    await asyncio.sleep(0.5)
    recording, begun = 0.0, time.process_time()
    source = events(_TAIL_SECONDS * _TAIL_RPS, random.Random(6))
    while part := list(islice(source, _TAIL_RPS // _BURSTS)):
        at = time.thread_time()
        for event in part:
            journal.record(msgspec.structs.replace(event, started_at=time.time_ns(), latency_ns=0))
        recording += time.thread_time() - at
        await asyncio.sleep(1 / _BURSTS)
    await asyncio.sleep(1)
    spent = time.process_time() - begun - recording
    done.set()
    seen = [await one for one in watching]
    journal.close()
    late = [delay for delays, _ in seen for delay in delays]
    count = _TAIL_SECONDS * _TAIL_RPS
    return {
        "tail_missing": float(count * _WATCHERS - len(late)),
        "tail_dropped": float(sum(dropped for _, dropped in seen)),
        "tail_late_p95_ms": statistics.quantiles(late, n=20)[-1],
        "tail_cpu_us_per_request": spent / count * 1e6,
    }


async def _read(tail: Tail, done: asyncio.Event) -> tuple[list[float], int]:
    """How late each request came, in milliseconds, told as events as the admin API does; and how many were dropped."""
    delays: list[float] = []
    dropped = 0
    async with tail.watch() as watcher:
        while not done.is_set():
            rows = await watcher.next(0.5) or []
            events_of(rows, 0)
            delays += [(time.time_ns() - row.started_at) / 1e6 for row in rows]
            dropped, watcher.dropped = dropped + watcher.dropped, 0
    return delays, dropped
