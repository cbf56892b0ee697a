"""`homeport bench drift`: how soon a silent change is noticed, and how often one that was none."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from homeport.cli.context import Context, Json
from homeport.drift.benchmark import Measured, Target, measure, targets
from homeport.drift.detectors import ALPHA
from homeport.drift.rehearsal import LOOSE_ALPHA, Delay, Plan
from homeport.drift.weekly import WEEKLY_ALPHA


def register(app: typer.Typer) -> None:
    app.command()(drift)


def drift(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with llmdrift/*.csv.gz, llama70b_fp8_samples/*.jsonl.gz and trackllm_lt/*.json."),
    ] = None,
    runs: Annotated[int, typer.Option(min=10, max=20_000, help="Of each endpoint, with a swap and without.")] = 1_000,
    recordings: Annotated[int, typer.Option(min=1, max=20_000, help="Drawn from each model's samples.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn.")] = 0,
    json: Json = False,
) -> None:
    """Swap models silently at a known week, or not at all, and count alarms: of a rule of thumb and of our tests.

    Each task and model of llmdrift is an endpoint, checked weekly with 100 inputs; samples of one model are split
    into batches that must raise no alarm; a deviation that passes must be called that. Without --data the folder
    drift/ of $HOMEPORT_DATA, or of ../shared/data, is taken. Takes two minutes; ends with 1 where a target is missed.

    Example: homeport bench drift --json
    """
    state: Context = context.obj
    folder = data or (state.environment.data or Path("../shared/data")) / "drift"
    told = Console(stderr=True, highlight=False)
    found = measure(folder, Plan(runs=runs), recordings, seed, lambda step: told.print(f"  {step} ...", markup=False))
    judged = targets(found)
    if json:
        state.print_json(_plain(found, judged, seed))
    else:
        _show(state.console, found, judged)
    if not all(target.met for target in judged):
        raise typer.Exit(1)


def _plain(found: Measured, judged: Sequence[Target], seed: int) -> dict[str, Any]:
    alphas = {"weekly": WEEKLY_ALPHA, "loose": LOOSE_ALPHA, "batches": ALPHA}
    return {
        "seed": seed,
        "alpha": alphas,
        "threshold": {name: 1 / alpha for name, alpha in alphas.items()},
        **msgspec.to_builtins(found),
        "targets": msgspec.to_builtins(judged),
    }


def _show(console: Console, found: Measured, judged: Sequence[Target]) -> None:
    console.print(_weekly(found))
    console.print("alarms without a change: share of runs that had one. Weeks until a swap is noticed: median")
    for one in found.samples:
        what = f"{one.alarms} alarms in {one.batches:,} batches of one model, {one.stated:.1f} may be"
        console.print(f"{one.name}: {what}", markup=False)
    for passed in found.tables:
        what = f"{passed.verdict.value}, {passed.alarms} alarms in {passed.queries} queries"
        console.print(f"{passed.name}: {what}", markup=False)
    for target in judged:
        said = "[green]met[/]" if target.met else "[red]MISSED[/]"
        console.print(f"{said} {escape(target.target)}: {target.value:g} (bound {target.bound:g})")


def _weekly(found: Measured) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Weekly checks of 100 inputs", title_justify="left")
    table.add_column("endpoint", overflow="fold")
    headings = ("before", "after", "rule, 8 weeks", "test, a year", "other inputs", "weeks: swap", "of a fifth")
    for name in headings:
        table.add_column(name, justify="right")
    for one in found.endpoints:
        shares = (one.before, one.after, one.rule.short, one.confirmed.year, one.unpaired.year)
        name = escape(f"{one.task} {one.model}")
        table.add_row(name, *(f"{share:.1%}" for share in shares), _weeks(one.swap), _weeks(one.fifth))
    return table


def _weeks(delay: Delay) -> str:
    return "-" if delay.median is None else f"{delay.median:.0f}"
