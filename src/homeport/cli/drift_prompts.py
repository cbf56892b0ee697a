"""`homeport drift prompts`: is what is asked what was asked before?"""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from homeport.bootstrap.inputs import recording_reader
from homeport.cli.context import Context, Json
from homeport.drift.prompt_replay import replay_prompts
from homeport.drift.prompts import ALPHA
from homeport.inspection.visible import visible_line

_SHOWN = 12
_LONGEST = 160


def register(app: typer.Typer) -> None:
    app.command()(prompts)


def prompts(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A recording: JSON lines of what was asked.")],
    alpha: Annotated[
        float, typer.Option(min=1e-9, max=0.1, help="False alarms: one in 1/alpha days at most, on average.")
    ] = ALPHA,
    json: Json = False,
) -> None:
    """Say from which day on prompts are not those of before, what changed, and which of them show it.

    A line: {"day": "2026-03-01", "prompt": "May we end it early?"}, and "id" where you want to find it again. The
    first seven days are only learned from.

    Example: homeport drift prompts asked.jsonl --json
    """
    state: Context = context.obj
    told = replay_prompts(file, recording_reader(state.home), alpha)
    if json:
        state.print_json(told)
    else:
        _show(state, told)


def _show(state: Context, told: dict[str, Any]) -> None:
    for warning in told["warnings"]:
        state.console.print(f"[yellow]warning[/] {warning}")
    show_batches(state, told)
    for alarm in told["alarms"]:
        show_alarm(state, alarm)
    if not told["alarms"]:
        state.console.print("no change was noticed")


def show_batches(state: Context, told: dict[str, Any]) -> None:
    """The days that say something, and the last."""
    table = Table("day", box=box.SIMPLE_HEAD)
    for name in ("prompts", "evidence"):
        table.add_column(name, justify="right")
    table.add_column("moved most")
    table.add_column("verdict")
    telling = [one for one in told["batches"][:-1] if one["verdict"] not in ("usual", "learned")]
    for one in (*telling[-_SHOWN:], *told["batches"][-1:]):
        table.add_row(one["batch"], str(one["prompts"]), f"{one['e_value']:,.1f}", _most(one["views"]), one["verdict"])
    state.console.print(table)
    state.console.print(f"{len(told['batches'])} batches; an alarm needs evidence of {told['threshold']:,.0f}")


def _most(views: dict[str, dict[str, float]]) -> str:
    """The views that are beyond their tolerance, the farthest first."""
    beyond = [(one["score"], name) for name, one in views.items() if one["score"] > one["tolerance"]]
    return ", ".join(f"{name} {score:.2f}" for score, name in sorted(beyond, reverse=True)) or "-"


def show_alarm(state: Context, alarm: dict[str, Any]) -> None:
    """What changed, and what shows it."""
    state.console.print(f"[bold]{escape(alarm['sentence'])}[/]", soft_wrap=True)
    for figure in alarm["evidence"]:
        state.console.print(
            f"  {escape(figure['name'])}: {escape(figure['before'])} -> {escape(figure['now'])}", soft_wrap=True
        )
    for example in alarm["examples"]:
        text = visible_line(example.get("prompt", ""), _LONGEST)
        state.console.print(f"  {escape(visible_line(example['id'], _LONGEST))}  {escape(text)}", soft_wrap=True)
