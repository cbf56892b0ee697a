"""`make bench-cache-lookup`: what looking a question up costs; writes bench/results/cache-lookup.json.

For each size a process of its own takes up so many entries in one partition, as a gateway does when it starts, while
something else waits for its turn every millisecond. Then questions are looked up, with everything that belongs to it:
the vector, the search and the verifier. Texts are made (bench/cache_questions.py).
"""

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from bench import results
from bench.cache_questions import KINDS, asked, kept
from bench.machine import describe
from bench.targets import Target, all_met, judge, number
from homeport.cache.index.growing import GrowingIndex
from homeport.cache.index.scan import ScanIndex
from homeport.cache.library import Library
from homeport.cache.semantic import SemanticTier
from homeport.cache.shelf import Limits, Shelf
from homeport.cache.verifier.verify import Verifier
from homeport.core.caching import Alias, Card, Changes, Entry, Mode, Purge, Standing
from homeport.embeddings.static import StaticEmbedder

Vectors = NDArray[np.float16]

TARGETS = (
    Target(figure="lookup_p99_ms", bound=2.0),
    Target(figure="warm_start_s", bound=10.0),
    Target(figure="longest_block_ms", bound=50.0),
    Target(figure="longest_block_ms", bound=10.0, aim=True),
    Target(figure="recall_of_the_nearest", bound=0.95, at_least=True),
)
SIZES = (1_000, 10_000, 100_000)
_PARTITION = bytes(16)
_FAR = 1 << 62
_NEAREST = 4


class _Clock:
    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()


def main(arguments: Sequence[str]) -> int:
    """0 if every target is met at the largest size."""
    parser = argparse.ArgumentParser(prog="bench.cache_lookup", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="entries in the partition")
    parser.add_argument("--lookups", type=int, default=4_000)
    parser.add_argument("--inside", action="store_true", help="be the process that is measured")
    options = parser.parse_args(arguments)
    if options.inside:
        print(json.dumps(measure(options.sizes[0], options.lookups)))
        return 0
    figures = {f"{size}": _measured(size, options.lookups) for size in sorted(options.sizes)}
    largest = figures[f"{max(options.sizes)}"]
    verdicts, console = judge(TARGETS, largest), results.make_console()
    console.print(_table(figures))
    results.show_verdicts(console, verdicts)
    missed = [verdict.target.figure for verdict in verdicts if not verdict.met and not verdict.target.aim]
    console.print(f"missed: {missed}", markup=False)
    results.write("cache-lookup.json", {"machine": describe(), "figures": figures, "verdicts": verdicts})
    return 0 if all_met(verdicts) else 1


def measure(size: int, lookups: int) -> dict[str, float]:
    """Everything at one size; times of lookups are CPU time of their thread."""
    embedder = StaticEmbedder()
    texts = kept(size)
    vectors = embedder.embed(texts).astype("<f2")
    questions = [(one.kind, one.text) for one in asked(texts, lookups)]
    written = [text.encode() for text in texts]
    del texts
    tier = SemanticTier(embedder, Verifier(), clock=_Clock())
    library = Library(Shelf(Limits(), _Clock(), tier), _Store(written, vectors), tier, _Clock())
    gc.collect()
    before = _rss()
    figures = asyncio.run(_warm(library, tier))
    gc.collect()
    figures["bytes_an_entry"] = (_rss() - before) / size
    figures |= _look_up(tier, questions)
    return figures | _recall(vectors, embedder, [text for kind, text in questions if kind != "repeat"][:400])


def _measured(size: int, lookups: int) -> dict[str, float]:
    command = (sys.executable, "-m", "bench.cache_lookup", "--inside", "--sizes", f"{size}", "--lookups", f"{lookups}")
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True, env={"PYTHONPATH": ":".join(sys.path)})
    figures: dict[str, float] = json.loads(told.stdout)
    return figures


class _Store:
    """`EntryStore` that has cards alone, and makes them when they are read: nothing in them is shared."""

    def __init__(self, written: Sequence[bytes], vectors: Vectors) -> None:
        self._written = written
        self._vectors = vectors

    def changes(self, after: int, most: int) -> Changes:
        upto = min(after + most, len(self._written))
        cards = [self._card(place) for place in range(after, upto)]
        return Changes(upto=upto, more=upto < len(self._written), cards=cards)

    def _card(self, place: int) -> Card:
        return Card(
            id=place.to_bytes(16, "big"),
            partition=bytes(bytearray(_PARTITION)),
            tenant="key_1",
            expires_at=_FAR + place,
            size=2_000 + place % 1_000,
            cost=1_000 + place % 999,
            text=self._written[place].decode(),
            vector=self._vectors[place].tobytes(),
        )

    def keep(self, entries: Sequence[Entry]) -> Sequence[bytes]:
        raise AssertionError("a start only reads what there is")

    def entry(self, entry_id: bytes) -> Entry | None:
        raise AssertionError("a start only reads what there is")

    def purge(self, purge: Purge, *, bar_s: int = 0) -> int:
        raise AssertionError("a start only reads what there is")

    def alias(self, aliases: Sequence[Alias]) -> None:
        raise AssertionError("a start only reads what there is")

    def stand(self, standings: Sequence[Standing]) -> None:
        raise AssertionError("a start only reads what there is")


async def _warm(library: Library, tier: SemanticTier) -> dict[str, float]:
    """All is found after the first exchange of news; then graphs are made beside whatever else is done."""
    blocks: list[tuple[float, float]] = []
    watch = asyncio.create_task(_watch(blocks))
    begun, cpu = time.perf_counter(), time.process_time()
    await library.exchange_news()
    took, cpu = time.perf_counter() - begun, time.process_time() - cpu
    asked_early: list[float] = []
    while library.tend():
        if len(asked_early) < 50:
            asked_early.append(_timed(tier, f"What does it cost to do it {len(asked_early)} times?"))
        await asyncio.sleep(0.001)
    watch.cancel()
    return {
        "warm_start_s": took,
        "warm_start_cpu_s": cpu,
        "graph_made_s": time.perf_counter() - begun,
        "lookup_before_graph_ms": _percentile(asked_early or [0.0], 50),
        "longest_block_ms": max(cpu for _, cpu in blocks),
        "longest_wait_ms": max(wall for wall, _ in blocks),
    }


async def _watch(blocks: list[tuple[float, float]]) -> None:
    """How long somebody waits for a turn, and what CPU time the thread took in that time; both in ms."""
    while True:
        begun, cpu = time.perf_counter(), time.thread_time()
        await asyncio.sleep(0.001)
        blocks.append((1e3 * (time.perf_counter() - begun) - 1, 1e3 * (time.thread_time() - cpu)))


def _look_up(tier: SemanticTier, questions: Sequence[tuple[str, str]]) -> dict[str, float]:
    took: dict[str, list[float]] = {kind: [] for kind in KINDS}
    served = dict.fromkeys(KINDS, 0)
    for kind, text in questions:
        took[kind].append(_timed(tier, text))
        match = tier.lookup(_PARTITION, text, Mode.BALANCED, 0)
        served[kind] += match is not None and match.ruling.same
    figures = {
        "lookup_p50_ms": _percentile(list(chain.from_iterable(took.values())), 50),
        "lookup_p99_ms": max(_percentile(times, 99) for times in took.values()),
    }
    for kind, times in took.items():
        figures |= {f"{kind}_p50_ms": _percentile(times, 50), f"{kind}_p99_ms": _percentile(times, 99)}
        figures[f"{kind}_served_percent"] = 100 * served[kind] / len(times)
    return figures


def _timed(tier: SemanticTier, text: str) -> float:
    begun = time.thread_time_ns()
    tier.lookup(_PARTITION, text, Mode.BALANCED, 0)
    return (time.thread_time_ns() - begun) / 1e6


def _recall(vectors: Vectors, embedder: StaticEmbedder, texts: Sequence[str]) -> dict[str, float]:
    """Of what a scan finds, what a partition of this size finds; and what one more vector costs it."""
    scan, grown = ScanIndex(embedder.dimensions), GrowingIndex(embedder.dimensions)
    begun = time.thread_time()
    for place, vector in enumerate(vectors):
        grown.add(place.to_bytes(16, "big"), vector.tobytes())
        grown.work(16)
    added = time.thread_time() - begun
    while grown.work(16):
        pass
    for place, vector in enumerate(vectors):
        scan.add(place.to_bytes(16, "big"), vector.tobytes())
    first = every = 0
    for row in embedder.embed(texts).astype("<f2"):
        truth, found = (index.search(row.tobytes(), _NEAREST) for index in (scan, grown))
        # Many texts have the very same vector, so cosines are compared, not ids.
        first += found[0][1] >= truth[0][1] - 1e-3
        every += sum(cosine >= truth[-1][1] - 1e-3 for _, cosine in found)
    return {
        "recall_of_the_nearest": first / len(texts),
        "recall_of_the_nearest_4": every / (_NEAREST * len(texts)),
        "add_us": 1e6 * added / len(vectors),
    }


def _table(figures: dict[str, dict[str, float]]) -> Table:
    table = Table("", *(f"{int(size):,} entries" for size in figures))
    for name in next(iter(figures.values())):
        table.add_row(name.replace("_", " "), *(number(of_size[name]) for of_size in figures.values()))
    return table


def _percentile(times: Sequence[float], percent: int) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def _rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
