"""`homeport budget`: make, list, show, change and remove budgets, and see who holds their money."""

import time
from typing import Annotated, Any

import typer
from msgspec import UNSET, UnsetType
from rich.table import Table

from homeport import bootstrap
from homeport.api.budgets import BudgetFields, BudgetRegistry, budget_view, detailed_view
from homeport.cli import holders
from homeport.cli.context import Context, Json
from homeport.core.budgets import Action, ScopeKind, Window
from homeport.core.errors import ConfigError

app = typer.Typer(help="Make, list, show, change and remove budgets; see who holds their money.", no_args_is_help=True)

Word = Annotated[str, typer.Argument(metavar="BUDGET", help="Its name or its id, from `homeport budget list`.")]
Limit = Annotated[str | None, typer.Option(help="Dollars in a window, an exact decimal such as 25.00.")]
AtCap = Annotated[
    Action | None,
    typer.Option(help="At the limit: block refuses, degrade answers at home alone, queue waits for the window."),
]
Alert = Annotated[
    str | None, typer.Option(help="Per cent of the limit at which somebody is told, such as 50,80,100. none: never.")
]


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is called: letters, digits and . _ : / -; unique.")],
    limit: Annotated[str, typer.Option(help="Dollars in a window, an exact decimal such as 25.00.")],
    window: Annotated[Window, typer.Option(help="hour and day roll; month is a calendar month in UTC; total: ever.")],
    project: Annotated[str | None, typer.Option(help="Caps it, and everything below it, together.")] = None,
    key: Annotated[str | None, typer.Option(help="Caps a key, by its id.")] = None,
    user: Annotated[str | None, typer.Option(help="Caps an end user. '*': each of them, with its own account.")] = None,
    trace: Annotated[str | None, typer.Option(help="Caps a trace. '*': each of them, with its own account.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Caps all that is spent.")] = False,
    action: AtCap = None,
    alert: Alert = None,
    json: Json = False,
) -> None:
    """Make a budget: a hard cap on what remote models may cost. A running gateway knows it within seconds.

    Example: homeport budget create search --project acme/search --limit 25.00 --window month --action degrade
    """
    state: Context = context.obj
    kind, scope = _scope(
        {"all": "" if everything else None, "project": project, "key": key, "user": user, "trace": trace}
    )
    fields = BudgetFields(
        name=name,
        kind=kind,
        scope=scope,
        limit_usd=limit,
        window=window,
        action=action or UNSET,
        thresholds=_thresholds(alert),
    )
    facts = _registry(state).create(fields)
    if json:
        state.print_json(detailed_view(facts))
    else:
        state.console.print(facts.stored.budget.id)


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """Every budget, and how it stands: where users or traces have their own accounts, the tightest.

    Example: homeport budget list
    """
    state: Context = context.obj
    views = [budget_view(facts) for facts in _registry(state).every()]
    if json:
        state.print_json(views)
        return
    table = Table("id", "name", "of", "window", "action")
    for heading in ("limit $", "spent $", "leased $", "left $"):
        table.add_column(heading, justify="right")
    for item in views:
        sums = [item[name] for name in ("limit_usd", "spent_usd", "leased_usd", "remaining_usd")]
        table.add_row(item["id"], item["name"], _of(item), item["window"], item["action"], *sums)
    state.console.print(table)


@app.command()
def show(context: typer.Context, budget: Word, json: Json = False) -> None:
    """One budget with its accounts, the tightest first.

    Example: homeport budget show search
    """
    state: Context = context.obj
    registry = _registry(state)
    view = detailed_view(registry.get(registry.find(budget)))
    if json:
        state.print_json(view)
        return
    alerts = ", ".join(f"{percent} %" for percent in view["thresholds"]) or "never"
    state.console.print(f"{view['name']} ({view['id']}): ${view['limit_usd']} a {view['window']} of {_of(view)}")
    state.console.print(f"at the limit: {view['action']}; alerts: {alerts}")
    table = Table("account")
    for heading in ("spent $", "leased $", "left $", "more fits at"):
        table.add_column(heading, justify="right")
    for account in view["tightest"]:
        sums = [account[name] for name in ("spent_usd", "leased_usd", "remaining_usd")]
        table.add_row(account["instance"] or view["name"], *sums, _time(account["resets_at"]))
    state.console.print(table)


@app.command()
def update(
    context: typer.Context,
    budget: Word,
    name: Annotated[str | None, typer.Option(help="What it is called.")] = None,
    limit: Limit = None,
    action: AtCap = None,
    alert: Alert = None,
    json: Json = False,
) -> None:
    """Change a budget; what is not named stays. What was spent in the window goes on counting.

    Example: homeport budget update search --limit 40.00
    """
    state: Context = context.obj
    registry = _registry(state)
    fields = BudgetFields(
        name=UNSET if name is None else name,
        limit_usd=UNSET if limit is None else limit,
        action=action or UNSET,
        thresholds=_thresholds(alert),
    )
    facts = registry.update(registry.find(budget), fields)
    if json:
        state.print_json(detailed_view(facts))
    else:
        state.console.print(f"Changed {facts.stored.budget.id}.")


@app.command()
def remove(context: typer.Context, budget: Word, json: Json = False) -> None:
    """Remove a budget; it caps nothing from now on. What was spent stays in the ledger.

    Example: homeport budget remove search
    """
    state: Context = context.obj
    registry = _registry(state)
    budget_id = registry.find(budget)
    registry.remove(budget_id)
    if json:
        state.print_json({"id": budget_id, "removed": True})
    else:
        state.console.print(f"Removed {budget_id}.")


holders.register(app)


def _registry(state: Context) -> BudgetRegistry:
    return bootstrap.budget_registry(bootstrap.open_storage(state.settings, state.home)).by(state.actor)


def _scope(said: dict[str, str | None]) -> tuple[ScopeKind, str]:
    chosen = [(kind, scope) for kind, scope in said.items() if scope is not None]
    if len(chosen) != 1:
        raise ConfigError(
            "a budget is of one thing",
            code="budget_scope_ambiguous",
            hint="write one of --project, --key, --user, --trace and --all",
        )
    return ScopeKind(chosen[0][0]), chosen[0][1]


def _thresholds(alert: str | None) -> list[int] | UnsetType:
    if alert is None:
        return UNSET
    percents = [] if alert == "none" else alert.split(",")
    if (
        not all(text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= 100 for text in percents)
        or len(percents) > 10
    ):
        raise ConfigError(
            f"{alert[:64]!r} is not a list of percentages",
            code="thresholds_invalid",
            hint="write up to ten from 1 to 100, such as 50,80,100; or none",
        )
    return [int(text) for text in percents]


def _of(item: dict[str, Any]) -> str:
    return f"{item['kind']} {item['scope']}".strip()


def _time(seconds: float | None) -> str:
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
