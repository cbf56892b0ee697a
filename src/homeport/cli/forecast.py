"""`homeport forecast`: the bill at the end of the month."""

import time

import msgspec
import typer

from homeport import bootstrap
from homeport.cli.context import Context, Json, Project
from homeport.core.money import format_usd
from homeport.ledger.forecast import COVERAGE, MIN_DAYS, Forecast, Method, forecast_month
from homeport.storage.ingest import ingest

"""The same ledger at the same time has one forecast."""


def register(app: typer.Typer) -> None:
    app.command()(forecast)


def forecast(
    context: typer.Context,
    project: Project = "",
    json: Json = False,
) -> None:
    """The bill at the end of this month (UTC), with an interval it is in four times out of five.

    Example: homeport forecast --project acme/search
    """
    state: Context = context.obj
    engine = bootstrap.open_storage(state.settings, state.home)
    ingest(engine, state.home.journal)  # so that a request which ended just now is counted
    found = forecast_month(engine, time.time_ns(), project)
    if json:
        state.print_json(_plain(found))
    else:
        for line in _lines(found):
            state.console.print(line, markup=False, soft_wrap=True)


def _plain(found: Forecast) -> dict[str, object]:
    fields = msgspec.structs.asdict(found)
    for name in ("spent", "expected", "low", "high"):
        nanos = fields.pop(name)
        fields[f"{name}_nanodollars"] = nanos
        fields[f"{name}_usd"] = None if nanos is None else format_usd(nanos)
    return {**fields, "interval": COVERAGE}


def _lines(found: Forecast) -> list[str]:
    lines = [
        f"Month {found.month}{f', project {found.project}' if found.project else ''}",
        f"  spent     ${format_usd(found.spent)}",
        f"  expected  ${format_usd(found.expected)}",
    ]
    if found.low is not None and found.high is not None:
        lines.append(f"  between   ${format_usd(found.low)} and ${format_usd(found.high)} ({COVERAGE:.0%} of the time)")
    lines.append(f"  from      {found.method}, {found.days} whole days")
    if found.method is Method.EXTRAPOLATION:
        lines.append(f"  An interval needs {MIN_DAYS} whole days. Until then what was spent goes on at the same pace.")
    return lines
