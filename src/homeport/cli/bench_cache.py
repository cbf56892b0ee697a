"""`homeport bench cache`: what a semantic cache would serve of labelled pairs of texts, right and wrong."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from homeport.cache.measure import Counts, Measured, measure, read_pairs
from homeport.cli.context import Context, Json
from homeport.embeddings.choose import Model, open_embedder


def register(app: typer.Typer) -> None:
    app.command()(cache)


def cache(
    context: typer.Context,
    pairs: Annotated[Path, typer.Option(help="Labelled pairs: JSON lines of {a, b, same_answer, category}.")],
    embedder: Annotated[Model, typer.Option(help="What turns texts into vectors.")] = Model.STATIC,
    json: Json = False,
) -> None:
    """Say what a semantic cache serves of pairs of texts, where b was answered before and a is asked now.

    hit_rate is the share of pairs with the same answer that are served, wrong_serve_rate the share of pairs with
    different answers that are served, both with 95 % intervals; plain is what cosine >= 0.95 alone would serve.

    Example: homeport bench cache --pairs pairs.jsonl --json
    """
    state: Context = context.obj
    rows = read_pairs(pairs)
    model = open_embedder(embedder, state.environment.home)
    measured = measure(rows, model)
    if json:
        state.print_json(
            {**msgspec.to_builtins(measured), "pairs": len(rows), "embedder": model.name},
        )
        return
    state.console.print(_table(measured))
    state.console.print(f"{len(rows):,} {'pair' if len(rows) == 1 else 'pairs'}, {model.name}")


def _table(measured: Mapping[str, Measured]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("category")
    for mode in measured:
        table.add_column(f"{mode}: served")
        table.add_column("served wrong")
    table.add_row("all", *(cell for counts in measured.values() for cell in _cells(counts)))
    for category in next(iter(measured.values())).by_category:
        counted = (result.by_category[category] for result in measured.values())
        table.add_row(escape(category), *(cell for counts in counted for cell in _cells(counts)))
    return table


def _cells(counts: Counts) -> tuple[str, str]:
    return (
        _told(counts.hit_rate, counts.hit_interval, counts.same_answer),
        _told(counts.wrong_serve_rate, counts.wrong_serve_interval, counts.different_answer),
    )


def _told(rate: float | None, interval: tuple[float, float], of: int) -> str:
    return "" if rate is None else f"{rate:.1%} ({interval[0]:.1%}-{interval[1]:.1%}) of {of}"
