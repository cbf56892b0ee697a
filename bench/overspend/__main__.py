"""`make bench-overspend`: seeded runs against one cap on each database; writes bench/results/overspend.json."""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench import results
from bench.machine import describe
from bench.native import BenchmarkError
from bench.overspend.fleet import Layout
from bench.overspend.trial import CAP, Outcome, Trial, run
from bench.postgres_server import PostgresServer

PLACES = ("sqlite", "postgresql")


def main(arguments: Sequence[str]) -> int:
    """0 if no run went over the cap, and each could use nearly all of it."""
    options = _options(arguments)
    console = results.make_console()
    done: dict[str, list[Outcome]] = {place: [] for place in options.on}
    for place in options.on:
        with _databases(place) as server:
            for seed in range(options.first, options.first + options.runs):
                done[place].append(_run(place, seed, server, options.callers))
                _say(console, place, done[place][-1])
    table = Table("", "runs", "over", "least used", "most billed", "least billed", "corrections", "seconds a run")
    for place, outcomes in done.items():
        table.add_row(place, *_summary(outcomes))
    console.print(table)
    wrong = {f"{place} {each.seed}": each.wrong for place, outcomes in done.items() for each in outcomes if each.wrong}
    content = {
        "cap_nano": CAP,
        "runs": {place: [_row(each) for each in outcomes] for place, outcomes in done.items()},
        "wrong": wrong,
        "machine": describe(),
    }
    path = results.write("overspend.json", content)
    for name, problems in wrong.items():
        console.print(f"{name}: {', '.join(problems)}")
    console.print(f"{path.relative_to(results.FOLDER.parents[1])} has every run")
    return 1 if wrong else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.overspend", description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="seeds on each database")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--on", choices=PLACES, nargs="+", default=PLACES)
    parser.add_argument("--callers", type=int, default=200)
    return parser.parse_args(arguments)


@contextlib.contextmanager
def _databases(place: str) -> Iterator[PostgresServer | None]:
    if place == "sqlite":
        yield None
        return
    with PostgresServer() as server:
        yield server


def _run(place: str, seed: int, server: PostgresServer | None, callers: int) -> Outcome:
    """One in ten runs kills nobody; on PostgreSQL every second one is as on machines of their own."""
    with tempfile.TemporaryDirectory(prefix="homeport-overspend-") as name:
        folder = Path(name)
        url = server.new_database() if server else f"sqlite:///{folder / 'homeport.db'}"
        layout = Layout(folder=folder, url=url, apart=server is not None and seed % 2 == 0)
        try:
            return asyncio.run(run(Trial(seed=seed, layout=layout, callers=callers, killed=seed % 10 != 0)))
        finally:
            if server:
                server.drop(url)


def _say(console: Console, place: str, outcome: Outcome) -> None:
    usd = [f"{amount / 1e9:.6f}" for amount in (outcome.billed, outcome.ledger, outcome.corrections)]
    console.print(
        f"{place} seed {outcome.seed} ({outcome.scope}): billed {usd[0]}, ledger {usd[1]}, corrections {usd[2]}, "
        f"{outcome.calls} calls, {outcome.seconds:.0f} s: {', '.join(outcome.wrong) or 'ok'}"
    )


def _summary(outcomes: Sequence[Outcome]) -> list[str]:
    shares = [outcome.billed / CAP for outcome in outcomes]
    return [
        str(len(outcomes)),
        str(sum(outcome.over for outcome in outcomes)),
        f"{min(outcome.used for outcome in outcomes):.2%}",
        f"{max(shares):.2%}",
        f"{min(shares):.2%}",
        f"{max(outcome.corrections for outcome in outcomes) / CAP:.1%}",
        f"{sum(outcome.seconds for outcome in outcomes) / len(outcomes):.0f}",
    ]


def _row(outcome: Outcome) -> dict[str, object]:
    return {**msgspec.structs.asdict(outcome), "used": outcome.used, "wrong": outcome.wrong}


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BenchmarkError as error:
        sys.exit(str(error))
