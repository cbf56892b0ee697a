"""`homeport budget holders` and `homeport budget give-up`: who holds money, and who is lost."""

import time
from typing import Annotated

import typer
from rich.table import Table

from homeport import bootstrap
from homeport.api.holders import HolderRegistry, given_up_view, holder_view
from homeport.cli.context import Context, Json, check_text

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def register(app: typer.Typer) -> None:
    app.command()(holders)
    app.command("give-up")(give_up)


def holders(context: typer.Context, json: Json = False) -> None:
    """Who holds money of budgets, since when, and whether it lives: each start of a gateway process.

    alive: it runs or was seen lately. ended: the jobs worker of its state folder settles what it held.
    silent: nobody of its state folder was seen lately; if that is lost for good, give the holder up.

    Example: homeport budget holders
    """
    state: Context = context.obj
    views = [holder_view(facts) for facts in _registry(state).every()]
    if json:
        state.print_json(views)
        return
    table = Table("holder", "state")
    for heading in ("holds $", "accounts", "since", "last seen"):
        table.add_column(heading, justify="right")
    for one in views:
        seen = _ago(time.time() - one["seen_at"])
        table.add_row(one["name"], one["state"], one["held_usd"], str(one["accounts"]), _time(one["since"]), seen)
    state.console.print(table)


def give_up(
    context: typer.Context,
    holder: Annotated[
        str,
        typer.Argument(
            callback=check_text,
            help="From `homeport budget holders`; its first twelve digits mean all of a state folder.",
        ),
    ],
    free: Annotated[
        bool, typer.Option("--free", help="What it never told was not spent. Look at the provider's bill first.")
    ] = False,
    json: Json = False,
) -> None:
    """Give up a holder whose state folder is lost: what it held and never told counts as spent.

    The ledger gets a row for what it does not know, of surface `correction`; so the cap holds, and the
    ledger says what the budget says. With --free that money can be spent again.

    Example: homeport budget give-up 0123456789ab-0123456789abcdef
    """
    state: Context = context.obj
    done = _registry(state).give_up(holder, free=free)
    views = [given_up_view(name, one) for name, one in done.items()]
    state.note("holders.give-up", holder, free=free, given_up=views)
    if json:
        state.print_json(views)
        return
    for one in views:
        state.console.print(
            f"Gave up {one['name']}: ${one['booked_usd']} booked as spent, ${one['freed_usd']} freed, "
            f"${one['corrected_usd']} in rows of correction."
        )


def _registry(state: Context) -> HolderRegistry:
    return bootstrap.holder_registry(bootstrap.open_storage(state.settings, state.home), state.home)


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def _ago(seconds: float) -> str:
    for length, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {name} ago"
    return f"{max(0.0, seconds):.0f} s ago"
