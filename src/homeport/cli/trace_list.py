"""`homeport trace list`: the requests there were, newest first."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from homeport import bootstrap
from homeport.cli.context import Context, Json, check_text
from homeport.cli.trace_options import filtered
from homeport.core.money import format_usd
from homeport.inspection.visible import visible_line
from homeport.storage.ingest import ingest
from homeport.storage.request_filter import RequestFilter
from homeport.storage.request_list import MOST, Page, list_requests, read_cursor
from homeport.storage.request_rows import RequestRow
from homeport.traces.view import view

_MOST_PAGES = 100
"""So many short pages are put together for one that is full."""


def register(app: typer.Typer) -> None:
    app.command("list")(filtered(list_))


def list_(
    context: typer.Context,
    wanted: RequestFilter,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="How many.")] = 20,
    after: Annotated[str, typer.Option(callback=check_text, help="Go on after this place, as it was told.")] = "",
    json: Json = False,
) -> None:
    """List requests, the newest first.

    Example: homeport trace list --since 1h --outcome failed
    """
    state: Context = context.obj
    engine = bootstrap.open_storage(state.settings, state.home)
    ingest(engine, state.home.journal)
    page = list_requests(engine, wanted, after=read_cursor(after) if after else None, limit=limit)
    for _ in range(_MOST_PAGES):
        if page.next is None or len(page.rows) >= limit:
            break
        more = list_requests(engine, wanted, after=page.next, limit=limit - len(page.rows))
        page = Page(rows=(*page.rows, *more.rows), next=more.next)
    following = None if page.next is None else str(page.next)
    if json:
        state.print_json({"requests": [view(row) for row in page.rows], "next": following})
    elif not page.rows:
        state.console.print("There is no such request.")
    else:
        state.console.print(table_of(page.rows))
        if following:
            state.console.print(Text(f"more: --after {following}", style="dim"), soft_wrap=True)


def table_of(rows: Iterable[RequestRow]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("request", "began (UTC)", "project", "model", "reason", "outcome"):
        table.add_column(heading, overflow="fold")
    for heading in ("tokens", "seconds", "cost $"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        words = (row.request_id, moment(row.started_at), row.project, row.target, row.reason, outcome_of(row))
        figures = (f"{row.input_tokens:,}+{row.output_tokens:,}", f"{row.latency_ns / 1e9:.2f}", format_usd(row.cost))
        table.add_row(*[Text(visible_line(word, 60)) for word in words], *figures)
    return table


def outcome_of(row: RequestRow) -> str:
    """How it ended, in a word or two."""
    cache = f" ({row.cache})" if row.cache not in ("", "miss") else ""
    return f"{row.outcome} {row.error}".rstrip() + cache


def moment(at: int) -> str:
    """Nanoseconds since the epoch as a person reads them, in UTC."""
    return datetime.fromtimestamp(at / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")
