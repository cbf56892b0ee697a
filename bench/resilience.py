"""`make bench-resilience`: what hedging and the circuit breaker are worth; writes bench/results/resilience.json."""

import argparse
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from bench import circuit, hedging, results
from bench.machine import choose_cores, describe
from bench.native import BenchmarkError
from bench.targets import all_met, judge, number


def main(arguments: Sequence[str]) -> int:
    """0 if every target is met."""
    options = _options(arguments)
    cores, console, machine = choose_cores(), results.make_console(), describe()
    plan, breaking = (
        (hedging.QUICK, circuit.QUICK) if options.quick else (hedging.Plan(rounds=options.rounds), circuit.Plan())
    )
    rounds = []
    for turn in range(plan.rounds):
        console.print(f"hedging, round {turn + 1} of {plan.rounds}")
        rounds.append(hedging.measure(cores, plan, turn))
    console.print("circuit breaker")
    dead = circuit.measure(cores, breaking)
    hedged, refused = hedging.worst(rounds), circuit.figures(dead)
    verdicts = [*judge(hedging.TARGETS, hedged), *judge(circuit.TARGETS, refused)]
    path = results.write(
        "resilience.json",
        {
            "hedging": {**hedged, "spread": hedging.summarise(rounds), "rounds": rounds},
            "breaker": refused,
            "targets": [{"line": verdict.line(), "met": verdict.met} for verdict in verdicts],
            "machine": machine,
            "plan": {"hedging": plan, "breaker": breaking},
        },
    )
    _show_hedging(console, hedged)
    _show_breaker(console, refused)
    results.show_verdicts(console, verdicts)
    console.print(f"{path.relative_to(results.FOLDER.parents[1])} has the rounds and the machine")
    return 0 if all_met(verdicts) else 1


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.resilience", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few requests: does it work, not how good it is")
    parser.add_argument("--rounds", type=int, default=hedging.Plan().rounds)
    return parser.parse_args(arguments)


def _show_hedging(console: Console, figures: Mapping[str, float | None]) -> None:
    table = Table("time to the first token", "p50 ms", "p95 ms", "p99 ms")
    for name in hedging.SETTINGS:
        table.add_row(name, *(_cell(figures[f"ttft_{share}_ms_{name}"]) for share in ("p50", "p95", "p99")))
    console.print(table)


def _show_breaker(console: Console, figures: Mapping[str, float | None]) -> None:
    columns = (
        "p50_ms",
        "p99_ms",
        "max_ms",
        "livez_p50_ms",
        "livez_p99_ms",
        "cpu_us",
        "before_open",
        "tries",
        "retry_after_s",
        "closed_after_s",
    )
    table = Table("dead upstream", *(column.replace("_", " ") for column in columns))
    for death in circuit.DEATHS:
        table.add_row(death, *(_cell(figures[f"{death}_{column}"]) for column in columns))
    console.print(table)


def _cell(value: float | None) -> str:
    return "-" if value is None else number(value)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BenchmarkError as error:
        sys.exit(str(error))
