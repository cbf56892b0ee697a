"""Runs every test in two pytest processes side by side: one waits for programs that it started, the other computes.

Each process brings its own folders, ports, engines and PostgreSQL. Progress is told as it comes, failures when their
process ends, and the totals of both last, as pytest tells them. The whole output of each is in build/tests/.
"""

import re
import signal
import subprocess
import sys
import time
from collections import Counter
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
_OUTCOMES = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warnings", "errors")
_CLOSING = re.compile(r"^(?:=+ )?((?:\d+ \w+(?:, )?)+|no tests ran) in [\d.]+s\b", re.MULTILINE)
_PROGRESS = re.compile(r"\[ *\d+%\]$")


def start(paths: tuple[str, ...], options: list[str]) -> subprocess.Popen[str]:
    command = (sys.executable, "-u", "-m", "pytest", *paths, *options)
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=subprocess.STDOUT, text=True, errors="replace")


def follow(name: str, process: subprocess.Popen[str]) -> str:
    """All that it says; progress is passed on line by line, the rest in one piece."""
    said, held = [], []
    with process, (LOGS / f"{name}.log").open("w", encoding="utf-8") as log:
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


def totals(outputs: list[str]) -> str | None:
    """The closing lines of all as one; None where one of them has none, because its process broke down."""
    counts: Counter[str] = Counter()
    for output in outputs:
        closings = _CLOSING.findall(output)
        if not closings:
            return None
        for number, outcome in re.findall(r"(\d+) (\w+)", closings[-1]):
            counts[{"warning": "warnings", "error": "errors"}.get(outcome, outcome)] += int(number)
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in _OUTCOMES if counts[outcome]) or "no tests ran"


def main(options: list[str]) -> int:
    """The exit code of pytest: of the process that failed, if one did."""
    started = time.monotonic()
    LOGS.mkdir(parents=True, exist_ok=True)
    processes = {name: start(paths, options) for name, paths in PARTS.items()}
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the two by itself; they tidy up, and we wait
    with ThreadPoolExecutor() as pool:
        closing = totals(list(pool.map(follow, processes, processes.values())))
    seconds = time.monotonic() - started
    print(f"{closing or 'pytest broke down'} in {seconds:.2f}s ({timedelta(seconds=int(seconds))})")
    codes = {process.returncode for process in processes.values()}
    if codes <= {0, NOTHING_COLLECTED} and closing:
        return min(codes)
    return max(map(abs, codes)) or 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
