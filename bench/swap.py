"""`make bench-swap`: another version of a package takes the place of the one that answers, under load.

A running program with a llama.cpp engine, and callers who hold conversations of three turns, streamed and whole. Both
versions have the same weights and another template, so that each answer says which version gave it. In each round one
version is swapped for the other, rolled back while the first one still drains, and swapped and rolled back once more
when nothing drains: each a command of its own, timed from its start to its end, the start of Python included.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import results
from bench.contender import free_port, process, wait_ready
from bench.program import PROGRAM, environment
from bench.swapping import CONFIG, Talkers, make_versions
from homeport.config.default import default_yaml
from homeport.packages.layout import Store

ROLLBACK_SECONDS = 10.0
_READY_SECONDS = 120.0
_COMMAND_SECONDS = 300.0
_IDLE_SECONDS = 3.0


def main(arguments: Sequence[str]) -> int:
    """Print the figures, write bench/results/swap.json; 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="make bench-swap", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--callers", type=int, default=4)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, _up(Path(folder)) as (port, place, home):
        key = (home / "local.key").read_text().strip()
        with Talkers(f"http://127.0.0.1:{port}/v1", key, options.callers).running() as talkers:
            rounds = [_round(place, talkers) for _ in range(options.rounds)]
    versions = [version for talk in talkers.talks for version in talk.versions]
    report: dict[str, Any] = {
        "settings": vars(options),
        "seconds": rounds,
        "conversations": len(talkers.talks),
        "answers": {version: versions.count(version) for version in sorted({*versions})},
        "failed": len(talkers.failures),
        "mixed": len(talkers.mixed()),
    }
    slowest = max(seconds for told in rounds for name, seconds in told.items() if name.startswith("rollback"))
    missed = {
        "failed": bool(talkers.failures),
        "mixed": bool(talkers.mixed()),
        f"rollback: {slowest:.1f} s": slowest >= ROLLBACK_SECONDS,
    }
    report["missed"] = [name for name, is_missed in missed.items() if is_missed]
    results.write("swap.json", report)
    print(json.dumps(report, indent=1), *talkers.failures[:3], *talkers.mixed()[:3], sep="\n")
    return 1 if report["missed"] else 0


def _round(place: Mapping[str, str], talkers: Talkers) -> dict[str, float]:
    """Seconds of each command; people talk between them."""
    told = {"swap": _timed(place, "swap", "own", "2.0.0")}
    _talk(talkers)
    told["rollback while the other drains"] = _timed(place, "rollback", "own")
    _until_one_is_left(place)
    told["swap again"] = _timed(place, "swap", "own", "2.0.0")
    _until_one_is_left(place)
    told["rollback when nothing drains"] = _timed(place, "rollback", "own")
    _until_one_is_left(place)
    return told


def _timed(place: Mapping[str, str], *command: str) -> float:
    started = time.monotonic()
    _run(place, "engine", *command)
    return round(time.monotonic() - started, 2)


def _run(place: Mapping[str, str], *command: str) -> str:
    argv = (*PROGRAM, *command)
    done = subprocess.run(argv, env=place, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=True)
    return done.stdout


def _talk(talkers: Talkers) -> None:
    """Let as many conversations end as are held at a time, twice."""
    enough = len(talkers.talks) + 8
    while len(talkers.talks) < enough:
        time.sleep(0.1)


def _until_one_is_left(place: Mapping[str, str]) -> None:
    while len(json.loads(_run(place, "engine", "list", "--json"))) > 1:
        time.sleep(0.2)


@contextlib.contextmanager
def _up(folder: Path) -> Iterator[tuple[int, Mapping[str, str], Path]]:
    """A running program that has both versions: its port, the environment of its commands, its state folder."""
    home, port = folder / "home", free_port()
    home.mkdir(mode=0o700)
    place = environment(home, port)
    (home / "homeport.yaml").write_text(default_yaml())
    _run(place, "package", "pull", "smollm2", "--json")
    model = Store(home / "packages").get("smollm2")
    assert model is not None
    make_versions(home, model.weights)
    (home / "homeport.yaml").write_text(CONFIG.format(replicas=1, idle=_IDLE_SECONDS, weights=model.weights))
    with process((*PROGRAM, "up"), folder=folder, environment=place) as child:
        wait_ready(child, port, "/readyz", _READY_SECONDS, folder)
        yield port, place, home


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
