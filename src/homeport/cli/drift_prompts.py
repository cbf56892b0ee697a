"""`homeport drift prompts`: is what is asked what was asked before?"""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from homeport import bootstrap
from homeport.cli.context import Context, Json
from homeport.drift.prompt_replay import plain_watch, replay_prompts
from homeport.drift.prompts import ALPHA
from homeport.embeddings.static import StaticEmbedder
from homeport.inspection.visible import visible_line
from homeport.jobs.inputs import standing
from homeport.storage.inputs import known_projects

_SHOWN = 12
_LONGEST = 160
_NOTHING = (
    "No prompt was looked at: evaluation.prompt_drift.enabled switches it on, with evaluation and capture; "
    "a day is looked at an hour after its end."
)


def register(app: typer.Typer) -> None:
    app.command()(prompts)


def prompts(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="A recording: JSON lines of what was asked. Left out: what is asked here.")
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(min=1e-9, max=0.1, help="False alarms: one in 1/alpha days at most, on average."),
    ] = None,
    json: Json = False,
) -> None:
    """Say from which day on prompts are not those of before, what changed, and which of them show it.

    A line of a recording: {"day": "2026-03-01", "prompt": "May we end it early?"}, and "id" where you want to find it
    again. The first seven days are only learned from. Without a recording, each project's prompts are judged since
    its last such incident was resolved, where evaluation.prompt_drift is on.

    Example: homeport drift prompts asked.jsonl --json
    """
    state: Context = context.obj
    if file is None:
        _standing(state, alpha, json)
        return
    told = replay_prompts(file, bootstrap.recording_reader(state.home), ALPHA if alpha is None else alpha)
    if json:
        state.print_json(told)
    else:
        _show(state, told)


def _standing(state: Context, alpha: float | None, json: bool) -> None:
    engine = bootstrap.open_storage(state.settings, state.home)
    rate = state.settings.evaluation.prompt_drift.alpha if alpha is None else alpha
    told = [
        {"project": name, **plain_watch(standing(engine, name, StaticEmbedder.name, rate), rate, {})}
        for name in known_projects(engine)
    ]
    if json:
        state.print_json({"projects": told})
    elif not told:
        state.console.print(_NOTHING)
    for one in () if json else told:
        state.console.print(f"[bold]{escape(one['project'])}[/]")
        _show(state, {"warnings": (), **one})


def _show(state: Context, told: dict[str, Any]) -> None:
    for warning in told["warnings"]:
        state.console.print(f"[yellow]warning[/] {warning}")
    if told["batches"]:
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
