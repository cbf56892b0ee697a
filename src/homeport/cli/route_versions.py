"""`homeport route versions` and `homeport route rollback`."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from homeport.cli.context import Context, Json
from homeport.core.errors import ConfigError
from homeport.routing.versions import Version, Versions


def register(app: typer.Typer) -> None:
    app.command()(versions)
    app.command()(rollback)


def open_versions(state: Context) -> Versions:
    """The router versions of the state folder."""
    return Versions(state.home.router, time.time_ns)


def versions(context: typer.Context, json: Json = False) -> None:
    """Every router version, and which of them decides.

    Example: homeport route versions
    """
    state: Context = context.obj
    kept = open_versions(state)
    current = kept.current().number
    if json:
        state.print_json([version_view(version, current) for version in kept.every()])
        return
    table = Table("", "version", "made", "from", "parts", "apgr", "note")
    for version in kept.every():
        reached = version.metrics.get("apgr")
        table.add_row(
            "->" if version.number == current else "",
            str(version.number),
            _moment(version) if version.number else "",
            str(version.parent) if version.number else "",
            ", ".join(part.removesuffix(".json") for part in version.parts),
            "" if reached is None else f"{reached:.3f}",
            escape(version.note),
        )
    state.console.print(table)


def rollback(
    context: typer.Context,
    number: Annotated[
        int | None,
        typer.Argument(min=0, help="Left out: the version that the current one was made from. 0: Homeport's own."),
    ] = None,
    json: Json = False,
) -> None:
    """Let another version decide. A running gateway takes it within seconds, and requests under way are not touched.

    Example: homeport route rollback 3
    """
    state: Context = context.obj
    kept = open_versions(state)
    if number is None:
        current = kept.current()
        if not current.number:
            raise ConfigError(
                "the router that comes with Homeport decides, and nothing is before it",
                code="router_version_unknown",
                hint="homeport route versions lists what there is",
            )
        number = current.parent
    before = kept.current().number
    used = kept.point(number)
    state.note("router.rollback", str(number), version=number, before=before)
    if json:
        state.print_json(version_view(used, used.number))
    else:
        state.console.print(f"router version {used.number} decides: {escape(used.note)}")


def version_view(version: Version, current: int) -> dict[str, Any]:
    """A version as JSON."""
    return {
        "version": version.number,
        "current": version.number == current,
        "created_at": _moment(version) if version.number else None,
        "parent": version.parent if version.number else None,
        "note": version.note,
        "parts": dict(version.parts),
        "metrics": dict(version.metrics),
    }


def _moment(version: Version) -> str:
    return datetime.fromtimestamp(version.created_at // 1_000_000_000, UTC).isoformat().replace("+00:00", "Z")
