"""`homeport eval compare`: two runs on the same cases, side by side."""

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
from homeport.core.money import format_usd
from homeport.evaluation.comparison import Change, Compared, Summary, compare
from homeport.evaluation.runs import read_run
from homeport.inspection.visible import visible_line
from homeport.stats.paired import Interval

_SHOWN = 5
_ANSWER = 120


def register(app: typer.Typer) -> None:
    app.command("compare")(compare_runs)


def compare_runs(
    context: typer.Context,
    a: Annotated[Path, typer.Argument(help="A run, such as of what answers now.")],
    b: Annotated[Path, typer.Argument(help="A run on the same dataset, such as of what may answer instead.")],
    examples: Annotated[int, typer.Option(min=0, max=100_000, help="How many changed cases are shown.")] = _SHOWN,
    json: Json = False,
) -> None:
    """Compare two runs case by case: scores, what got worse, cost and latency.

    The difference has a 95 % interval over cases, and where scores are right and wrong, McNemar's exact test.

    Example: homeport eval compare small.jsonl large.jsonl
    """
    state: Context = context.obj
    found = compare(read_run(a), read_run(b))
    if json:
        state.print_json(plain(found, examples))
        return
    show(state.console, found, examples)


def plain(found: Compared, examples: int) -> dict[str, Any]:
    """For programs; of the changed cases as many as are asked for, and how many there are."""
    told: dict[str, Any] = msgspec.to_builtins(found)
    told["worse"], told["better"] = told["worse"][:examples], told["better"][:examples]
    return {**told, "worse_cases": len(found.worse), "better_cases": len(found.better)}


def show(console: Console, found: Compared, examples: int) -> None:
    """A row for each run, the difference, and the cases that changed."""
    table = Table("run", "route", "prompt", "score", "95 % interval", box=box.SIMPLE_HEAD)
    for name in ("cost", "an answer", "p50", "p95"):
        table.add_column(name, justify="right")
    for one in (found.a, found.b):
        table.add_row(*map(escape, _cells(one)))
    console.print(table)
    if found.left_out:
        console.print(f"[yellow]{found.left_out} cases are left out: one of the runs has no answer to them.[/]")
    between = found.difference
    sign = "better" if between.value > 0 else "worse" if between.value < 0 else "equal"
    console.print(f"difference {between.value:+.3f} ({bounds(between, '+.3f')}), {sign}, over {found.pairs} cases")
    if found.discordant is not None:
        lost, won = found.discordant.lost, found.discordant.won
        console.print(f"{lost} cases got worse and {won} better: p = {found.discordant.p:.4f} (McNemar's, exact)")
    else:
        console.print(f"{len(found.worse)} cases got worse and {len(found.better)} better")
    _show_changes(console, found.worse[:examples], found)


def bounds(interval: Interval, form: str = ".3f") -> str:
    return f"{interval.low:{form}} to {interval.high:{form}}"


def _cells(one: Summary) -> Sequence[str]:
    each = one.cost_per_answer_nanodollars
    return (
        one.name,
        one.route,
        one.prompt or "-",
        f"{one.score.value:.3f}",
        bounds(one.score),
        "-" if one.cost_nanodollars is None else f"${format_usd(one.cost_nanodollars)}",
        "-" if each is None else f"${format_usd(round(each))}",
        milliseconds(one.latency_p50_ms),
        milliseconds(one.latency_p95_ms),
    )


def milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms"


def _show_changes(console: Console, changes: Sequence[Change], found: Compared) -> None:
    """Answers are anybody's: in one line, and nothing in them a terminal obeys."""
    for change in changes:
        console.print(f"  worse: {change.case}  {change.before:.2f} to {change.after:.2f}", markup=False)
        console.print(f"    {found.a.name}: {visible_line(change.answer_before, _ANSWER)}", markup=False)
        why = f"  ({visible_line(change.why, _ANSWER)})" if change.why else ""
        console.print(f"    {found.b.name}: {visible_line(change.answer_after, _ANSWER)}{why}", markup=False)
    if len(found.worse) > len(changes):
        console.print(f"  and {len(found.worse) - len(changes)} more; --examples {len(found.worse)} shows all")
