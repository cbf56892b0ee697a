"""`homeport keys`: make, list, change, rotate and revoke keys."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Annotated, Any

import msgspec
import typer
from msgspec import UNSET
from rich.table import Table

from homeport import bootstrap
from homeport.api.budgets import BudgetFields, amount
from homeport.api.keys import KeyFields, KeyRegistry, view
from homeport.cli.context import Context, Json
from homeport.cli.spans import seconds_of
from homeport.core.budgets import ScopeKind, Window
from homeport.core.errors import ConfigError
from homeport.core.types import Scope

app = typer.Typer(help="Make, list, change, rotate and revoke keys.", no_args_is_help=True)

_ANY = "any"

KeyId = Annotated[str, typer.Argument(help="From `homeport keys list`.")]
Scopes = Annotated[
    list[Scope] | None,
    typer.Option("--scope", help="Allow this; may be repeated. inference: everything but admin."),
]
Models = Annotated[
    list[str] | None, typer.Option("--model", help="Allow only this model; may be repeated. any: all of them.")
]
Tiers = Annotated[
    list[str] | None, typer.Option("--tier", help="Allow only this tier; may be repeated. any: all of them.")
]
Project = Annotated[
    str | None, typer.Option("--project", help="Where it stands: organisation/team/project, or fewer names.")
]
Class = Annotated[
    str | None, typer.Option("--data-class", help="private: its requests never leave home; or a class of `privacy`.")
]
Days = Annotated[int | None, typer.Option(min=0, max=36500, help="It expires after so many days. 0: never.")]
Requests = Annotated[int | None, typer.Option("--rpm", min=0, max=10**9, help="Requests a minute. 0: no limit.")]
Tokens = Annotated[int | None, typer.Option("--tpm", min=0, max=10**9, help="Tokens a minute. 0: no limit.")]
Concurrent = Annotated[
    int | None, typer.Option("--concurrent", min=0, max=10**9, help="Requests at once. 0: no limit.")
]
Reserve = Annotated[
    int | None,
    typer.Option("--reserve", min=0, max=90, help="Per cent of server.max_in_flight that only it can take."),
]


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Who or what will use it.")],
    project: Project = None,
    scope: Scopes = None,
    model: Models = None,
    tier: Tiers = None,
    data_class: Class = None,
    days: Days = None,
    requests: Requests = None,
    tokens: Tokens = None,
    concurrent: Concurrent = None,
    reserve: Reserve = None,
    budget: Annotated[
        str | None, typer.Option(help="A cap of its own, such as 5.00/day: dollars in an hour, day, month or total.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a key and print it, once: only its hash is kept. A running gateway knows it within a second.

    Example: homeport keys create billing-bot --tier local --days 90 --rpm 60
    """
    state: Context = context.obj
    fields = _fields(name, project, scope, model, tier, data_class, days, (requests, tokens, concurrent), reserve)
    cap = None if budget is None else _cap(budget)
    issued = _registry(state).create(fields)
    if cap is not None:
        _add_cap(state, issued.stored.key.id, cap)
    if json:
        state.print_json({**view(issued.stored, time.time_ns()), "key": issued.token})
    else:
        state.console.print(issued.token, soft_wrap=True)


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """Every key, revoked and expired ones too, and what each may do.

    Example: homeport keys list
    """
    state: Context = context.obj
    now = time.time_ns()
    views = [view(stored, now) for stored in _registry(state).every()]
    if json:
        state.print_json(views)
        return
    table = Table("id", "name", "project", "state", "scopes", "data class", "models", "tiers", "limits")
    for item in views:
        allowed = [", ".join(item[column]) or _ANY for column in ("models", "tiers")]
        scopes = ", ".join(item["scopes"]) or "none"
        table.add_row(
            item["id"],
            item["name"],
            item["project"],
            item["state"],
            scopes,
            item["data_class"],
            *allowed,
            _limits(item),
        )
        for old in item["tokens"][1:]:
            until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(old["expires_at"]))
            table.add_row("", "its token before", f"until {until}")
    state.console.print(table)


@app.command()
def update(
    context: typer.Context,
    key_id: KeyId,
    name: Annotated[str | None, typer.Option(help="Who or what uses it.")] = None,
    project: Project = None,
    scope: Scopes = None,
    model: Models = None,
    tier: Tiers = None,
    data_class: Class = None,
    days: Days = None,
    requests: Requests = None,
    tokens: Tokens = None,
    concurrent: Concurrent = None,
    reserve: Reserve = None,
    json: Json = False,
) -> None:
    """Change what a key may do; what is not named stays. A running gateway follows within a second.

    Example: homeport keys update key_0123456789abcdef --rpm 120 --tier any
    """
    state: Context = context.obj
    fields = _fields(name, project, scope, model, tier, data_class, days, (requests, tokens, concurrent), reserve)
    stored = _registry(state).update(key_id, fields)
    if json:
        state.print_json(view(stored, time.time_ns()))
    else:
        state.console.print(f"Changed {key_id}.")


@app.command()
def rotate(
    context: typer.Context,
    key_id: KeyId,
    grace: Annotated[str, typer.Option(help="How long the old token stays good: 0s, 30m, 24h, 7d, ...")] = "24h",
    json: Json = False,
) -> None:
    """Give a key a new token and print it, once. The old one stays good for the grace; one older than that ends now.

    Example: homeport keys rotate key_0123456789abcdef --grace 24h
    """
    state: Context = context.obj
    seconds = seconds_of(grace)
    if seconds is None:
        raise ConfigError(f"{grace!r} is not a span of time", code="grace_invalid", hint="write 0s, 30m, 24h or 7d")
    issued = _registry(state).rotate(key_id, seconds)
    if json:
        state.print_json({**view(issued.stored, time.time_ns()), "key": issued.token})
    else:
        state.console.print(issued.token, soft_wrap=True)


@app.command()
def revoke(context: typer.Context, key_id: KeyId) -> None:
    """Revoke a key; a running gateway refuses it within a second.

    Example: homeport keys revoke key_0123456789abcdef
    """
    state: Context = context.obj
    _registry(state).revoke(key_id)
    state.console.print(f"Revoked {key_id}.")


def _registry(state: Context) -> KeyRegistry:
    engine = bootstrap.open_storage(state.settings, state.home)
    return bootstrap.key_registry(engine, state.settings, state.home).by(state.actor)


def _cap(text: str) -> BudgetFields:
    """Everything of the budget but whose it is, checked before there is a key."""
    usd, _, window = text.partition("/")
    if window not in tuple(Window):
        raise ConfigError(
            f"{text[:64]!r} is not an amount in a window",
            code="budget_span_invalid",
            hint="write 5.00/day; or /hour, /month, /total",
        )
    fields = BudgetFields(limit_usd=usd, window=Window(window), kind=ScopeKind.KEY)
    amount(usd)
    return fields


def _add_cap(state: Context, key_id: str, cap: BudgetFields) -> None:
    """A budget with the key's id as its name. Without it the key is not told to anybody, and revoked."""
    budgets = bootstrap.budget_registry(bootstrap.open_storage(state.settings, state.home)).by(state.actor)
    with ExitStack() as undo:  # on an interrupt too: no key may be without the cap that was asked for
        undo.callback(_registry(state).revoke, key_id)
        budgets.create(msgspec.structs.replace(cap, name=key_id, scope=key_id))
        undo.pop_all()


def _fields(
    name: str | None,
    project: str | None,
    scopes: list[Scope] | None,
    models: list[str] | None,
    tiers: list[str] | None,
    data_class: str | None,
    days: int | None,
    limits: tuple[int | None, int | None, int | None],
    reserve: int | None,
) -> KeyFields:
    requests, tokens, concurrent = (UNSET if limit is None else limit or None for limit in limits)
    return KeyFields(
        name=UNSET if name is None else name,
        project=UNSET if project is None else project,
        scopes=scopes or UNSET,
        models=_names(models),
        tiers=_names(tiers),
        data_class=data_class or UNSET,
        expires_in=UNSET if days is None else days * 86_400 or None,
        requests_per_minute=requests,
        tokens_per_minute=tokens,
        concurrent_requests=concurrent,
        reserved_percent=UNSET if reserve is None else reserve,
    )


def _names(names: list[str] | None) -> list[str] | msgspec.UnsetType:
    if not names:
        return UNSET
    return [] if names == [_ANY] else names


def _limits(item: dict[str, Any]) -> str:
    said: Sequence[tuple[str, str]] = (
        ("requests_per_minute", "{:,} requests/min"),
        ("tokens_per_minute", "{:,} tokens/min"),
        ("concurrent_requests", "{:,} at once"),
        ("reserved_percent", "{} % reserved"),
    )
    return ", ".join(text.format(item[name]) for name, text in said if item[name]) or "none"
