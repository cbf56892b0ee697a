"""Fuzz every target for some minutes in all, two at a time, and print a table. Exit status 1 if anything was found.

Usage: python -m tests.fuzz [--minutes M] [--jobs N] [TARGET ...]
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.targets import TARGETS

HERE = Path(__file__).parent
CRASHES = HERE / "crashes"
CORPUS = HERE.parents[1] / "build" / "fuzz" / "corpus"
_EXECUTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


class Row(NamedTuple):
    target: str
    executions: int
    per_second: int
    corpus: int
    found: Sequence[str]


def fuzz(target: str, seconds: int) -> Row:
    """One target in a process of its own, from the corpus of earlier runs and the committed cases."""
    corpus = CORPUS / target
    corpus.mkdir(parents=True, exist_ok=True)
    for case in (HERE / "cases" / target).glob("*"):
        (corpus / case.name).write_bytes(case.read_bytes())
    command = [sys.executable, "-m", "tests.fuzz.worker", target, str(corpus), str(CRASHES), str(seconds)]
    started = time.monotonic()
    # libFuzzer ends by itself; a target that does not return is ended by its -timeout.
    ran = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds + 300, check=False)
    elapsed = time.monotonic() - started
    executions = int(match[1]) if (match := _EXECUTED.search(ran.stderr)) else 0
    found = re.findall(r"^FOUND (.*)", ran.stderr, re.MULTILINE)
    if ran.returncode:
        found.append(f"it was stopped ({ran.returncode}): {ran.stderr[-600:]}")
    return Row(target, executions, round(executions / elapsed), len(list(corpus.iterdir())), found)


def table(rows: Sequence[Row]) -> str:
    head = f"{'target':<22}{'executions':>12}{'/s':>8}{'corpus':>8}{'found':>7}"
    lines = [f"{r.target:<22}{r.executions:>12,}{r.per_second:>8,}{r.corpus:>8,}{len(r.found):>7}" for r in rows]
    total = f"{'all':<22}{sum(r.executions for r in rows):>12,}{'':>16}{sum(len(r.found) for r in rows):>7}"
    details = [f"\n{row.target}: {kind}" for row in rows for kind in row.found]
    return "\n".join([head, *lines, total, *details])


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--minutes", type=float, default=10.0, help="of all targets together")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="targets at a time")
    chosen = parser.parse_args(arguments)
    names = chosen.targets or list(TARGETS)
    if unknown := set(names) - set(TARGETS):
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    CRASHES.mkdir(exist_ok=True)
    seconds = max(1, round(chosen.minutes * 60 * chosen.jobs / len(names)))
    print(f"{len(names)} targets, {seconds} s each, {chosen.jobs} at a time; load {os.getloadavg()[0]:.1f}", flush=True)
    with ThreadPoolExecutor(chosen.jobs) as pool:
        rows = list(pool.map(lambda name: fuzz(name, seconds), names))
    print(table(rows))
    found = sum(len(row.found) for row in rows)
    if found:
        print(f"\nThe inputs are in {CRASHES}; see docs/explanation/fuzzing.md for what to do with them.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
