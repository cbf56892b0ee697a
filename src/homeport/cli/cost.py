"""`homeport cost`: what was spent."""

import time
from typing import Annotated

import msgspec
import typer
from rich import box
from rich.table import Table

from homeport import bootstrap
from homeport.cli.context import Context, Json
from homeport.cli.spans import seconds_of
from homeport.core.errors import ConfigError
from homeport.core.money import format_usd
from homeport.ledger.reports import GROUPS, Spend, spend
from homeport.storage.ingest import ingest


def register(app: typer.Typer) -> None:
    app.command()(cost)


def cost(
    context: typer.Context,
    by: Annotated[str, typer.Option(help=f"Group by: {', '.join(GROUPS)}.")] = "tier",
    since: Annotated[str | None, typer.Option(help="Only the last 30m, 24h, 7d, ...")] = None,
    json: Json = False,
) -> None:
    """Requests, tokens and cost, from every request the gateway has finished.

    Example: homeport cost --by model --since 24h
    """
    state: Context = context.obj
    if by not in GROUPS:
        raise ConfigError(f"cannot group by {by!r}", code="group_unknown", hint=f"use: {', '.join(GROUPS)}")
    since_ns = _since(since)
    engine = bootstrap.open_storage(state.settings, state.home)
    ingest(engine, state.home.journal)  # so that a request which ended just now is counted
    (total,) = spend(engine, since_ns=since_ns)
    groups = spend(engine, by=by, since_ns=since_ns)
    if json:
        state.print_json({**_plain(total), "by": by, "groups": [_plain(group) for group in groups]})
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(by, overflow="fold")
    for heading in ("requests", "tokens in", "tokens out", "mean s", "cost $", "$ a query"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in (*groups, total):
        table.add_row(
            row.group or "(none)",
            f"{row.requests:,}",
            f"{row.input_tokens:,}",
            f"{row.output_tokens:,}",
            f"{row.mean_latency_ns / 1e9:.2f}",
            format_usd(row.cost),
            format_usd(row.cost // row.requests) if row.requests else "-",
            end_section=row is groups[-1] if groups else False,
        )
    state.console.print(table)


def _plain(row: Spend) -> dict[str, object]:
    fields = msgspec.structs.asdict(row)
    nanodollars = fields.pop("cost")
    return {**fields, "cost_nanodollars": nanodollars, "cost_usd": format_usd(nanodollars)}


def _since(text: str | None) -> int:
    if text is None:
        return 0
    seconds = seconds_of(text)
    if seconds is None:
        raise ConfigError(f"{text!r} is not a span of time", code="since_invalid", hint="write 30m, 24h or 7d")
    return time.time_ns() - seconds * 1_000_000_000
