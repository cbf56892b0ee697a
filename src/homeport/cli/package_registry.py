"""`homeport package push` and `pull`: packages to registries and from wherever they are."""

from functools import partial
from typing import Annotated

import typer

from homeport import bootstrap
from homeport.cli.context import Context, Json, check_text
from homeport.cli.package import say_warning, tell
from homeport.cli.progress import ByteProgress
from homeport.packages.access import Access
from homeport.packages.base import Progress, SilentProgress
from homeport.packages.reference import parse_reference


def register(app: typer.Typer) -> None:
    app.command()(push)
    app.command()(pull)


def push(
    context: typer.Context,
    name: Annotated[str, typer.Argument(callback=check_text, help="A name from `homeport package list`.")],
    reference: Annotated[
        str, typer.Argument(callback=check_text, help="Where to, such as registry.example.org/models/smollm2:1.0.")
    ],
    json: Json = False,
) -> None:
    """Have a package in a registry; what is there already is not sent again.

    Example: homeport package push smollm2 registry.example.org/models/smollm2:1.0
    """
    state: Context = context.obj
    progress = progress_of(state, json=json)
    place = bootstrap.push_package(state.settings, state.home, name, reference, access_of(state), progress)
    if json:
        state.print_json({"reference": str(place), "digest": place.digest})
    else:
        state.console.print(f"{name} is at {place}", soft_wrap=True)


def pull(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            callback=check_text,
            help="A name under `packages:` in homeport.yaml, or a place such as "
            "registry.example.org/models/smollm2:1.0@sha256:...",
        ),
    ],
    json: Json = False,
) -> None:
    """Fetch a package, check it against what it is pinned by, and keep it.

    Example: homeport package pull smollm2
    """
    state: Context = context.obj
    progress = progress_of(state, json=json)
    warn, docker_config = partial(say_warning, state, json=json), state.environment.docker_config
    if "/" in name:
        place = parse_reference(name)
        package = bootstrap.pull_reference(state.settings, state.home, place, access_of(state), progress, warn)
    else:
        package = bootstrap.pull_package(state.settings, state.home, name, progress, warn, docker_config)
    tell(state, package, json=json)


def access_of(state: Context) -> Access:
    """Who we are to registries."""
    return bootstrap.access_of(state.settings, state.environment.docker_config)


def progress_of(state: Context, *, json: bool) -> Progress:
    """A bar, or nothing where a program reads what is printed."""
    return SilentProgress() if json else ByteProgress(state.console)
