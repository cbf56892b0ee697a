"""`homeport route fit`: a router version of one's own, from recorded answers."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from homeport.cli.context import Context, Json, check_text
from homeport.cli.estimates import cell, cells
from homeport.cli.route_versions import open_versions, version_view
from homeport.core.errors import ConfigError
from homeport.routing.refit import MARGIN, Refitted, refit
from homeport.routing.rows import Rows, read_rows


def register(app: typer.Typer) -> None:
    app.command()(fit)


def fit(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="Rows; .gz may be packed.")],
    weak: Annotated[str, typer.Option(help="The cheapest model, by its name in the rows.", callback=check_text)] = "",
    strong: Annotated[str, typer.Option(help="The dearest model.", callback=check_text)] = "",
    models: Annotated[
        str,
        typer.Option(help="Any number of models, as NAME,NAME,...; left out: all of the rows.", callback=check_text),
    ] = "",
    note: Annotated[str, typer.Option(help="What it is for; kept with the version.", callback=check_text)] = "",
    force: Annotated[bool, typer.Option("--force", help="Use it even if it is worse than the one in use.")] = False,
    json: Json = False,
) -> None:
    """Fit a router version on recorded answers of your own models, and use it if it is no worse than the one in use.

    A row is {"prompt", "models": {NAME: {"correct": 0 or 1}}, "split"}; nothing is fitted on the split `test`, and
    both versions are judged on it. Name models as your tiers or models are named in homeport.yaml.

    Example: homeport route fit answers.jsonl --models own-8b,gpt-4.1-mini,gpt-4.1
    """
    state: Context = context.obj
    rows = read_rows(file, _named(weak, strong, models))
    found = refit(open_versions(state), rows, note or f"fitted on {file.name[:80]}", force=force)
    if json:
        state.print_json(_plain(found, rows))
    else:
        _show(state, found, rows)


def _named(weak: str, strong: str, models: str) -> tuple[str, ...]:
    if (models and (weak or strong)) or bool(weak) != bool(strong):
        raise ConfigError(
            "models are named in one way", code="rows_invalid", hint="--weak NAME --strong NAME, or --models NAME,NAME"
        )
    return (weak, strong) if weak else tuple(name.strip() for name in models.split(",") if name.strip())


def _plain(found: Refitted, rows: Rows) -> dict[str, Any]:
    judgement = found.judgement
    return {
        **version_view(found.version, found.version.number if found.promoted else -1),
        "promoted": found.promoted,
        "configuration": found.fitted.configuration.name,
        "chosen_in_folds": found.fitted.validation.chosen,
        "models": dict(zip(rows.models, rows.means(), strict=True)),
        "judged_on": judgement.judged_on,
        "judged_rows": judgement.rows,
        "new": judgement.new,
        "in_use": judgement.current,
        "difference": judgement.difference,
        "margin": MARGIN,
    }


def _show(state: Context, found: Refitted, rows: Rows) -> None:
    judgement = found.judgement
    table = Table("", "APGR", "CPT50", "CPT80", box=box.SIMPLE_HEAD)
    table.add_row(f"version {found.version.number}", *cells(judgement.new))
    table.add_row(f"version {found.version.parent}, in use until now", *cells(judgement.current))
    table.add_row("difference", cell(judgement.difference, 3))
    means = ", ".join(f"{name} {mean:.3f}" for name, mean in zip(rows.models, rows.means(), strict=True))
    state.console.print(f"models, weakest first: {escape(means)}")
    state.console.print(
        f"{judgement.rows:,} rows, {judgement.judged_on}; fitted from {found.fitted.configuration.name}"
    )
    state.console.print(table)
    if found.promoted:
        state.console.print(f"version {found.version.number} decides from now on")
    else:
        state.console.print(
            f"version {found.version.number} is kept and not used: it may be more than {MARGIN} worse. "
            f"Bring more rows, or: homeport route rollback {found.version.number}"
        )
