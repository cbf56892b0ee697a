"""`homeport package build`, and which of a package's versions is in use."""

from pathlib import Path
from typing import Annotated

import typer

from homeport import bootstrap
from homeport.cli.context import Context, Json
from homeport.cli.package import say_warning, tell
from homeport.cli.package_registry import access_of, progress_of
from homeport.core.errors import PackageError
from homeport.packages.access import NO_ACCESS
from homeport.packages.assemble import build_recipe
from homeport.packages.base import StoredPackage
from homeport.packages.layout import Store
from homeport.packages.trust import TrustPolicy

_Name = Annotated[str, typer.Argument(help="A name from `homeport package list`.")]
_Version = Annotated[str, typer.Argument(help="A version from `homeport package list`, or a digest.")]


def register(app: typer.Typer) -> None:
    app.command()(build)
    app.command()(use)
    app.command()(rollback)
    app.command()(remove)


def build(
    context: typer.Context,
    recipe: Annotated[Path, typer.Argument(help="A homeport.package.yaml.")],
    use: Annotated[
        bool, typer.Option("--use", help="Make it the version in use, and keep it so over what `packages` pins.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of this version's old content.")] = False,
    json: Json = False,
) -> None:
    """Build a package from its recipe: weights, prompts, evaluation suite and engine profiles, under one digest.

    It waits beside the version in use until it is used; the first one of a name is in use at once. What is not public
    is reached as the sections `registries` and `sources` say.

    Example: homeport package build examples/packages/smollm2/homeport.package.yaml --use
    """
    state: Context = context.obj
    access = access_of(state) if state.config else NO_ACCESS
    store, progress = Store(state.home.packages), progress_of(state, json=json)
    built = build_recipe(store, recipe, progress, access=access, replace=replace)
    tell(state, built, json=json)
    if use:
        _store(state).use(built.name, built.digest)
    elif not json:
        _say_whether_used(state, built)


def use(context: typer.Context, name: _Name, version: _Version, json: Json = False) -> None:
    """Use a version of a package. Engines that start from now on load it, if `trust` lets it be used.

    Example: homeport package use smollm2 1.1.0
    """
    state: Context = context.obj
    used = _store(state).use(name, version)
    _note(state, "package.use", used.name, version=used.version, digest=used.digest)
    tell(state, used, json=json)


def rollback(context: typer.Context, name: _Name, json: Json = False) -> None:
    """Use the version that was in use before. Doing it again goes back further.

    Example: homeport package rollback smollm2
    """
    state: Context = context.obj
    used = _store(state).rollback(name)
    _note(state, "package.rollback", used.name, version=used.version, digest=used.digest)
    tell(state, used, json=json)


def remove(
    context: typer.Context,
    name: _Name,
    version: Annotated[str | None, typer.Argument(help="One version; all of them where it is left out.")] = None,
) -> None:
    """Remove a package or one of its versions, and the files that no other package needs.

    Example: homeport package remove smollm2 1.0.0
    """
    state: Context = context.obj
    Store(state.home.packages).remove(name, version)
    _note(state, "package.remove", name, version=version or "all")
    state.console.print(f"{name} {version or ''}".strip() + " is removed.")


def _note(state: Context, action: str, name: str, **said: object) -> None:
    """Without a configuration there is a store and nothing else, so no log either."""
    if state.config:
        state.note(action, name, **said)


def _store(state: Context) -> Store:
    """The store, which asks the section `trust` before a version is used; without a configuration there is none."""
    return bootstrap.open_store(state.settings, state.home) if state.config else Store(state.home.packages)


def _say_whether_used(state: Context, built: StoredPackage) -> None:
    store, command = Store(state.home.packages), f"homeport package use {built.name} {built.version}"
    in_use = store.get(built.name)
    if in_use is not None and in_use.digest != built.digest:
        state.console.print(f"It waits: {in_use.version} is in use. To use it: {command}", soft_wrap=True)
        return
    if _is_sourced(state, built.name) and not store.is_chosen(built.name):
        told = f"It is in use until `homeport up` pulls the source of packages.{built.name}. To keep it: {command}"
        state.console.print(told, soft_wrap=True)
    say_warning(state, _distrust(state, store, built))


def _is_sourced(state: Context, name: str) -> bool:
    return state.config is not None and name in state.settings.packages and bool(state.settings.packages[name].source)


def _distrust(state: Context, store: Store, built: StoredPackage) -> str:
    """What `trust` has against it: no engine starts with it before that is mended."""
    policy = bootstrap.trust_policy(state.settings) if state.config else TrustPolicy()
    try:
        return bootstrap.judge_stored(policy, store, built, bootstrap.utc_day()).warning
    except PackageError as error:
        return f"{error.message}, so no engine starts with it: {error.hint}"
