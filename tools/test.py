"""Runs every test in two pytest processes side by side: one waits for programs that it started, the other computes.

Each process brings its own folders, ports, engines and PostgreSQL. Progress is told as it comes, failures when their
process ends, and the totals of both last, as pytest tells them. The whole output of each is in build/tests/.

At most three tests that failed beside all others are run again by themselves: on a busy machine some wait for less than
happens there. One that passes then is named before the totals, for somebody to mend what it waits for; one that fails
has failed.
"""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOGS = ROOT / "build" / "tests"
PARTS = {
    "programs": ("tests/clients", "tests/e2e", "docs", "README.md"),
    "parts": ("tests", "--ignore=tests/clients", "--ignore=tests/e2e"),
}
NOTHING_COLLECTED = 5
FAILED = 1
MOST_AGAIN = 3
_OUTCOMES = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warnings", "errors")
_CLOSING = re.compile(r"^(?:=+ )?((?:\d+ \w+(?:, )?)+|no tests ran) in [\d.]+s\b", re.MULTILINE)
_PROGRESS = re.compile(r"\[ *\d+%\]$")


def start(name: str, options: list[str]) -> subprocess.Popen[str]:
    kept = f"cache_dir={LOGS / name}.cache"
    command = (sys.executable, "-u", "-m", "pytest", *PARTS[name], "-o", kept, *options)
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=subprocess.STDOUT, text=True, errors="replace")


def follow(name: str, process: subprocess.Popen[str]) -> str:
    """All that it says; progress is passed on line by line, the rest in one piece."""
    said, held = [], []
    with process, (LOGS / f"{name}.log").open("a", encoding="utf-8") as log:
        assert process.stdout is not None
        for line in process.stdout:
            log.write(line)
            said.append(line)
            if _PROGRESS.search(line.rstrip()):
                print(f"{name:9}{line}", end="", flush=True)
            else:
                held.append(line)
    print(f"{name}:\n{''.join(held)}", flush=True)
    return "".join(said)


def counts_of(outputs: list[str]) -> Counter[str] | None:
    """What the closing lines say together; None where one of them has none, because its process broke down."""
    counts: Counter[str] = Counter()
    for output in outputs:
        closings = _CLOSING.findall(output)
        if not closings:
            return None
        for number, outcome in re.findall(r"(\d+) (\w+)", closings[-1]):
            counts[{"warning": "warnings", "error": "errors"}.get(outcome, outcome)] += int(number)
    return counts


def told(counts: Counter[str]) -> str:
    """As pytest tells them."""
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in _OUTCOMES if counts[outcome]) or "no tests ran"


def failed(logs: Path, name: str) -> list[str]:
    """The tests of a process that failed."""
    kept = logs / f"{name}.cache" / "v" / "cache" / "lastfailed"
    return sorted(json.loads(kept.read_text(encoding="utf-8"))) if kept.exists() else []


def once_more(counts: Counter[str], again: Counter[str]) -> Counter[str]:
    """What there is in all where the tests that failed were run again."""
    ended = Counter({outcome: again[outcome] for outcome in ("failed", "passed", "errors")})
    return Counter({outcome: n for outcome, n in counts.items() if outcome not in {"failed", "errors"}}) + ended


def run(names: Iterable[str], options: list[str], at_once: int) -> tuple[dict[str, int], Counter[str] | None]:
    """The exit codes of the processes of these names, and what all of them tell."""
    codes: dict[str, int] = {}

    def one(name: str) -> str:
        process = start(name, options)
        said = follow(name, process)
        codes[name] = process.returncode
        return said

    with ThreadPoolExecutor(at_once) as pool:
        return codes, counts_of(list(pool.map(one, names)))


def main(options: list[str]) -> int:
    """The exit code of pytest: of the process that failed, if one did."""
    started = time.monotonic()
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C reaches the processes by itself; they tidy up, and we wait
    codes, counts = run(PARTS, options, len(PARTS))
    lost = {name: tests for name in PARTS if codes[name] == FAILED and (tests := failed(LOGS, name))}
    if counts and sum(map(len, lost.values())) in range(1, MOST_AGAIN + 1) and max(codes.values()) == FAILED:
        codes, again = run(lost, [*options, "--last-failed"], 1)
        counts = None if again is None else once_more(counts, again)
        if not any(codes.values()):
            print("Failed beside all others, and passed by itself: it waits for less than happens on a busy machine.")
            print(*(f"  {test}" for tests in lost.values() for test in tests), sep="\n")
    seconds = time.monotonic() - started
    closing = "pytest broke down" if counts is None else told(counts)
    print(f"{closing} in {seconds:.2f}s ({timedelta(seconds=int(seconds))})")
    if set(codes.values()) <= {0, NOTHING_COLLECTED} and counts is not None:
        return min(codes.values())
    return max(map(abs, codes.values())) or 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
