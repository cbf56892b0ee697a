"""`homeport drift`: has a model behind a name been changed silently?"""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from homeport.cli.context import Context, Json
from homeport.drift.detectors import ALPHA
from homeport.drift.replay import replay as replay_recording

app = typer.Typer(help="Has a model behind a name been changed silently?", no_args_is_help=True)

_SHOWN = 12


@app.command()
def replay(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A recording: JSON lines of what probes were answered.")],
    alpha: Annotated[
        float, typer.Option(min=1e-9, max=0.1, help="False alarms: one in 1/alpha batches at most, on average.")
    ] = ALPHA,
    json: Json = False,
) -> None:
    """Say at which batch of a recording a silent change of the model would have been noticed.

    A line: {"batch": "2026-03-01", "probe": "capital", "output": "Paris"}, and "logprobs": {"Paris": -0.1} where
    the provider tells them. A batch is what was asked together, such as a day; the first six are only learned from.

    Example: homeport drift replay answers.jsonl --json
    """
    state: Context = context.obj
    told = replay_recording(file, alpha)
    if json:
        state.print_json(told)
    else:
        _show(state, told)


def _show(state: Context, told: dict[str, Any]) -> None:
    for warning in told["warnings"]:
        state.console.print(f"[yellow]warning[/] {warning}")
    table = Table("batch", box=box.SIMPLE_HEAD)
    for name in ("answers", "score", "tolerance", "evidence"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    telling = [one for one in told["batches"] if one["verdict"] not in ("usual", "learned")]
    for one in (*telling[:_SHOWN], *told["batches"][-1:]):
        figures = ("-" if one[name] is None else f"{one[name]:.3f}" for name in ("score", "tolerance"))
        table.add_row(one["batch"], str(one["answers"]), *figures, f"{one['e_value']:,.1f}", one["verdict"])
    state.console.print(table, markup=False)
    batches = len(told["batches"])
    state.console.print(f"{batches} batches of {told['probes']} probes; an alarm needs {told['threshold']:,.0f}")
    for alarm in told["alarms"]:
        state.console.print(f"changed since {alarm['since']}, noticed at {alarm['batch']}", markup=False)
    if not told["alarms"]:
        state.console.print("no change was noticed")
