"""`homeport eval gate`: may a candidate take the place of a baseline? Its exit code is for CI."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from homeport.cli.context import Context, Json
from homeport.cli.eval import finite
from homeport.cli.eval_compare import plain as plain_comparison
from homeport.cli.eval_compare import show
from homeport.evaluation.gate import DEFAULT_MARGIN, Gate, advice, gate, parse_margin
from homeport.evaluation.runs import read_run
from homeport.stats.noninferiority import Verdict

_SHOWN = 5
EXIT_CODES = {Verdict.PASSED: 0, Verdict.WORSE: 1, Verdict.UNDECIDED: 2}
_WORDS = {
    Verdict.PASSED: "[bold green]passed[/]",
    Verdict.WORSE: "[bold red]worse[/]",
    Verdict.UNDECIDED: "[bold yellow]cannot say[/]",
}


def register(app: typer.Typer) -> None:
    app.command("gate")(gate_runs)


def gate_runs(
    context: typer.Context,
    baseline: Annotated[Path, typer.Argument(help="The run of what answers now.")],
    candidate: Annotated[Path, typer.Argument(help="The run of what may answer instead, on the same dataset.")],
    margin: Annotated[
        str,
        typer.Option(help="So much worse must fail: 10% of the baseline's score, or 5pt, points of a hundred."),
    ] = DEFAULT_MARGIN,
    risk: Annotated[
        float,
        typer.Option(min=0.0001, max=0.25, callback=finite, help="How probable a wrong verdict may be, each way."),
    ] = 0.05,
    missing_wrong: Annotated[
        bool, typer.Option("--missing-wrong", help="Count answers that are not there as wrong; else nothing is said.")
    ] = False,
    examples: Annotated[int, typer.Option(min=0, max=100_000, help="How many changed cases are shown.")] = _SHOWN,
    json: Json = False,
) -> None:
    """Pass a candidate that is as good as the baseline, and fail one that is worse by the margin.

    Ends with 0 where it passes, 1 where it is worse, 2 where the cases are too few to say, or cannot be used. The line
    is in the middle of the margin; both errors have the probability --risk at most, and less with more cases.

    Example: homeport eval gate baseline.jsonl candidate.jsonl --margin 10%
    """
    state: Context = context.obj
    how_much = parse_margin(margin)
    found = gate(read_run(baseline), read_run(candidate), how_much, risk=risk, missing_wrong=missing_wrong)
    if json:
        state.print_json(plain(found, examples))
    else:
        _show(state.console, found, examples)
    raise typer.Exit(EXIT_CODES[found.verdict])


def plain(found: Gate, examples: int) -> dict[str, Any]:
    """For programs."""
    judgement: dict[str, Any] = msgspec.to_builtins(found.judgement)
    return {
        "verdict": judgement.pop("verdict"),
        "exit_code": EXIT_CODES[found.verdict],
        "advice": advice(found),
        "risk": found.risk,
        "cases": found.cases,
        "missing_as_wrong": found.missing_as_wrong,
        **judgement,
        "comparison": plain_comparison(found.compared, examples),
    }


def _show(console: Console, found: Gate, examples: int) -> None:
    show(console, found.compared, examples)
    judgement = found.judgement
    written = f" ({found.margin.amount:.2%} of the baseline's score)" if found.margin.relative else ""
    line = f"the margin is {judgement.margin:.4f}{written}, the line {judgement.line:+.4f}"
    console.print(f"{_WORDS[found.verdict]}: {line}")
    least, most = f"{judgement.least:+.4f}", f"{judgement.most:+.4f}"
    console.print(f"  the difference is above {least} and below {most}, each with confidence {1 - found.risk:.4g}")
    console.print(
        f"  with {found.cases} such cases an equal one passes {judgement.passes_if_equal:.1%} of the time, "
        f"and one worse by the margin fails {judgement.fails_if_worse:.1%}"
    )
    if found.missing_as_wrong:
        console.print(f"  {found.missing_as_wrong} answers that are not there count as wrong")
    if said := advice(found):
        console.print(f"  {said}")
