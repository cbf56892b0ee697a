"""`homeport quality checks`: what each route is compared with, and the inputs that were asked again."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from homeport import bootstrap
from homeport.cli.context import Context, Json
from homeport.core.money import format_usd
from homeport.storage.baselines import Baseline, Check, checks_of, newest_baselines

_SECOND = 1_000_000_000
_NONE = "No route has a baseline yet: it begins with the first day of which outputs were measured (evaluation.enabled)."


def register(app: typer.Typer) -> None:
    app.command("checks")(checks)


def checks(context: typer.Context, json: Json = False) -> None:
    """What each route is compared with, and what came of asking the same inputs again.

    Example: homeport quality checks
    """
    state: Context = context.obj
    engine = bootstrap.open_storage(state.settings, state.home)
    rows = [(one, checks_of(engine, one, time.time_ns())) for _, one in sorted(newest_baselines(engine).items())]
    if json:
        state.print_json({"routes": [_plain(*row) for row in rows]})
    elif rows:
        state.console.print(_table(rows))
    else:
        state.console.print(_NONE)


def _plain(baseline: Baseline, found: Sequence[Check]) -> Mapping[str, Any]:
    return {**msgspec.structs.asdict(baseline), "checks": [msgspec.structs.asdict(check) for check in found]}


def _table(rows: Sequence[tuple[Baseline, Sequence[Check]]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("tier", "model", "baseline", "check"):
        table.add_column(heading, overflow="fold")
    for heading in ("asked", "graded", "worse", "better", "cost"):
        table.add_column(heading, justify="right", no_wrap=True)
    for baseline, found in rows:
        days = f"{_day(baseline.since)} to {_day(baseline.until)}"
        first = [escape(baseline.tier), escape(baseline.target), days]
        for check in found:
            figures = (check.asked, check.graded, check.worse, check.better)
            cost = f"${format_usd(check.cost)}"
            table.add_row(*first, _day(check.at), *(f"{figure:,}" for figure in figures), cost)
            first = ["", "", ""]
        if not found:
            table.add_row(*first, "none yet", *5 * ("-",))
    return table


def _day(at: int) -> str:
    return f"{datetime.fromtimestamp(at // _SECOND, UTC):%Y-%m-%d}"
