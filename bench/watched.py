"""`make bench-watched`: what ingestion and people at the console cost the data path; writes bench/results/watched.json.

One gateway with 1,000,000 requests stored goes three ways by turns: alone (its jobs worker is held, nobody looks),
while the jobs worker ingests, and while it ingests and people look: one follows requests live, one opens a page of the
console every other second. Each turn is measured twice: as many requests as it can answer, and 500 a second. Then
requests are followed live at 500 a second, by programs and people, and counted; and the gateway is started a few times.
"""

import argparse
import contextlib
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
from rich.console import Console as Terminal
from sqlalchemy import Engine

from bench import results
from bench.arithmetic import rotated
from bench.console import signed_in
from bench.console_house import fill
from bench.console_pages import pages, places
from bench.contender import Running
from bench.homeport_gateway import State
from bench.machine import Cores, choose_cores, describe, raise_file_limit, rss_mb
from bench.native import load, mock_upstream
from bench.onlookers import SHOWN, Party, People, Place, Seen, fetch, people
from bench.targets import Target, all_met, judge, number
from bench.traffic import whole_chat
from bench.turns import Turn, lost, take
from homeport.config.file import ConfigFile
from homeport.config.home import Home
from homeport.config.load import Environment
from homeport.storage.db import open_database, sqlite_url

TARGETS = (
    Target(figure="ingesting_rps_lost_percent", bound=5),
    Target(figure="watched_rps_lost_percent", bound=5),
    Target(figure="tail_missing", bound=0),
    Target(figure="tail_dropped", bound=0),
    Target(figure="tail_late_p95_ms", bound=1_000),
    Target(figure="ready_ms", bound=1_000),
    Target(figure="rss_mb_fresh", bound=120),
    Target(figure="rss_mb_walked", bound=120),
    Target(figure="errors", bound=0),
    Target(figure="pages_failed", bound=0),
)
WAYS = ("alone", "ingesting", "watched")
_RPS = 500.0
_PAGE_EVERY_S = 2.0
_STARTS = 7
_TAIL_SECONDS = 20.0
_TAIL = Party(programs=2, people=1)
_POLL_S = 0.3


def main(arguments: Sequence[str]) -> int:
    """0 if every target is met."""
    options = _options(arguments)
    console, cores = results.make_console(), choose_cores()
    raise_file_limit()
    with tempfile.TemporaryDirectory() as name, mock_upstream(cores.load) as mock:
        root = Path(options.home or name).absolute()
        root.mkdir(exist_ok=True)
        state = State(root, mock)
        state.make_key()
        engine = open_database(sqlite_url(Home(root).database))
        settings = ConfigFile(Environment(home=root, variables={}), Home(root).config, Home(root).adopted).read()
        fill(settings, Home(root), engine, options.rows, False, console)
        shown = tuple(pages(places(settings, Home(root), engine)).values())
        place = Place(
            port=state.port, key=state.make_key("--scope", "admin"), cookie=signed_in(Home(root), engine), pages=shown
        )
        figures, turns = _House(state, engine, cores, place, console).measure(options)
        figures |= _starts(state, cores)
        engine.dispose()
    verdicts = judge(TARGETS, figures)
    results.show_verdicts(console, verdicts)
    console.print({name: number(value) for name, value in figures.items()})
    told = {"settings": vars(options), "machine": describe(), "figures": figures, "verdicts": verdicts, "turns": turns}
    results.write("watched.json", told)
    return 0 if all_met(verdicts) else 1


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-watched", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many requests are stored")
    parser.add_argument("--turns", type=int, default=15, help="of each way")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each half of a turn")
    parser.add_argument("--home", default="", help="a state folder to fill, and to use again as it is the next time")
    return parser.parse_args(arguments)


class _Way(msgspec.Struct, frozen=True):
    """One turn of one way: as much as it can do, and 500 a second; and what was seen meanwhile."""

    full: Turn
    paced: Turn
    seen: Seen


class _House:
    """One gateway, its database, and what is asked of it."""

    def __init__(self, state: State, engine: Engine, cores: Cores, place: Place, console: Terminal) -> None:
        self._state = state
        self._engine = engine
        self._cores = cores
        self._place = place
        self._console = console

    def measure(self, options: argparse.Namespace) -> tuple[dict[str, float], dict[str, list[_Way]]]:
        """All figures but those of starts, and the turns."""
        turns: dict[str, list[_Way]] = {way: [] for way in WAYS}
        with ExitStack() as stack:
            running = stack.enter_context(self._state.run(self._cores))
            memory = {"rss_mb_fresh": rss_mb(running.pid)}
            take(running, self._cores, options.seconds)
            memory["rss_mb_loaded"] = rss_mb(running.pid)
            failed = sum(fetch(self._place, path)[0] not in SHOWN for path in self._place.pages)
            crowd = stack.enter_context(people(self._cores.load, self._place))
            for number_ in range(options.turns):
                for way in rotated(WAYS, number_):
                    turns[way].append(self._turn(way, running, crowd, options.seconds))
                self._console.print(f"turn {number_ + 1} of {options.turns}", end="\r")
            tail = self._tail(running, crowd)
            memory["rss_mb_walked"] = rss_mb(running.pid)
        return {**figures(turns), **tail, **memory, "pages_failed": float(failed + _failed(turns))}, turns

    def _turn(self, way: str, running: Running, crowd: People, seconds: float) -> _Way:
        self._settle()
        held = _held(running.jobs_pid) if way == "alone" else contextlib.nullcontext()
        party = Party(people=1, page_every_s=_PAGE_EVERY_S) if way == "watched" else Party()
        with held:
            crowd.look(party)
            full = take(running, self._cores, seconds)
            paced = take(running, self._cores, seconds, rate=_RPS)
            return _Way(full, paced, crowd.leave())

    def _tail(self, running: Running, crowd: People) -> dict[str, float]:
        """What followers of 500 requests a second get, and when."""
        self._settle()
        crowd.look(_TAIL)
        asked = load(
            self._cores.load,
            running.port,
            running.key,
            [whole_chat()],
            connections=256,
            rate=_RPS,
            seconds=_TAIL_SECONDS,
        )
        time.sleep(2)
        seen = crowd.leave()
        followers = _TAIL.programs + _TAIL.people
        return {
            "tail_missing": float(abs(asked.requests * followers - sum(seen.came) - sum(seen.dropped))),
            "tail_dropped": float(sum(seen.dropped)),
            "tail_late_p95_ms": statistics.quantiles(seen.late_ms, n=20)[-1],
            "tail_p99_ms": asked.latency_us.p99 / 1e3 if asked.latency_us else 0.0,
        }

    def _settle(self) -> None:
        """Wait until the database has what was asked."""
        before = -1
        while (now := self._stored()) != before:
            before = now
            time.sleep(_POLL_S)

    def _stored(self) -> int:
        with self._engine.connect() as connection:
            return int(connection.exec_driver_sql("SELECT max(rowid) FROM requests").scalar_one())


def figures(turns: dict[str, list[_Way]]) -> dict[str, float]:
    """What each way costs beside the gateway alone; times are of the turns with 500 requests a second."""
    alone = turns["alone"]
    found: dict[str, float] = {}
    for way in WAYS:
        found[f"{way}_rps"] = statistics.median(one.full.rps for one in turns[way])
        found[f"{way}_cpu_us"] = statistics.median(one.full.cpu_us for one in turns[way])
        found[f"{way}_p50_ms"] = statistics.median(one.paced.p50_ms for one in turns[way])
        found[f"{way}_p99_ms"] = statistics.median(one.paced.p99_ms for one in turns[way])
    for way in WAYS[1:]:
        found |= lost([one.full for one in alone], [one.full for one in turns[way]], f"{way}_")
        slower = [one.paced.p99_ms / base.paced.p99_ms for base, one in zip(alone, turns[way], strict=True)]
        found[f"{way}_p99_ratio"] = statistics.median(slower)
    found["errors"] = float(sum(one.full.errors + one.paced.errors for ways in turns.values() for one in ways))
    pages = [took for one in turns["watched"] for took in one.seen.page_ms]
    found["page_p50_ms"] = statistics.median(pages) if pages else 0.0
    return found


def _failed(turns: dict[str, list[_Way]]) -> int:
    return sum(one.seen.failed for ways in turns.values() for one in ways)


@contextlib.contextmanager
def _held(pid: int) -> Iterator[None]:
    """A process that does nothing meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _starts(state: State, cores: Cores) -> dict[str, float]:
    """From the command to the first answer, with the console on and all these requests stored."""
    took = []
    for _ in range(_STARTS):
        with state.run(cores) as running:
            took.append(running.ready_ms)
    return {"ready_ms": statistics.median(took), "ready_ms_slowest": max(took)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
