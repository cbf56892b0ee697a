"""`homeport drift check`: what is known of audited models."""

import time
from typing import Annotated, Any

import msgspec
import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from homeport import bootstrap
from homeport.cli.context import Context, Json, check_text
from homeport.cli.drift_probe import audited
from homeport.drift.baselines import archives
from homeport.drift.detectors import ALPHA
from homeport.drift.severity import Replayed
from homeport.drift.standing import Known, together
from homeport.inspection.visible import visible_line
from homeport.jobs.probing import standing

_SHOWN = 80


def register(app: typer.Typer) -> None:
    app.command("check")(check)


def check(
    context: typer.Context,
    name: Annotated[str, typer.Argument(callback=check_text, help="A model; left out, all that are audited.")] = "",
    alpha: Annotated[
        float, typer.Option(min=1e-9, max=0.1, help="False alarms: one in 1/alpha batches at most, on average.")
    ] = ALPHA,
    json: Json = False,
) -> None:
    """Say whether audited models are the same as before. Ends with 1 where one was changed.

    A change counts until its incident is resolved, or another baseline is made.

    Example: homeport drift check --json
    """
    state: Context = context.obj
    found = _known(state, name, alpha)
    changed = together(found)
    if json:
        state.print_json({"models": [_plain(one) for one in found], "changed_together": changed})
    else:
        _show(state, found, changed)
    if any(one.changed for one in found):
        raise typer.Exit(1)


def _known(state: Context, name: str, alpha: float) -> list[Known]:
    pairs = (
        [audited(state, name)] if name else [(one, made) for one in archives(state.home.drift) if (made := one.read())]
    )
    if not pairs:
        return []
    engine = bootstrap.open_storage(state.settings, state.home)
    now = time.time_ns()
    return [standing(engine, pair, bootstrap.routes_to(state.settings, pair[1].name), alpha, now) for pair in pairs]


def _plain(one: Known) -> dict[str, Any]:
    batches = one.told["batches"] if one.told else []
    return {
        "model": one.baseline.name,
        "changed": one.changed,
        "method": one.baseline.method.value,
        "probes": len(one.baseline.probes),
        "tokens_a_batch": one.baseline.batch_tokens,
        "batches": len(batches),
        "last": batches[-1] if batches else None,
        "tolerance": one.told["tolerance"] if one.told else None,
        "e_value": one.e_value,
        "alarms": list(one.alarms),
        "bursts": [msgspec.to_builtins(looked) for looked in one.looked],
        "signals": [msgspec.to_builtins(signal) for signal in one.signals],
        "asked_again": [_replayed(replay) for replay in one.replays],
        "warnings": one.told["warnings"] if one.told else ["no batch was asked yet"],
    }


def _replayed(replay: Replayed) -> dict[str, Any]:
    by = replay.difference
    return {
        "route": str(replay.route),
        "inputs": replay.graded,
        "worse": replay.worse,
        "better": replay.better,
        "difference": {"value": by.value, "low": by.low, "high": by.high},
        "says": replay.turn.value,
    }


def _show(state: Context, found: list[Known], changed: tuple[str, ...]) -> None:
    table = Table("model", "probes by", box=box.SIMPLE_HEAD)
    for title in ("batches", "score", "tolerance", "evidence"):
        table.add_column(title, justify="right")
    table.add_column("says")
    for one in found:
        plain = _plain(one)
        last: dict[str, Any] = plain["last"] or {}
        figures = ("-" if last.get(key) is None else f"{last[key]:.3f}" for key in ("score", "tolerance"))
        says = "CHANGED" if one.changed else last.get("verdict", "nothing was asked yet")
        told = (visible_line(plain["model"], _SHOWN), plain["method"], str(plain["batches"]))
        table.add_row(*map(escape, told), *figures, f"{last.get('e_value', 1.0):,.1f}", says)
    state.console.print(table)
    for one in found:
        for line in _lines(one):
            state.console.print(line, markup=False)
    if len(found) > 1:
        text = ", ".join(visible_line(name, _SHOWN) for name in changed) or "none"
        state.console.print(f"changed, by all models judged together: {text}", markup=False)


def _lines(one: Known) -> list[str]:
    name = visible_line(one.baseline.name, _SHOWN)
    lines = [f"{name}: changed since {alarm['since']}, noticed at {alarm['batch']}" for alarm in one.alarms]
    lines += [f"{name}: a burst of {len(looked.mismatches)} says: {looked.verdict.value}" for looked in one.looked]
    for replay in one.replays:
        counts = f"of {replay.graded} inputs asked again {replay.worse} are worse, {replay.better} better"
        lines.append(f"{name}, {visible_line(str(replay.route), _SHOWN)}: {counts}: {replay.turn.value}")
    for signal in one.signals:
        before, now = (visible_line(text, _SHOWN) for text in (signal.before, signal.now))
        lines.append(f"{name}: {signal.name} was {before}, is {now} since {signal.since}")
    return lines
