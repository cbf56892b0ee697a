"""`homeport status`: what runs."""

import msgspec
import typer

from homeport.cli.context import Context, Json
from homeport.cli.gateway_client import GatewayClient


def register(app: typer.Typer) -> None:
    app.command()(status)


def status(context: typer.Context, json: Json = False) -> None:
    """Whether the gateway runs, which engines are up, which tiers can answer. Exit code 1 if not ready.

    Example: homeport status
    """
    state: Context = context.obj
    client = GatewayClient(state.home)
    ready, detail = client.readiness()
    pids = _processes(state)
    if json:
        state.print_json({"url": f"{client.url}/v1", "ready": ready, **detail, "processes": pids})
    else:
        state.console.print(f"{client.url}/v1  {'[green]ready[/]' if ready else '[red]not ready[/]'}")
        for kind in ("engines", "tiers"):
            for name, up in detail.get(kind, {}).items():
                state.console.print(f"  {kind[:-1]:<7} {name:<20} {'[green]up[/]' if up else '[red]down[/]'}")
        for name, pid in pids.items():
            state.console.print(f"  process {name:<20} {pid}")
    if not ready:
        raise typer.Exit(1)


def _processes(state: Context) -> dict[str, int]:
    """Process ids by name; empty where the gateway was started apart from `homeport up`."""
    try:
        return msgspec.json.decode(state.home.processes.read_bytes(), type=dict[str, int])
    except FileNotFoundError:
        return {}
