"""`homeport ledger`: is it as it was written, and a copy of it for other programs."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from homeport import bootstrap
from homeport.cli.context import Context, Json, check_text
from homeport.core.errors import ConfigError
from homeport.ledger.export import FORMATS, export
from homeport.ledger.moments import moment_ns
from homeport.ledger.verification import Finding, Verification
from homeport.storage.ingest import ingest

app = typer.Typer(help="The ledger: check it, export it.", no_args_is_help=True)

_MOST_TOLD = 1_000


@app.command()
def verify(
    context: typer.Context,
    project: Annotated[str, typer.Option(callback=check_text, help="Only this project.")] = "",
    json: Json = False,
) -> None:
    """Read every row and tell which were changed, removed or put in. Exit code 1 if any was.

    Example: homeport ledger verify
    """
    state: Context = context.obj
    reading = Verification(bootstrap.open_storage(state.settings, state.home), project)
    findings = reading.findings()
    if json:
        told = list(islice(findings, _MOST_TOLD))
        more = sum(1 for _ in findings)
        state.print_json(
            {
                "ok": not told,
                "rows": reading.rows,
                "findings": told,
                "further_findings": more,
                "heads": [{"project": name, **msgspec.to_builtins(head)} for name, head in reading.heads.items()],
            }
        )
        found = bool(told)
    else:
        found = _tell(state, findings)
        words = "not as they were written" if found else "as they were written"
        state.console.print(f"{reading.rows:,} rows in {len(reading.heads):,} projects: {words}.")
    if found:
        raise typer.Exit(1)


def _tell(state: Context, findings: Iterator[Finding]) -> bool:
    found = False
    for finding in findings:
        found = True
        row = f" {finding.request_id}" if finding.request_id else ""
        place = f" at {finding.sequence} of project" if finding.sequence else " in project"
        note = f": {finding.note}" if finding.note else ""
        line = f"{finding.what.value}{row}{place} {finding.project}{note}"
        state.console.print(escape(line), soft_wrap=True)
    return found


@app.command("export")
def export_(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="The file to write; it must not be there yet.")],
    kind: Annotated[str, typer.Option("--format", help=f"One of: {', '.join(FORMATS)}.")] = "csv",
    since: Annotated[str | None, typer.Option(help="From this day or time in UTC, such as 2026-11-01.")] = None,
    until: Annotated[str | None, typer.Option(help="To just before this day or time in UTC.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    json: Json = False,
) -> None:
    """Write the rows of a time to a file: CSV, Parquet, or the hours as FOCUS cost and usage.

    Example: homeport ledger export --format csv --since 2026-11-01 --until 2026-12-01 --out november.csv
    """
    state: Context = context.obj
    if kind not in FORMATS:
        raise ConfigError(
            f"{kind[:64]!r} is no format of an export", code="format_unknown", hint=f"use: {', '.join(FORMATS)}"
        )
    start, end = moment_ns(since, "since"), moment_ns(until, "until")
    if start is not None and end is not None and start >= end:
        raise ConfigError(
            "no time is between --since and --until", code="period_invalid", hint="--since before --until"
        )
    engine = bootstrap.open_storage(state.settings, state.home)
    ingest(engine, state.home.journal)
    rows = export(engine, kind, out, since_ns=start, until_ns=end, replace=force)
    if json:
        state.print_json({"format": kind, "file": str(out), "rows": rows})
    else:
        state.console.print(f"{rows:,} rows are in {escape(str(out))}.", soft_wrap=True)
