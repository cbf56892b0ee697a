"""`make bench-ledger`: reports over 1,000,000 rows, ingestion, the request path; writes bench/results/ledger.json.

The rows that reports are read from are put in by the ledger's own `append`, twenty thousand a transaction,
with their chains and sums. Ingestion is measured apart, from a journal, as the jobs worker does it: into an empty
database, and into one that has all these rows.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from rich.console import Console
from sqlalchemy import Engine

from bench import results
from bench.machine import describe
from bench.targets import Target, all_met, judge, number
from homeport.core.budgets import Account, Budget, ScopeKind, Window
from homeport.core.events import RequestFinished
from homeport.core.money import Nano
from homeport.core.types import Attempt, Outcome
from homeport.ledger.months import Month
from homeport.ledger.reports import series, spend
from homeport.ledger.sources import Only
from homeport.ledger.verification import Verification
from homeport.ledger.wallet import Wallet
from homeport.storage.bank import DatabaseBank
from homeport.storage.budgets import add_budget
from homeport.storage.db import open_database, sqlite_url, upgrade, writing
from homeport.storage.ingest import ingest, insert_events
from homeport.storage.journal import Journal
from homeport.storage.reservations import Reservations
from homeport.storage.rollups import DAY, HOUR

TARGETS = (
    Target(figure="month_by_model_ms", bound=200),
    Target(figure="top_keys_ms", bound=200),
    Target(figure="one_keys_day_ms", bound=200),
    Target(figure="ingested_rows_per_s", bound=5_000, at_least=True),
    Target(figure="full_ingested_rows_per_s", bound=5_000, at_least=True),
    Target(figure="path_cpu_us", bound=40),
)
_MONTH = Month(2026, 10)
_ROWS_AT_ONCE = 20_000
_ROUNDS = 25
_KEYS, _PROJECTS = 50, 10
_MODELS = (
    *(("gpt-4.1-mini", "openai", "mid"), ("gpt-4.1", "openai", "frontier"), ("claude-sonnet", "anthropic", "frontier")),
    *(("gemini-flash", "gemini", "mid"), ("llama-70b", "together", "mid"), ("own-8b", "vllm", "local")),
)
_OUTCOMES = (Outcome.COMPLETED,) * 46 + (Outcome.FAILED, Outcome.CANCELLED, Outcome.REJECTED, Outcome.FAILED)


def main(arguments: Sequence[str]) -> int:
    """0 if every target is met."""
    options = _options(arguments)
    console = results.make_console()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine = open_database(sqlite_url(folder / "homeport.db"), ingests=True)
        upgrade(engine)
        figures = {**_ingestion(engine, folder / "journal", options.ingested, 1, console)}
        _fill(engine, options.rows - options.ingested, console)
        late = _ingestion(engine, folder / "late", options.ingested, 11, console)
        figures |= {f"full_{name}": value for name, value in late.items()}
        figures |= _reading(engine)
        figures |= _path(engine, folder)
        if options.verify:
            figures |= _verification(engine)
        engine.dispose()
    verdicts = judge(TARGETS, figures)
    results.show_verdicts(console, verdicts)
    console.print({name: number(value) for name, value in figures.items()})
    results.write(
        "ledger.json", {"machine": describe(), "rows": options.rows, "figures": figures, "verdicts": verdicts}
    )
    return 0 if all_met(verdicts) else 1


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.ledger", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many rows the reports are read from")
    parser.add_argument("--ingested", type=int, default=50_000, help="how many come through the journal, each time")
    parser.add_argument("--verify", action="store_true", help="read every row's hash too (a minute)")
    return parser.parse_args(arguments)


def events(count: int, dice: random.Random, hours: int = 31 * 24) -> Iterator[RequestFinished]:
    """The last hours of a month: few keys ask most, costs are log-normal, and one in twelve does not succeed."""
    start = _MONTH.plus(1).start_ns - hours * HOUR
    for place in range(count):
        target, upstream, tier = _MODELS[int(dice.betavariate(1, 2) * len(_MODELS))]
        key = int(dice.paretovariate(1.1)) % _KEYS
        tokens = int(dice.lognormvariate(6.5, 1))
        yield RequestFinished(
            request_id=f"req_{dice.getrandbits(96):024x}",
            started_at=start + place * hours * HOUR // count,
            key_id=f"key_{key:016x}",
            surface="chat/completions",
            requested_model="auto",
            tier=tier,
            target=target,
            upstream=upstream,
            model=f"{target}-2026",
            local=tier == "local",
            data_class="open",
            stream=place % 3 == 0,
            outcome=dice.choice(_OUTCOMES),
            status=200,
            error="",
            reason=f"static:{tier}",
            input_tokens=tokens,
            cached_input_tokens=tokens // 3,
            output_tokens=tokens // 4,
            reasoning_tokens=0,
            estimated=False,
            cost=int(dice.lognormvariate(14, 1.2)),
            price_source="genai-prices:openai:gpt",
            latency_ns=int(dice.lognormvariate(21, 0.6)),
            ttft_ns=200_000_000,
            attempts=(Attempt(target=target, error="", started_ns=0, ended_ns=1_000_000),),
            project=f"acme/team{key % 3}/p{key % _PROJECTS}",
            end_user=f"user-{dice.getrandbits(10)}",
            trace_id=f"{dice.getrandbits(128):032x}",
            holder="holder_0123456789abcdef",
        )


def _ingestion(engine: Engine, folder: Path, count: int, seed: int, console: Console) -> dict[str, float]:
    journal, asked = Journal(folder), list(events(count, random.Random(seed), hours=2))
    cpu = time.thread_time()
    for event in asked:
        journal.record(event)
    recorded = time.thread_time() - cpu
    journal.close()
    begun, cpu = time.perf_counter(), time.process_time()
    assert ingest(engine, folder).rows == count
    wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
    console.print(f"{count:,} rows through the journal in {wall:.1f} s")
    return {
        "record_cpu_us": recorded / count * 1e6,
        "ingested_rows_per_s": count / wall,
        "ingest_cpu_us_per_row": cpu / count * 1e6,
    }


def _fill(engine: Engine, count: int, console: Console) -> None:
    source = events(count, random.Random(2))
    begun, there = time.perf_counter(), 0
    while part := list(islice(source, _ROWS_AT_ONCE)):
        with writing(engine) as connection:
            there += insert_events(connection, part)
        console.print(f"{there:,} more rows in {time.perf_counter() - begun:.0f} s", end="\r")
    console.print()


def _reading(engine: Engine) -> dict[str, float]:
    start, end = _MONTH.start_ns, _MONTH.plus(1).start_ns
    [busiest, *_] = spend(engine, by="key", since_ns=start, until_ns=end)
    key, day = Only(key_id=busiest.group), start + 14 * DAY
    asked: dict[str, Callable[[], object]] = {
        "month_by_model_ms": lambda: spend(engine, by="model", since_ns=start, until_ns=end),
        "top_keys_ms": lambda: spend(engine, by="key", since_ns=start, until_ns=end),
        "one_keys_day_ms": lambda: series(engine, width="hour", by="model", since_ns=day, until_ns=day + DAY, only=key),
        "last_30_days_by_project_ms": lambda: spend(
            engine, by="project", since_ns=start + HOUR // 3, until_ns=end - HOUR // 3
        ),
        "days_ms": lambda: spend(engine, by="day", since_ns=start, until_ns=end),
        "hours_ms": lambda: spend(engine, by="hour", since_ns=start, until_ns=end),
    }
    return {name: min(_took_ms(work) for _ in range(_ROUNDS)) for name, work in asked.items()}


def _took_ms(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


def _path(engine: Engine, folder: Path) -> dict[str, float]:
    """CPU of the event loop's thread: reserve and settle from one budget, and the journal's record."""
    asked = list(events(20_000, random.Random(3)))
    journal = Journal(folder / "path")
    cpu = time.thread_time()
    for event in asked:
        journal.record(event)
    recorded = (time.thread_time() - cpu) / len(asked) * 1e6
    journal.close()
    leased = asyncio.run(_lease_us(engine, folder, len(asked)))
    return {"path_record_us": recorded, "path_lease_us": leased, "path_cpu_us": recorded + leased}


async def _lease_us(engine: Engine, folder: Path, count: int) -> float:
    account = Account(
        Budget(id="bud_bench", name="bench", kind=ScopeKind.ALL, scope="", window=Window.TOTAL, limit=Nano(10**15))
    )
    add_budget(engine, account.budget, time.time_ns())
    notes = Reservations(folder / "reserved")
    wallet = Wallet(DatabaseBank(engine, time.time_ns), holder="bench", notes=notes, clock=_Clock())
    cpu = time.thread_time()
    for _ in range(count):
        purses = wallet.purses((account,))
        held = await wallet.reserve(purses, need=5_000_000, good=5_000_000, want=5_000_000, patience_s=1.0)
        wallet.settle(purses, held=held, cost=1_200_000)
    taken = (time.thread_time() - cpu) / count * 1e6
    await wallet.close()
    notes.close()
    return taken


class _Clock:
    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()


def _verification(engine: Engine) -> dict[str, float]:
    reading, begun = Verification(engine), time.perf_counter()
    assert not [*reading.findings()]
    return {"verified_rows_per_s": reading.rows / (time.perf_counter() - begun)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
