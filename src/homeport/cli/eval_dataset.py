"""`homeport eval dataset`: requests that were kept whole as a dataset."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from homeport import bootstrap
from homeport.bootstrap.capture import body_store
from homeport.bootstrap.datasets import write_dataset
from homeport.cli.context import Context, Json
from homeport.cli.trace_options import filtered
from homeport.storage.ingest import ingest
from homeport.storage.request_filter import RequestFilter


def register(app: typer.Typer) -> None:
    app.command("dataset")(filtered(dataset))


def dataset(
    context: typer.Context,
    wanted: RequestFilter,
    out: Annotated[Path, typer.Option(help="The file to write; it must not be there yet.")],
    most: Annotated[int, typer.Option(min=1, max=100_000, help="So many of the newest.")] = 500,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    json: Json = False,
) -> None:
    """Make a dataset of requests that were kept whole, with their answers as references.

    What was asked twice is there once, with the newer answer. Requests with tools or more than text are left out.

    Example: homeport eval dataset --since 7d --tier frontier --out cases.jsonl
    """
    state: Context = context.obj
    engine = bootstrap.open_storage(state.settings, state.home)
    ingest(engine, state.home.journal)
    found = write_dataset(engine, body_store(state.settings, state.home), out, wanted, most, replace=force)
    if json:
        state.print_json({"file": str(out), **msgspec.to_builtins(found)})
        return
    state.console.print(f"{found.cases:,} cases are in {escape(str(out))}.", soft_wrap=True)
    if found.not_kept or found.unsuited:
        state.console.print(
            f"Left out: {found.not_kept:,} requests that were not kept whole (capture.enabled), "
            f"{found.unsuited:,} that make no case of their own."
        )
