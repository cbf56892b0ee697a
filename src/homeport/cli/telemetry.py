"""`homeport telemetry`: what others need to watch Homeport."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated

import typer

from homeport.cli.context import Context, Json
from homeport.config.schema import ServerSettings
from homeport.core.errors import ConfigError
from homeport.telemetry.export import Places, export

app = typer.Typer(help="What Prometheus and Grafana need to watch Homeport.", no_args_is_help=True)

_PROMETHEUS = "http://127.0.0.1:9090"
_ADDRESS = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}")
_URL = re.compile(r"https?://[A-Za-z0-9._:\[\]-]{1,253}(/[A-Za-z0-9._/-]{0,200})?")


@app.command("export")
def export_(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder to write to; files of the same names are replaced.")] = Path(
        "homeport-monitoring"
    ),
    gateway: Annotated[
        list[str] | None,
        typer.Option(help="host:port of a gateway, as Prometheus reaches it; once for each. Left out: this one."),
    ] = None,
    prometheus: Annotated[str, typer.Option(help="URL of Prometheus, as Grafana reaches it.")] = _PROMETHEUS,
    alertmanager: Annotated[str, typer.Option(help="host:port of an Alertmanager. Left out: none.")] = "",
    json: Json = False,
) -> None:
    """Write scrape configuration, recording rules, alert rules and dashboards, with the thresholds of homeport.yaml.

    Example: homeport telemetry export --out /etc/homeport-monitoring --gateway gateway.internal:8080
    """
    state: Context = context.obj
    gateways = tuple(_address(one) for one in gateway or ()) or (_own(state.settings.server),)
    if _URL.fullmatch(prometheus) is None:
        raise _refused(prometheus, f"a URL such as {_PROMETHEUS}")
    manager = _address(alertmanager) if alertmanager else ""
    files = export(state.settings, Places(gateways=gateways, prometheus=prometheus, alertmanager=manager))
    for name, text in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if json:
        state.print_json({"folder": str(out), "files": list(files)})
        return
    for name in files:
        state.console.print(f"{out / name}", markup=False, soft_wrap=True)


def _address(text: str) -> str:
    if _ADDRESS.fullmatch(text) is None:
        raise _refused(text, "host:port, such as gateway.internal:8080")
    return text


def _refused(text: str, wanted: str) -> ConfigError:
    return ConfigError(f"{ascii(text)[:64]} is no address", code="address_unreadable", hint=f"write {wanted}")


def _own(server: ServerSettings) -> str:
    """Where a gateway that listens on every address is reached: on this machine."""
    host = server.host
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"{host}:{server.port}"
    if address.is_unspecified:
        return f"127.0.0.1:{server.port}"
    return f"[{host}]:{server.port}" if address.version == 6 else f"{host}:{server.port}"
