"""`make bench-prompt-drift`: how soon other prompts are noticed, how often there was nothing, and what is shown of it.

Clauses of real contracts are what is asked for weeks, by groups of people (a document each, the small ones together)
whose shares differ by the day, with weekends and bursts; none of it is a change, and every alarm is a false one. Then
something else is asked from a day on.
Told are the days until the alarm, and how many of its examples are of what is new.
"""

import argparse
import random
import statistics
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from bench import prompt_texts, results
from bench.machine import describe
from bench.prompt_traffic import Change, Pool, Traffic, days_of, number_of
from homeport.drift.prompt_batches import batches_of
from homeport.drift.prompts import ALPHA, Alarm, watch

DATA = Path("../shared/data")
OTHER_DOCUMENTS = "to contracts of other documents"
_BEFORE = 28
_AFTER = 28
_SMALL = 12
"""Clauses of documents with fewer are asked together."""


def main(arguments: Sequence[str]) -> int:
    """0 if a move to code over a week is always noticed within it, and false alarms keep the stated rate."""
    parser = argparse.ArgumentParser(prog="bench.prompt_drift", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--runs", type=int, default=500, help="stationary runs over all kinds")
    parser.add_argument("--days", type=int, default=120, help="length of each")
    parser.add_argument("--changes", type=int, default=20, help="runs of each kind of change")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    with ProcessPoolExecutor(max_workers=options.workers) as pool:
        names = list(still(options.data))
        each = -(-options.runs // len(names))
        jobs = [(options.data, name, seed, options.days) for name in names for seed in range(each)]
        quiet = _quiet(jobs, list(pool.map(_still_run, *zip(*jobs, strict=True), chunksize=4)))
        kinds = [(options.data, name, seed) for name in changes(options.data) for seed in range(options.changes)]
        found = _changed(kinds, list(pool.map(_changed_run, *zip(*kinds, strict=True), chunksize=4)))
    days = sum(row["days"] for row in quiet.values())
    alarms = sum(row["false alarms"] for row in quiet.values())
    late = [name for name, row in found.items() if name.startswith("to code") and row["noticed by day 7"] < row["runs"]]
    missed = [f"{name}: not always noticed within a week" for name in late]
    missed += [f"{alarms} false alarms in {days} days"] if alarms > ALPHA * days else []
    report = {"machine": describe(), "alpha": ALPHA, "quiet": quiet, "changes": found, "missed": missed}
    print(results.write("prompt_drift.json", report))
    for name, row in chain(quiet.items(), found.items()):
        print(f"{name}: {', '.join(f'{key} {value}' for key, value in row.items())}")
    print(
        f"{alarms} false alarms in {days:,} days of {sum(row['runs'] for row in quiet.values())} runs",
        *missed,
        sep="\n",
    )
    return 1 if missed else 0


@cache
def clauses(data: Path) -> Mapping[str, Pool]:
    """Clauses of contracts, by who asks about them."""
    rng, groups = random.Random(1), dict[str, list[str]]()
    for document, texts in prompt_texts.contracts(data).items():
        groups.setdefault(document if len(texts) >= _SMALL else "small", []).extend(texts)
    asked = ("{}", "Put this into plain English: {}", "What does this clause mean for me?\n\n{}")
    return {
        name: prompt_texts.read("usual", [rng.choice(asked).format(text) for text in texts])
        for name, texts in groups.items()
    }


@cache
def fresh(data: Path) -> Mapping[str, Pool]:
    """Clauses of which hardly one is asked twice."""
    rng = random.Random(2)
    texts = list(chain.from_iterable(prompt_texts.contracts(data).values()))
    return {"all": prompt_texts.read("usual", prompt_texts.spliced(texts, rng, 4_000))}


@cache
def pool_of(data: Path, name: str) -> Pool:
    """What is new."""
    rng = random.Random(3)
    texts = list(chain.from_iterable(prompt_texts.contracts(data).values()))
    made: Mapping[str, Any] = {
        "puzzles": lambda: prompt_texts.puzzles(data),
        "functions": lambda: prompt_texts.functions(rng),
        "sums": lambda: prompt_texts.sums(data)[:400],
        "law exams": lambda: prompt_texts.exams(data, "professional_law")[:400],
        "computing exams": lambda: prompt_texts.exams(data, "college_computer_science", "machine_learning"),
        "german": lambda: prompt_texts.german(rng, 300),
        "longer": lambda: prompt_texts.joined(texts, rng),
    }
    return prompt_texts.read("new", made[name]())


@cache
def still(data: Path) -> Mapping[str, Traffic]:
    """Traffic that does not change."""
    even = Traffic(clauses(data))
    return {
        "even": even,
        "shares differ by the day": replace(even, differ=0.5),
        "they differ much": replace(even, differ=1.0),
        "they differ for days": replace(even, differ=0.5, lasting=0.7),
        "bursts": replace(even, differ=0.5, bursts=0.1),
        "other weekends": replace(even, differ=0.5, weekend=pool_of(data, "sums")),
        "few": replace(even, a_day=15, differ=0.5),
        "many": replace(even, a_day=150, differ=0.5),
        "each is new": replace(even, groups=fresh(data)),
        "code": Traffic({"all": [*pool_of(data, "functions"), *pool_of(data, "puzzles")]}, differ=0.5),
    }


@cache
def changes(data: Path) -> Mapping[str, Change]:
    """What may come, over a week where nothing else is said."""
    return {
        "to code (puzzles)": Change(_BEFORE, pool_of(data, "puzzles")),
        "to code (functions)": Change(_BEFORE, pool_of(data, "functions")),
        "to code, after three weeks": Change(21, pool_of(data, "functions")),
        "to code, at once": Change(_BEFORE, pool_of(data, "functions"), days=1),
        "to exams in computing": Change(_BEFORE, pool_of(data, "computing exams")),
        "a tenth is code": Change(_BEFORE, pool_of(data, "functions"), days=1, most=0.1),
        "a tenth is arithmetic": Change(_BEFORE, pool_of(data, "sums"), days=1, most=0.1),
        "to contracts in German": Change(_BEFORE, pool_of(data, "german")),
        "to longer contracts": Change(_BEFORE, pool_of(data, "longer")),
        "to exams in law": Change(_BEFORE, pool_of(data, "law exams")),
        "to code, over eight weeks": Change(_BEFORE, pool_of(data, "functions"), days=56),
        OTHER_DOCUMENTS: Change(_BEFORE, list(chain.from_iterable(_documents(data, of_small=True).values())), days=1),
    }


def _documents(data: Path, *, of_small: bool) -> Mapping[str, Pool]:
    """Clauses of the small documents, as what is new, or of the large ones."""
    found = {name: pool for name, pool in clauses(data).items() if (name == "small") == of_small}
    return {
        name: [msgspec.structs.replace(one, id=f"new:{one.id}") for one in pool] if of_small else pool
        for name, pool in found.items()
    }


def _still_run(data: Path, name: str, seed: int, days: int) -> list[Alarm]:
    return list(watch(batches_of(days_of(still(data)[name], days, random.Random(f"{name} {seed}")))).alarms)


def _changed_run(data: Path, name: str, seed: int) -> tuple[int, bool, float, int]:
    """Days until the alarm, 0 for none; whether one was before; how many of its examples are new, and their number."""
    change, traffic = changes(data)[name], still(data)["bursts"]
    if name == OTHER_DOCUMENTS:
        traffic = replace(traffic, groups=_documents(data, of_small=False))
    days = days_of(traffic, change.day + change.days + _AFTER, random.Random(f"{name} {seed}"), change)
    alarms = watch(batches_of(days)).alarms
    told = [alarm for alarm in alarms if number_of(alarm.day) >= change.day]
    if not told:
        return 0, bool(alarms), 0.0, 0
    new = [example.startswith("new:") for example in told[0].examples]
    return number_of(told[0].day) - change.day + 1, len(alarms) > len(told), statistics.mean(new or [0]), len(new)


def _quiet(jobs: Sequence[tuple[Path, str, int, int]], found: Sequence[list[Alarm]]) -> dict[str, dict[str, Any]]:
    told: dict[str, dict[str, Any]] = {}
    for (_, name, _, days), alarms in zip(jobs, found, strict=True):
        row = told.setdefault(name, {"runs": 0, "days": 0, "false alarms": 0, "views": []})
        row["runs"] += 1
        row["days"] += days
        row["false alarms"] += len(alarms)
        row["views"] += [alarm.views[0] for alarm in alarms]
    return told


def _changed(
    jobs: Sequence[tuple[Path, str, int]], found: Sequence[tuple[int, bool, float, int]]
) -> dict[str, dict[str, Any]]:
    told: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(name for _, name, _ in jobs):
        rows = [row for (_, named, _), row in zip(jobs, found, strict=True) if named == name]
        days = sorted(row[0] for row in rows if row[0])
        told[name] = {
            "runs": len(rows),
            "noticed": len(days),
            "median day": statistics.median(days) if days else None,
            "latest day": days[-1] if days else None,
            "noticed by day 7": sum(day <= 7 for day in days),
            "false alarms before": sum(row[1] for row in rows),
            "examples that are new": round(statistics.mean(row[2] for row in rows if row[0]), 3) if days else None,
            "examples": round(statistics.mean(row[3] for row in rows if row[0]), 1) if days else None,
        }
    return told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
