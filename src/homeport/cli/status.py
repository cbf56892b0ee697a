"""`homeport status`: what runs."""

import time

import msgspec
import typer
from rich.markup import escape

from homeport import bootstrap
from homeport.cli.context import Context, Json
from homeport.cli.gateway_client import GatewayClient
from homeport.engines.base import Fingerprint
from homeport.storage.unusual import headline, read_unusual


def register(app: typer.Typer) -> None:
    app.command()(status)


def status(context: typer.Context, json: Json = False) -> None:
    """Whether the gateway runs, which engines and tiers are up, what is unusual. Exit code 1 if not ready.

    Example: homeport status
    """
    state: Context = context.obj
    client = GatewayClient(state.home)
    ready, detail = client.readiness()
    pids = _processes(state)
    fingerprints = {name: endpoint.fingerprint for name, endpoint in bootstrap.read_endpoints(state.home).items()}
    unusual = read_unusual(state.home.unusual, time.time_ns())
    if json:
        told = {"url": f"{client.url}/v1", "ready": ready, **detail, "processes": pids}
        told["unusual"] = None if unusual is None else [msgspec.to_builtins(row) for row in unusual.rows]
        state.print_json({**told, "fingerprints": fingerprints})
    else:
        state.console.print(f"{client.url}/v1  {'[green]ready[/]' if ready else '[red]not ready[/]'}")
        for kind in ("engines", "tiers"):
            for name, up in detail.get(kind, {}).items():
                state.console.print(f"  {kind[:-1]:<7} {name:<20} {'[green]up[/]' if up else '[red]down[/]'}")
        for name, fingerprint in fingerprints.items():
            state.console.print(f"  runs    {name:<20} {_told(fingerprint)}")
        for name, pid in pids.items():
            state.console.print(f"  process {name:<20} {pid}")
        state.console.print(f"  {escape(headline(unusual))}", soft_wrap=True)
    if not ready:
        raise typer.Exit(1)


def _told(fingerprint: Fingerprint | None) -> str:
    """What decides an engine's answers, in a line."""
    if fingerprint is None:
        return "unknown"
    package = f", package {fingerprint.package[:19]}" if fingerprint.package else ""
    return f"{fingerprint.build or fingerprint.engine}{package}, profile {fingerprint.profile}"


def _processes(state: Context) -> dict[str, int]:
    """Process ids by name; empty where the gateway was started apart from `homeport up`."""
    try:
        return msgspec.json.decode(state.home.processes.read_bytes(), type=dict[str, int])
    except FileNotFoundError:
        return {}
