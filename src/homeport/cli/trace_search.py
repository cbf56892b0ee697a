"""`homeport trace search`: requests by what was said in them."""

from typing import Annotated

import typer
from rich.text import Text

from homeport import bootstrap
from homeport.cli.context import Context, Json, check_text
from homeport.cli.trace_list import moment
from homeport.cli.trace_options import filtered
from homeport.inspection.visible import visible_line
from homeport.storage.ingest import ingest
from homeport.storage.request_filter import RequestFilter
from homeport.traces.search import MOST, Found
from homeport.traces.view import view

_LINE = 240


def register(app: typer.Typer) -> None:
    app.command("search")(filtered(search))


def search(
    context: typer.Context,
    wanted: RequestFilter,
    words: Annotated[list[str], typer.Argument(metavar="TEXT", help='Words, "phrases", beginnings*.')],
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="How many.")] = 20,
    before: Annotated[int, typer.Option(min=0, help="Go on before this place, as it was told.")] = 0,
    json: Json = False,
) -> None:
    """Find requests in whose prompts or answers all these words are; only what was kept whole can be found.

    Example: homeport trace search '"notice period" terminat*' --since 7d
    """
    state: Context = context.obj
    text = check_text(" ".join(words))
    engine = bootstrap.open_storage(state.settings, state.home)
    ingest(engine, state.home.journal)
    bootstrap.request_indexer(state.settings, state.home, engine).work()
    page = bootstrap.request_search(state.settings, state.home, engine).page(text, wanted, before=before, limit=limit)
    if json:
        found = [{**view(one.row), "snippet": one.snippet} for one in page.found]
        state.print_json({"requests": found, "next": page.next or None})
        return
    for one in page.found:
        _say(state, one)
    if not page.found and not page.next:
        state.console.print("Nothing was found.")
        if not state.settings.capture.enabled:
            state.console.print(Text("capture.enabled is off, so nothing is kept whole", style="dim"))
    if page.next:
        state.console.print(Text(f"more: --before {page.next}", style="dim"), soft_wrap=True)


def _say(state: Context, one: Found) -> None:
    row = one.row
    head = f"{row.request_id}  {moment(row.started_at)}  {row.project}  {row.target}"
    state.console.print(Text(visible_line(head, _LINE), style="bold"), soft_wrap=True)
    state.console.print(Text(f"  {visible_line(one.snippet, _LINE)}"), soft_wrap=True)
