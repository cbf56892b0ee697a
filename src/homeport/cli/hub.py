"""`homeport hub`: packages that others publish, by the trade they are for."""

from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from homeport import bootstrap
from homeport.cli.context import Context, Json, check_text
from homeport.cli.package import say_warning, tell
from homeport.cli.package_registry import access_of, progress_of
from homeport.cli.package_sign import PasswordFile, read_signing_key
from homeport.packages.hub import HubEntry
from homeport.packages.hubs import Hubs
from homeport.packages.key_files import read_public_file
from homeport.packages.signing import TrustedKey

app = typer.Typer(help="Search, pull and publish packages of hubs.", no_args_is_help=True)

HubName = Annotated[str, typer.Argument(callback=check_text, help="The hub's own name.")]
OnlyHub = Annotated[str, typer.Option("--hub", callback=check_text, help="Only this hub.")]


@app.command()
def add(
    context: typer.Context,
    name: HubName,
    reference: Annotated[
        str, typer.Argument(callback=check_text, help="Where its index is, such as registry.example.org/legal/index:1.")
    ],
    key: Annotated[list[Path], typer.Option("--key", help="A public key that may sign the index. May be repeated.")],
    json: Json = False,
) -> None:
    """Trust the index of a hub, signed by one of these keys. Again with other keys: those count from then on.

    Example: homeport hub add legal registry.example.org/legal/index:1 --key consortium.key.pub
    """
    state: Context = context.obj
    keys = [TrustedKey(name=file.name.removesuffix(".pub"), key=read_public_file(file)) for file in key]
    index = bootstrap.add_hub(state.home, name, reference, keys, access_of(state))
    packages = len(index.entries) if index else 0
    if json:
        state.print_json({"name": name, "reference": reference, "packages": packages})
    else:
        state.console.print(f"{name} is trusted: {packages} packages" if index else f"{name} is trusted, and is empty")


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """The hubs that are trusted.

    Example: homeport hub list
    """
    state: Context = context.obj
    hubs = Hubs(state.home.hubs).all()
    rows = [
        {"name": hub.name, "reference": str(hub.place), "serial": hub.serial, "keys": [key.name for key in hub.keys]}
        for hub in hubs
    ]
    if json:
        state.print_json(rows)
        return
    table = Table("name", "reference", "index", "keys")
    for hub in hubs:
        table.add_row(hub.name, str(hub.place), str(hub.serial or "-"), ", ".join(key.name for key in hub.keys))
    state.console.print(table)


@app.command()
def remove(context: typer.Context, name: HubName) -> None:
    """Trust a hub no longer; what was pulled stays.

    Example: homeport hub remove legal
    """
    state: Context = context.obj
    Hubs(state.home.hubs).remove(name)
    state.console.print(f"{name} is not trusted any more")


@app.command()
def search(
    context: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(help="Words that name, description, vertical or licence have.")
    ] = None,
    vertical: Annotated[
        str, typer.Option(callback=check_text, help="Only for this trade: legal, medical, coding, support, general ...")
    ] = "",
    hub: OnlyHub = "",
    json: Json = False,
) -> None:
    """The packages of the trusted hubs that have all these words.

    Example: homeport hub search contract --vertical legal
    """
    state: Context = context.obj
    found = bootstrap.search_hubs(state.home, words or (), vertical, hub, access_of(state))
    if json:
        state.print_json([{"hub": name, **msgspec.to_builtins(entry)} for name, entry in found])
        return
    table = Table("hub", "package", "vertical", "licence", "MB", "suite", "description")
    for name, entry in found:
        cells = (name, f"{entry.name}:{entry.version}", entry.vertical, ", ".join(entry.licenses))
        table.add_row(*map(escape, (*cells, f"{entry.size / 1e6:,.1f}", _score(entry), entry.description)))
    state.console.print(table)


@app.command()
def pull(
    context: typer.Context,
    name: Annotated[str, typer.Argument(callback=check_text, help="NAME or NAME:VERSION, from `homeport hub search`.")],
    hub: OnlyHub = "",
    json: Json = False,
) -> None:
    """Fetch a package of a hub: the very one that its signed index names.

    Example: homeport hub pull legal-4b
    """
    state: Context = context.obj
    progress, warn = progress_of(state, json=json), partial(say_warning, state, json=json)
    tell(
        state,
        bootstrap.pull_from_hub(state.settings, state.home, name, hub, access_of(state), progress, warn),
        json=json,
    )


@app.command()
def publish(
    context: typer.Context,
    name: Annotated[str, typer.Argument(callback=check_text, help="A name from `homeport package list`.")],
    hub: Annotated[str, typer.Option("--hub", callback=check_text, help="The hub, from `homeport hub list`.")],
    key: Annotated[Path, typer.Option("--key", help="The private key that signs the index.")],
    description: Annotated[str, typer.Option(callback=check_text, help="What it is good for, in a sentence.")] = "",
    vertical: Annotated[
        str, typer.Option(callback=check_text, help="The trade it is for. Left out: what the package says, or general.")
    ] = "",
    to: Annotated[
        str, typer.Option(callback=check_text, help="Where the package goes. Left out: beside the index.")
    ] = "",
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """Push a package and add it to the index of a hub. Refused where somebody else publishes in the same moment.

    Example: homeport hub publish legal-4b --hub legal --key consortium.key --description "Contract review"
    """
    state: Context = context.obj
    offer = bootstrap.Offer(name=name, description=description, vertical=vertical, to=to)
    signing, progress = read_signing_key(key, password_file), progress_of(state, json=json)
    entry = bootstrap.publish_package(state.settings, state.home, hub, offer, signing, access_of(state), progress)
    if json:
        state.print_json(msgspec.to_builtins(entry))
    else:
        state.console.print(f"{entry.name} {entry.version} is published: {entry.reference}", soft_wrap=True)


def _score(entry: HubEntry) -> str:
    score = entry.score
    return f"{score.hits}/{score.of} [{score.low:.2f}, {score.high:.2f}]" if score else ""
