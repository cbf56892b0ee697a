"""`homeport incidents`: what changed and is worth somebody's attention, and what people did about it."""

import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from homeport import bootstrap
from homeport.api.incidents import IncidentDetails, IncidentRegistry, detailed_view, incident_view
from homeport.cli.context import Context, Json
from homeport.core.incidents import Incident
from homeport.inspection.visible import shown, visible_line

app = typer.Typer(
    help="What changed: quality that fell, a model that is another, prompts that drifted; and what was done about it.",
    no_args_is_help=True,
)

_LONGEST = 400
_LONGEST_TEXT = 4_000

Id = Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id, from `homeport incidents list`.")]


@app.command("list")
def list_(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Those that are resolved too.")] = False,
    json: Json = False,
) -> None:
    """The incidents that are open, the newest first.

    Example: homeport incidents list
    """
    state: Context = context.obj
    registry = _registry(state)
    found = [*registry.open(), *(registry.resolved() if every else ())]
    if json:
        state.print_json([incident_view(one) for one in found])
    elif not found:
        state.console.print("No incident is open." if not every else "There was no incident.")
    else:
        state.console.print(_table(found))


@app.command()
def show(context: typer.Context, incident: Id, json: Json = False) -> None:
    """One incident: what changed, the evidence, what to do, and what was done.

    Example: homeport incidents show inc_0123456789abcdef01234567
    """
    state: Context = context.obj
    found = _registry(state).get(incident)
    if json:
        state.print_json(detailed_view(found))
    else:
        _print(state.console, detailed_view(found))


@app.command()
def acknowledge(context: typer.Context, incident: Id, json: Json = False) -> None:
    """Say that you look into it.

    Example: homeport incidents acknowledge inc_0123456789abcdef01234567
    """
    state: Context = context.obj
    _told(state, _registry(state).acknowledge(incident), json)


@app.command()
def resolve(
    context: typer.Context,
    incident: Id,
    reason: Annotated[str, typer.Option(help="Why it is over, in a sentence.")],
    json: Json = False,
) -> None:
    """Say that it is over, and why. What is found again later opens a new incident.

    Example: homeport incidents resolve inc_0123456789abcdef01234567 --reason "rolled back to version 3"
    """
    state: Context = context.obj
    _told(state, _registry(state).resolve(incident, reason), json)


@app.command()
def note(
    context: typer.Context,
    incident: Id,
    text: Annotated[str, typer.Argument(help="What you found, or did.")],
    json: Json = False,
) -> None:
    """Write something down.

    Example: homeport incidents note inc_0123456789abcdef01234567 "the provider says nothing changed"
    """
    state: Context = context.obj
    _told(state, _registry(state).note(incident, text), json)


def _registry(state: Context) -> IncidentRegistry:
    return bootstrap.incident_registry(bootstrap.open_storage(state.settings, state.home)).by(state.actor)


def _told(state: Context, changed: Incident, json: bool) -> None:
    if json:
        state.print_json(detailed_view(changed))
    else:
        state.console.print(f"{changed.id} is {changed.state}.")


def _table(found: list[Incident]) -> Table:
    table = Table("id", "state", "severity", "since", "what")
    for one in found:
        # A sentence may hold names that others chose: they are no markup, and no control characters.
        what = Text(visible_line(one.finding.sentence, _LONGEST))
        table.add_row(one.id, one.state, one.finding.severity, _time(one.finding.since / 1e9), what)
    return table


def _print(console: Console, view: IncidentDetails) -> None:
    def say(text: str) -> None:
        console.print(Text(shown(text, _LONGEST_TEXT)), soft_wrap=True)

    say(view.sentence)
    say(f"{view.kind} of {visible_line(view.subject, _LONGEST)}: {view.state}, {view.severity}")
    say(f"since {_time(view.since)}, found first {_time(view.opened_at)}, last {_time(view.seen_at)}")
    if view.e_value:
        say(f"evidence of a change: {view.e_value:,.4g}")
    if view.evidence:
        console.print(_evidence(view))
    for title, lines in (("routes", view.routes), ("requests", view.examples), ("what to do", _actions(view))):
        for place, line in enumerate(lines):
            say(f"{title if not place else '':<12}{visible_line(line, _LONGEST)}")
    for one in view.notes:
        text = f": {one.text}" if one.text else ""
        say(f"{_time(one.at)} {one.what} by {one.author or 'Homeport'}{text}")


def _evidence(view: IncidentDetails) -> Table:
    table = Table("figure", "before", "now")
    for one in view.evidence:
        table.add_row(*(Text(visible_line(text, _LONGEST)) for text in (one.name, one.before, one.now)))
    return table


def _actions(view: IncidentDetails) -> list[str]:
    return [": ".join(part for part in (one.text, one.command or one.page) if part) for one in view.actions]


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
