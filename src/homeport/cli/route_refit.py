"""`homeport route refit`: a router version from what was said of answers."""

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from homeport import bootstrap
from homeport.cli.context import Context, Json
from homeport.cli.cost import stretch
from homeport.routing.learning import FEWEST_LABELS, MARGIN, Relearned, relearn
from homeport.routing.rows import Rows, read_rows
from homeport.routing.versions import Versions
from homeport.storage.feedback import labels
from homeport.storage.ingest import ingest

BENCHMARK = "benchmark.jsonl"
"""In the router's folder: what every new version is tried on where no other file is named."""


def register(app: typer.Typer) -> None:
    app.command()(refit)


def refit(
    context: typer.Context,
    since: Annotated[str, typer.Option(help="Ratings of the last 30d, 24h, ...")] = "30d",
    min_labels: Annotated[int, typer.Option(min=60, max=1_000_000, help="Fewer ratings are refused.")] = FEWEST_LABELS,
    benchmark: Annotated[
        Path | None,
        typer.Option(metavar="FILE.jsonl", help=f"Recorded answers to try it on; left out: router/{BENCHMARK}."),
    ] = None,
    json: Json = False,
) -> None:
    """Fit a router version on what was said of answers; it decides only if log and benchmark find it no worse.

    Example: homeport route refit --since 30d --benchmark answers.jsonl
    """
    state: Context = context.obj
    rows = _benchmark(state, benchmark)
    start, _ = stretch(since, None)
    engine = bootstrap.open_storage(state.settings, state.home)
    ingest(engine, state.home.journal)
    found = relearn(
        Versions(state.home.router, time.time_ns),
        labels(engine, start),
        tuple(tier.name for tier in state.settings.tiers),
        benchmark=rows,
        fewest=min_labels,
    )
    if json:
        state.print_json(_plain(found))
    else:
        _show(state, found)


def _benchmark(state: Context, named: Path | None) -> Rows | None:
    kept = state.home.router / BENCHMARK
    if named is None and not kept.is_file():
        return None
    return read_rows(named or kept)


def _plain(found: Relearned) -> dict[str, object]:
    return {
        "version": found.version.number,
        "promoted": found.promoted,
        "against": found.against,
        "labels": dict(found.labels),
        "configuration": found.configuration,
        "moved_share": found.moved,
        "lift": found.lift and msgspec.structs.asdict(found.lift),
        "benchmark_difference": found.benchmark and msgspec.structs.asdict(found.benchmark),
        "margin": MARGIN,
    }


def _show(state: Context, found: Relearned) -> None:
    told = ", ".join(f"{tier} {count:,}" for tier, count in found.labels.items())
    state.console.print(f"ratings: {escape(told)}; fitted from {found.configuration}")
    state.console.print(f"{found.moved:.1%} of the rated requests would have gone elsewhere")
    if found.lift is not None:
        state.console.print(
            f"mean reward, by the log: {found.lift.estimate:+.3f} ({found.lift.low:+.3f} to {found.lift.high:+.3f})"
        )
    if found.benchmark is not None:
        low, high = found.benchmark.low, found.benchmark.high
        state.console.print(f"APGR on the benchmark: {found.benchmark.value:+.3f} ({low:+.3f} to {high:+.3f})")
    if found.promoted:
        state.console.print(f"version {found.version.number} decides from now on")
        return
    state.console.print(f"version {found.version.number} is kept as a candidate and does not decide:")
    for why in found.against:
        state.console.print(f"  {escape(why)}")
    state.console.print(f"to use it all the same: homeport route rollback {found.version.number}")
