"""`homeport alerts`: what was found, whether it arrived, and a test."""

import asyncio
import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine

from homeport import bootstrap
from homeport.api.alerts import alert_view
from homeport.cli.context import Context, Json
from homeport.core.alerts import AlertsTested
from homeport.core.errors import ConfigError, NotFound
from homeport.jobs.alerts import Receiver
from homeport.jobs.post import one_line
from homeport.storage.alerts import WAITING, get_alert, id_of, list_alerts, raise_alert, send_again

app = typer.Typer(help="What was found, such as errors, spending and loops, and who was told.", no_args_is_help=True)

_TRY_SECONDS = 25.0
_MOST = 1_000
_LONGEST = 500

To = Annotated[str | None, typer.Option("--to", help="Only this webhook, by its name.")]


@app.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="At most so many, the newest first.")] = 50,
    json: Json = False,
) -> None:
    """The newest alerts, and how far each has come at each webhook.

    Example: homeport alerts list
    """
    state: Context = context.obj
    found = [alert_view(alert) for alert in list_alerts(bootstrap.open_storage(state.settings, state.home), limit)]
    if json:
        state.print_json(found)
        return
    table = Table("id", "at", "severity", "what", "told")
    for item in found:
        at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(item["created_at"]))
        told = ", ".join(_told(delivery) for delivery in item["deliveries"]) or "nobody"
        # A summary may hold names that callers chose: they are no markup, and no control characters.
        table.add_row(item["id"], at, item["severity"], Text(one_line(item["summary"], _LONGEST)), told)
    state.console.print(table)


@app.command("test")
def try_(context: typer.Context, to: To = None, json: Json = False) -> None:
    """Send an alert that says it is a test, now, and say whether it arrived. Exit code 1 if it did not.

    Example: homeport alerts test
    """
    state: Context = context.obj
    chosen = _chosen(state, to)
    engine = bootstrap.open_storage(state.settings, state.home)
    alert = AlertsTested(at=time.time_ns())
    raise_alert(engine, alert)
    send_again(engine, id_of(alert), _names(chosen), alert.at)
    _send(state, engine, chosen, id_of(alert), json)


@app.command()
def resend(
    context: typer.Context,
    alert_id: Annotated[str, typer.Argument(help="From `homeport alerts list`.")],
    to: To = None,
    json: Json = False,
) -> None:
    """Send an alert again, now, also where it had arrived or was given up. Exit code 1 if it did not arrive.

    Example: homeport alerts resend alr_0123456789abcdef01234567
    """
    state: Context = context.obj
    chosen = _chosen(state, to)
    engine = bootstrap.open_storage(state.settings, state.home)
    if not send_again(engine, alert_id, _names(chosen), time.time_ns()):
        raise NotFound(f"no alert has the id {alert_id[:64]!r}", code="alert_unknown", hint="homeport alerts list")
    _send(state, engine, chosen, alert_id, json)


def _chosen(state: Context, to: str | None) -> Sequence[Receiver]:
    every = bootstrap.receivers(state.settings)
    if not every:
        raise ConfigError(
            "the configuration names no webhook",
            code="webhook_missing",
            hint="add a section `alerts:`; docs/how-to/receive-alerts.md shows one",
        )
    chosen = [receiver for receiver in every if to in (None, receiver.wanted.webhook)]
    if not chosen:
        names = ", ".join(receiver.wanted.webhook for receiver in every)
        raise NotFound(f"no webhook is called {to!r}", code="webhook_unknown", hint=f"use one of: {names}")
    return chosen


def _names(chosen: Sequence[Receiver]) -> list[str]:
    return [receiver.wanted.webhook for receiver in chosen]


def _send(state: Context, engine: Engine, chosen: Sequence[Receiver], alert_id: str, json: bool) -> None:
    asyncio.run(_try_once(engine, chosen, alert_id))
    found = _seen(engine, alert_id, chosen)
    if json:
        state.print_json(found)
    else:
        for delivery in found["deliveries"]:
            state.console.print(_told(delivery))
    if any(delivery["delivered_at"] is None for delivery in found["deliveries"]):
        raise typer.Exit(1)


async def _try_once(engine: Engine, chosen: Sequence[Receiver], alert_id: str) -> None:
    """One try at each receiver: by us, or by the jobs worker where that was quicker."""
    until = time.monotonic() + _TRY_SECONDS
    async with bootstrap.courier(engine) as courier:
        while _is_untried(_seen(engine, alert_id, chosen)) and time.monotonic() < until:
            await asyncio.gather(*(courier.deliver(receiver) for receiver in chosen))
            await asyncio.sleep(0.05)


def _is_untried(alert: dict[str, Any]) -> bool:
    states = [(delivery["state"], delivery["error"]) for delivery in alert["deliveries"]]
    return not states or any(state == WAITING and not error for state, error in states)


def _seen(engine: Engine, alert_id: str, chosen: Sequence[Receiver]) -> dict[str, Any]:
    """The alert as it stands at the chosen receivers."""
    stored = get_alert(engine, alert_id)
    assert stored is not None, "alerts are not deleted"
    view = alert_view(stored)
    return {**view, "deliveries": [one for one in view["deliveries"] if one["webhook"] in _names(chosen)]}


def _told(delivery: dict[str, Any]) -> str:
    tries = f" after {delivery['tries']} tries" if delivery["tries"] > 1 else ""
    error = f" ({delivery['error']})" if delivery["error"] else ""
    return f"{delivery['webhook']}: {delivery['state']}{tries}{error}"
