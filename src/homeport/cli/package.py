"""`homeport package`: the models this machine holds."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from homeport import bootstrap
from homeport.cli import package_sign
from homeport.cli.context import Context, Json
from homeport.cli.package_sign import only_key, say_signers
from homeport.cli.progress import ByteProgress
from homeport.packages.base import StoredPackage
from homeport.packages.layout import Store

app = typer.Typer(help="Pull, push, list, sign and verify model packages.", no_args_is_help=True)
package_sign.register(app)


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """The packages in the store, with all their versions.

    Example: homeport package list
    """
    state: Context = context.obj
    store = Store(state.home.packages)
    in_use = store.list()
    rows = [(package, package.digest == used.digest) for used in in_use for package in _versions(store, used)]
    if json:
        state.print_json([{**_plain(package), "in_use": used} for package, used in rows])
        return
    table = Table("name", "version", "in use", "family", "quantization", "MB", "digest")
    for package, used in rows:
        size, mark = f"{package.size / 1e6:,.1f}", "yes" if used else ""
        table.add_row(package.name, package.version, mark, package.family, package.quantization, size, package.digest)
    state.console.print(table)


@app.command()
def verify(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A name from `homeport package list`.")],
    key: Annotated[
        Path | None,
        typer.Option("--key", help="Ask for a signature by this public key, whatever the section `trust` says."),
    ] = None,
    json: Json = False,
) -> None:
    """Recompute every digest of a package, and say who signed it; a flipped bit or a bad signature is an error.

    Example: homeport package verify smollm2
    """
    state: Context = context.obj
    started = time.monotonic()
    policy = bootstrap.trust_policy(state.settings) if key is None else only_key(key)
    progress = None if json else ByteProgress(state.console)
    package, verdict = bootstrap.check_package(policy, state.home, name, progress)
    if json:
        state.print_json({**_plain(package), "signers": verdict.signers, "warning": verdict.warning})
        return
    tell(state, package, json=False)
    state.console.print(f"Every byte is what was pinned ({time.monotonic() - started:.2f} s).")
    state.console.print(say_signers(verdict.signers))
    say_warning(state, verdict.warning)


def say_warning(state: Context, warning: str, *, json: bool = False) -> None:
    """Say what somebody should know of a package; nothing where a program reads what is printed."""
    if warning and not json:
        state.console.print(f"[yellow]warning[/] {escape(warning)}", soft_wrap=True)


def tell(state: Context, package: StoredPackage, *, json: bool) -> None:
    """Say what a command did to a package."""
    if json:
        state.print_json(_plain(package))
    else:
        state.console.print(f"{package.name} {package.version}  {package.size / 1e6:.1f} MB  {package.digest}")


def _versions(store: Store, used: StoredPackage) -> Iterator[StoredPackage]:
    for reference in store.versions(used.name):
        package = store.get(reference)
        if package is not None:
            yield package


def _plain(package: StoredPackage) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(package, enc_hook=str)
    return fields
