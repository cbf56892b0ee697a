"""`homeport keys`: make, list and revoke inference keys."""

import time
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from homeport import bootstrap
from homeport.cli.context import Context, Json
from homeport.core.errors import ConfigError, HomeportError, NotFound
from homeport.core.types import DataClass, Key
from homeport.storage.keys import StoredKey, list_keys, revoke_key

app = typer.Typer(help="Make, list and revoke inference keys.", no_args_is_help=True)


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Who or what will use it.")],
    model: Annotated[list[str] | None, typer.Option(help="Allow only this model; may be repeated.")] = None,
    tier: Annotated[list[str] | None, typer.Option(help="Allow only this tier; may be repeated.")] = None,
    data_class: Annotated[DataClass, typer.Option(help="private: its requests never leave home.")] = DataClass.OPEN,
    days: Annotated[int | None, typer.Option(min=1, max=36500, help="It expires after so many days.")] = None,
    json: Json = False,
) -> None:
    """Make a key and print it, once: only its hash is kept. A running gateway knows it within a second.

    Example: homeport keys create billing-bot --tier local --days 90
    """
    state: Context = context.obj
    if not name.strip() or len(name) > 160:
        raise HomeportError("a key's name has 1 to 160 characters", code="key_name_invalid")
    _check_names(state, model or [], tier or [])
    key = Key(
        id="",
        name=name,
        data_class=data_class,
        models=frozenset(model or ()),
        tiers=frozenset(tier or ()),
        expires_at=time.time() + days * 86_400 if days else None,
    )
    token = bootstrap.make_key(bootstrap.open_storage(state.settings, state.home), state.home, key)
    if json:
        state.print_json({"name": name, "key": token})
    else:
        state.console.print(token, soft_wrap=True)


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """Every key, revoked and expired ones too.

    Example: homeport keys list
    """
    state: Context = context.obj
    stored = list_keys(bootstrap.open_storage(state.settings, state.home))
    if json:
        state.print_json([{**msgspec.to_builtins(item.key), "state": _state(item)} for item in stored])
        return
    table = Table("id", "name", "state", "data class", "models", "tiers")
    for item in stored:
        key = item.key
        limits = [", ".join(sorted(names)) or "any" for names in (key.models, key.tiers)]
        table.add_row(key.id, key.name, _state(item), key.data_class, *limits)
    state.console.print(table)


@app.command()
def revoke(context: typer.Context, key_id: Annotated[str, typer.Argument(help="From `homeport keys list`.")]) -> None:
    """Revoke a key; a running gateway refuses it within a second.

    Example: homeport keys revoke key_0123456789abcdef
    """
    state: Context = context.obj
    if not revoke_key(bootstrap.open_storage(state.settings, state.home), key_id, time.time_ns()):
        raise NotFound(f"no live key has the id {key_id!r}", code="key_unknown", hint="homeport keys list")
    state.console.print(f"Revoked {key_id}.")


def _check_names(state: Context, models: list[str], tiers: list[str]) -> None:
    known_tiers = [tier.name for tier in state.settings.tiers]
    known_models = [target.public_name for tier in state.settings.tiers for target in tier.targets]
    for kind, names, known in (("model", models, known_models), ("tier", tiers, known_tiers)):
        for name in names:
            if name not in known:
                raise ConfigError(
                    f"there is no {kind} {name!r}", code="key_limit_unknown", hint=f"use: {', '.join(known)}"
                )


def _state(item: StoredKey) -> str:
    if item.revoked_at is not None:
        return "revoked"
    expired = item.key.expires_at is not None and item.key.expires_at <= time.time()
    return "expired" if expired else "live"
