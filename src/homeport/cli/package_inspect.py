"""`homeport package inspect`, `diff` and `export`: what is in a package."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from homeport.cli.context import Context, Json
from homeport.cli.progress import ByteProgress
from homeport.packages.base import SilentProgress
from homeport.packages.compare import Change, compare
from homeport.packages.contents import Contents
from homeport.packages.export import export as write_tree
from homeport.packages.layout import Store, not_pulled
from homeport.packages.verify import verify

_Reference = Annotated[str, typer.Argument(help="NAME, NAME:VERSION or NAME@sha256:..., of `homeport package list`.")]


def register(app: typer.Typer) -> None:
    app.command()(inspect)
    app.command()(diff)
    app.command()(export)


def inspect(context: typer.Context, name: _Reference, json: Json = False) -> None:
    """What a package says of itself, its files, what it was made from and its signatures.

    Example: homeport package inspect smollm2
    """
    state: Context = context.obj
    store = Store(state.home.packages)
    contents = _read(store, name)
    package = contents.package
    signatures = [signature.entry.digest for signature in store.signatures(package.digest)]
    if json:
        state.print_json(
            {
                "package": msgspec.to_builtins(package, enc_hook=str),
                "manifest": contents.manifest,
                "config": contents.config,
                "history": store.history(package.name),
                "signatures": signatures,
            }
        )
        return
    state.console.print(_said(contents, signatures))
    state.console.print(_layers(contents))


def diff(context: typer.Context, before: _Reference, after: _Reference, json: Json = False) -> None:
    """What changed between two packages: weights, template, prompts, suites and their results, profiles, licences.

    Example: homeport package diff smollm2:1.0.0 smollm2:1.1.0
    """
    state: Context = context.obj
    store = Store(state.home.packages)
    for name in (before, after):
        verify(store, name)
    changes = compare(_read(store, before), _read(store, after))
    if json:
        state.print_json(changes)
        return
    for change in changes:
        state.console.print(escape(_in_words(change)), soft_wrap=True)
        for line in change.detail:
            state.console.print(f"    {escape(_plain(line))}", soft_wrap=True)
    if not changes:
        state.console.print("They are the same, byte by byte.")


def export(
    context: typer.Context,
    name: _Reference,
    folder: Annotated[Path, typer.Argument(help="A folder that is not there yet, or is empty.")],
    json: Json = False,
) -> None:
    """Write the files of a package to a folder, each checked against its digest. Nothing is overwritten.

    Example: homeport package export smollm2 ./smollm2
    """
    state: Context = context.obj
    store = Store(state.home.packages)
    contents = _read(store, name)
    write_tree(store, contents, folder, SilentProgress() if json else ByteProgress(state.console))
    if json:
        state.print_json({"folder": str(folder), "files": [file.filepath for file in contents.package.files]})
    else:
        state.console.print(f"{len(contents.package.files)} files are in {folder}.", soft_wrap=True)


def _read(store: Store, name: str) -> Contents:
    contents = store.read(name)
    if contents is None:
        raise not_pulled(name)
    return contents


def _said(contents: Contents, signatures: list[str]) -> Table:
    package, lineage = contents.package, contents.package.lineage
    rows = {
        "package": f"{package.name} {package.version}",
        "description": package.description,
        "digest": package.digest,
        "vertical": package.vertical,
        "licences": ", ".join(package.licenses),
        "model": f"{package.family} {contents.config.config.param_size} {package.quantization}".strip(),
        "context": f"{package.context_length} tokens" if package.context_length else "",
        "weights from": package.source,
        "base": lineage.base,
        "dataset": lineage.dataset,
        "training run": lineage.run,
        "recipe": package.recipe,
        "signatures": ", ".join(signatures) or "none",
    }
    table = Table.grid(padding=(0, 2))
    for label, value in rows.items():
        if value:
            table.add_row(f"[dim]{label}[/]", escape(value))
    return table


def _layers(contents: Contents) -> Table:
    table = Table("role", "file", "bytes", "digest")
    for file in contents.package.files:
        table.add_row(file.role, escape(file.filepath), f"{file.size:,}", file.digest)
    return table


def _in_words(change: Change) -> str:
    if change.what == "renamed":
        return f"{change.part} {change.before} is called {change.after} now"
    if change.name:
        return f"{change.part} {change.name} is {change.what}"
    return f"{change.part}: {change.before or 'nothing'} -> {change.after or 'nothing'}"


def _plain(line: str) -> str:
    """A line of a stranger's file, without what a terminal could obey."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)
