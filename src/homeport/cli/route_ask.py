"""`homeport route "..."`: what would answer a prompt, and why."""

from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from homeport import bootstrap
from homeport.cli.context import Context, Json
from homeport.cli.gateway_client import GatewayClient
from homeport.core.errors import HomeportError
from homeport.core.types import DataClass
from homeport.routing.explain import Told

_GONE = "gateway_not_running"
_HEADER = "x-homeport-data-class"


def register(app: typer.Typer) -> None:
    app.command("ask", hidden=True)(ask)


def ask(
    context: typer.Context,
    prompt: Annotated[list[str], typer.Argument(help="The prompt.")],
    model: Annotated[str, typer.Option("--model", "-m", help="A model, a tier, or auto.")] = "auto",
    private: Annotated[bool, typer.Option("--private", help="As if it were marked private.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="By the configuration, though a gateway runs.")] = False,
    json: Json = False,
) -> None:
    """Tell what would answer a prompt, and why; nothing is sent.

    Example: homeport route "Prove that there are infinitely many primes."
    """
    state: Context = context.obj
    # What was no UTF-8 on the command line is in no JSON.
    text = " ".join(prompt).encode("utf-8", "replace").decode()
    body = {"model": model.encode("utf-8", "replace").decode(), "messages": [{"role": "user", "content": text}]}
    told, running = _told(state, body, DataClass.PRIVATE if private else None, offline=offline)
    if json:
        state.print_json(told)
        return
    if not running:
        state.console.print("[dim]No gateway is asked: this is what the configuration says.[/]")
    _show(state, told)


def _told(state: Context, body: dict[str, Any], data_class: str | None, *, offline: bool) -> tuple[Told, bool]:
    if not offline:
        headers = {_HEADER: data_class} if data_class else {}
        try:
            with GatewayClient(state.home).post("/v1/route", body, headers) as response:
                return msgspec.json.decode(response.read(), type=Told), True
        except HomeportError as error:
            if error.code != _GONE:
                raise
    return bootstrap.explain_offline(state.settings, state.home, msgspec.json.encode(body), data_class), False


def _show(state: Context, told: Told) -> None:
    """The decision, then the ladder, then what moved the score."""
    looked = ", and its answer is looked at" if told.cascade else ""
    who = f"[bold]{escape(told.tier)}[/] · {escape(told.model)}"
    state.console.print(f"{who} answers{looked} [dim]({escape(told.reason)})[/]")
    if told.counterfactual is not None:
        top = told.counterfactual
        against = f"{escape(top.tier)} · {escape(top.model)} would cost {_dollars(top.cost_usd)}"
        state.console.print(f"expected cost {_dollars(told.cost_usd)}; {against}")
    if told.privacy.action != "allow":
        why = ", ".join((told.privacy.reason, *told.privacy.recognizers)).strip(", ")
        state.console.print(f"[yellow]{escape(told.privacy.action)}[/] {escape(why)}")
    if told.session:
        state.console.print(f"the conversation is on {escape(told.session)}")
    state.console.print(_ladder(told))
    if told.router is not None:
        moved = ", ".join(f"{escape(one.name)} {one.amount:+.3f}" for one in told.router.features)
        state.console.print(f"[dim]router version {told.router.version}, score {told.router.score:.3f}: {moved}[/]")
    if told.explored or told.propensity < 1:
        state.console.print(f"[dim]chosen with probability {told.propensity:.3f}[/]")


def _ladder(told: Told) -> Table:
    table = Table("", "tier", "model", "expected cost", "good answer", "from score", "", box=None)
    tiers = {tier.tier: tier for tier in told.tiers}
    for place, one in enumerate(told.candidates, 1):
        tier = tiers.get(one.tier)
        success = "" if tier is None or tier.success is None else f"{tier.success:.0%}"
        threshold = "" if tier is None or tier.threshold is None else f"{tier.threshold:.3f}"
        cells = (one.tier, one.model, _dollars(one.cost_usd), success, threshold, one.closed)
        table.add_row(str(place), *(escape(cell) for cell in cells))
    shown = {(one.model, one.upstream) for one in told.candidates}
    for gone in told.removed:
        if (gone.model, gone.upstream) not in shown:
            table.add_row("-", escape(gone.tier), escape(gone.model), "", "", "", f"[dim]{escape(gone.why)}[/]")
    return table


def _dollars(amount: str | None) -> str:
    return "no price" if amount is None else f"${amount}"
