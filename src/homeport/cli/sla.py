"""`homeport sla`: how the objectives stand, and the month's report with credits."""

import sys
import time
from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from rich import box
from rich.table import Table
from sqlalchemy import Engine

from homeport import bootstrap
from homeport.cli.context import Context, Json
from homeport.cli.sla_formats import as_csv, as_json, as_markdown, milliseconds, percent
from homeport.core.errors import ConfigError, NotFound
from homeport.core.money import format_usd
from homeport.ledger.indicators import quantile_ns
from homeport.ledger.months import Month
from homeport.ledger.objectives import Indicator, Objective, objectives
from homeport.ledger.sla import Line, ObjectiveReport, Report
from homeport.ledger.sla import report as report_of
from homeport.ledger.standing import Watch, window_start
from homeport.storage.ingest import ingest
from homeport.storage.keys import list_keys
from homeport.storage.standings import Standing

app = typer.Typer(help="Service levels: how the objectives stand, and what is owed for a month.", no_args_is_help=True)


@app.command()
def status(context: typer.Context, json: Json = False) -> None:
    """How each objective stands now: what was kept, the error budget, burn rates, alerts.

    Example: homeport sla status
    """
    state: Context = context.obj
    stated, engine, now = _stated(state), _open(state), time.time_ns()
    rows = Watch(engine, stated).standings(now)
    by_name = {objective.name: objective for objective in stated}
    times = [_time(engine, by_name[row.objective], row.indicator, now) for row in rows]
    if json:
        state.print_json([_plain(row, by_name[row.objective], took) for row, took in zip(rows, times, strict=True)])
    else:
        state.console.print(_status_table(rows, by_name, times))


@app.command()
def report(
    context: typer.Context,
    month: Annotated[str | None, typer.Option(help="Such as 2026-10, in UTC. Left out: the month before this.")] = None,
    key: Annotated[str | None, typer.Option(help="Only this key: its id, or its name.")] = None,
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one line for each objective and key.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, to send to a customer.")] = False,
) -> None:
    """What each key got in a calendar month, against what was promised, and the credit it is owed.

    Example: homeport sla report --month 2026-10 --markdown
    """
    state: Context = context.obj
    if json + csv + markdown > 1:
        raise ConfigError("a report has one format", code="format_ambiguous", hint="--json, --csv or --markdown")
    stated, now = _stated(state), time.time_ns()
    wanted = _month(month, now)
    engine = _open(state)
    names = {stored.key.id: stored.key.name for stored in list_keys(engine)}
    found = report_of(engine, stated, wanted, now, key_ids=_ids(names, key))
    if json:
        state.print_json(as_json(found, names))
    elif csv or markdown:
        sys.stdout.write(as_csv(found, names) if csv else as_markdown(found, names))
    else:
        _print_report(state, found, names)


def _stated(state: Context) -> tuple[Objective, ...]:
    stated = objectives(state.settings)
    if not stated:
        raise ConfigError(
            "the configuration states no objectives",
            code="slo_missing",
            hint="add a section `slo:`; docs/how-to/state-an-slo.md shows one",
        )
    return stated


def _open(state: Context) -> Engine:
    engine = bootstrap.open_storage(state.settings, state.home)
    ingest(engine, state.home.journal)  # so that a request which ended just now is counted
    return engine


def _month(text: str | None, now: int) -> Month:
    current = Month.at(now)
    month = current.plus(-1) if text is None else Month.parse(text)
    if month > current:
        raise ConfigError(f"{month} has not begun", code="month_invalid", hint=f"up to {current}")
    return month


def _ids(names: dict[str, str], key: str | None) -> list[str]:
    if key is None:
        return []
    ids = [key_id for key_id, name in names.items() if key in {key_id, name}]
    if not ids:
        raise NotFound(f"no key has the id or the name {key!r}", code="key_unknown", hint="homeport keys list")
    return ids


def _time(engine: Engine, objective: Objective, indicator: str, now: int) -> int | None:
    return quantile_ns(engine, objective, Indicator(indicator), window_start(objective, now), now)


def _plain(row: Standing, objective: Objective, took: int | None) -> dict[str, object]:
    promise = objective.promises[Indicator(row.indicator)]
    fields = msgspec.structs.asdict(row)
    times = {"within_ns": promise.within_ns, "quantile_ns": took} if promise.within_ns else {}
    return {**fields, "bad": row.valid - row.good, "window": objective.window, **times}


def _table(*headings: str, left: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place < left else "right", no_wrap=place >= left, overflow="fold")
    return table


def _status_table(rows: Sequence[Standing], by_name: dict[str, Objective], times: Sequence[int | None]) -> Table:
    shown = ("5m", "1h", "6h", "3d")
    headings = ("objective", "indicator", "window", "promised", "kept", "took", "bad", "of", "budget left")
    table = _table(*headings, *(f"burn {name}" for name in shown), "alert", left=3)
    for row, took in zip(rows, times, strict=True):
        objective = by_name[row.objective]
        within = objective.promises[Indicator(row.indicator)].within_ns
        table.add_row(
            row.objective,
            row.indicator,
            objective.window,
            percent(row.target) + (f" in {milliseconds(within)}" if within else ""),
            percent(row.ratio),
            milliseconds(took),
            f"{row.valid - row.good:,}",
            f"{row.valid:,}",
            percent(row.budget_left),
            *(f"{row.burn[name]:.1f}" for name in shown),
            f"[red]{', '.join(row.firing)}[/]" if row.firing else "-",
        )
    return table


def _print_report(state: Context, found: Report, names: dict[str, str]) -> None:
    so_far = "" if found.complete else ", so far"
    state.console.print(f"Service levels of {found.month} (UTC){so_far}")
    for part in found.objectives:
        state.console.print(f"\n[bold]{part.objective.name}[/]  {_promises(part)}")
        table = _table("key", "name", "requests", *part.objective.promises, "cost $", "credit", "credit $", left=2)
        for line in part.lines:
            table.add_row(*_cells(line, part, names))
        state.console.print(table)
    table = _table("key", "name", "cost $", "credit $", left=2)
    for key in found.keys:
        table.add_row(key.key_id, names.get(key.key_id, ""), format_usd(key.cost), format_usd(key.credit))
    state.console.print("[bold]All objectives together[/]", table, sep="\n")


def _promises(part: ObjectiveReport) -> str:
    texts = []
    for indicator, promise in part.objective.promises.items():
        time_bound = f" in {milliseconds(promise.within_ns)}" if promise.within_ns else ""
        took = part.quantiles[indicator]
        kept = percent(part.tallies[indicator].ratio) + (f", {milliseconds(took)}" if took is not None else "")
        texts.append(f"{indicator} {percent(promise.share / 1e6)}{time_bound} (kept: {kept})")
    return "; ".join(texts)


def _cells(line: Line, part: ObjectiveReport, names: dict[str, str]) -> tuple[str, ...]:
    got = line.got
    kept = (percent(got.tallies[indicator].ratio) for indicator in part.objective.promises)
    paid = (format_usd(got.cost), f"{line.percent} %", format_usd(line.credit))
    return (got.key_id, names.get(got.key_id, ""), f"{got.requests:,}", *kept, *paid)
