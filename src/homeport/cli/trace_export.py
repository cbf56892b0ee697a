"""`homeport trace export`: requests for other programs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from homeport import bootstrap
from homeport.bootstrap.capture import body_store
from homeport.cli.context import Context, Json
from homeport.cli.trace_options import filtered
from homeport.core.errors import ConfigError
from homeport.storage.ingest import ingest
from homeport.storage.request_filter import RequestFilter
from homeport.traces.export import FORMATS, export_requests


def register(app: typer.Typer) -> None:
    app.command("export")(filtered(export))


def export(
    context: typer.Context,
    wanted: RequestFilter,
    out: Annotated[Path, typer.Option(help="The file to write; it must not be there yet.")],
    kind: Annotated[str, typer.Option("--format", help=f"One of: {', '.join(FORMATS)}.")] = "jsonl",
    content: Annotated[
        bool, typer.Option("--content", help="With what was said, of requests that were kept whole.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    json: Json = False,
) -> None:
    """Write requests to a file that its owner alone can read, the oldest first: JSON lines or Parquet.

    Example: homeport trace export --since 7d --project acme/search --content --out week.jsonl
    """
    state: Context = context.obj
    if kind not in FORMATS:
        raise ConfigError(
            f"{kind[:64]!r} is no format of an export", code="format_unknown", hint=f"use: {', '.join(FORMATS)}"
        )
    engine = bootstrap.open_storage(state.settings, state.home)
    ingest(engine, state.home.journal)
    bodies = body_store(state.settings, state.home) if content else None
    rows = export_requests(engine, bodies, kind, out, wanted, replace=force)
    if json:
        state.print_json({"format": kind, "file": str(out), "requests": rows})
    else:
        state.console.print(f"{rows:,} requests are in {escape(str(out))}.", soft_wrap=True)
