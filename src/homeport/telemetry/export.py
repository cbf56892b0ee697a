"""Everything that Prometheus and Grafana need to watch Homeport, as files."""

from collections.abc import Iterator, Mapping

import msgspec
import yaml

from homeport.config.schema import Settings
from homeport.telemetry.dashboards.cache import CACHE
from homeport.telemetry.dashboards.cost import COST
from homeport.telemetry.dashboards.engines import ENGINES
from homeport.telemetry.dashboards.grafana import as_json
from homeport.telemetry.dashboards.overview import OVERVIEW
from homeport.telemetry.dashboards.panel import Dashboard
from homeport.telemetry.dashboards.service import SERVICE
from homeport.telemetry.rules.alerts import ENGINE_JOB, GATEWAY_JOB, alert_rules
from homeport.telemetry.rules.engines import engine_rules
from homeport.telemetry.rules.requests import request_rules
from homeport.telemetry.rules.rule import document

DASHBOARDS = (OVERVIEW, COST, ENGINES, CACHE, SERVICE)

_PATH = "/etc/grafana/dashboards/homeport"


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where things are, as `host:port`.

    Attributes:
        gateways: as Prometheus reaches them.
        prometheus: its URL, as Grafana reaches it.
        alertmanager: "" for none.
    """

    gateways: tuple[str, ...]
    prometheus: str
    alertmanager: str = ""


def export(settings: Settings, places: Places) -> Mapping[str, str]:
    """The files by their paths."""
    return {
        "prometheus/prometheus.yml": _yaml(_scraping(places)),
        "prometheus/rules.yml": document((engine_rules(), request_rules())),
        "prometheus/alerts.yml": document(alert_rules(settings)),
        "grafana/provisioning/datasources/homeport.yml": _yaml(_datasource(places)),
        "grafana/provisioning/dashboards/homeport.yml": _yaml(_provider()),
        **dict(_dashboards(DASHBOARDS)),
    }


def _dashboards(dashboards: tuple[Dashboard, ...]) -> Iterator[tuple[str, str]]:
    for one in dashboards:
        plain = msgspec.json.encode(as_json(one, dashboards))
        yield f"grafana/dashboards/{one.slug}.json", msgspec.json.format(plain, indent=2).decode() + "\n"


def _scraping(places: Places) -> dict[str, object]:
    """Gateways by their addresses, and through them the own engines that each has at a time."""
    found: dict[str, object] = {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": ["rules.yml", "alerts.yml"],
        "scrape_configs": [
            {"job_name": GATEWAY_JOB, "static_configs": [{"targets": list(places.gateways)}]},
            {
                "job_name": ENGINE_JOB,
                "http_sd_configs": [
                    {"url": f"http://{gateway}/metrics/engines", "refresh_interval": "30s"}
                    for gateway in places.gateways
                ],
            },
        ],
    }
    if places.alertmanager:
        found["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [places.alertmanager]}]}]}
    return found


def _datasource(places: Places) -> dict[str, object]:
    source = {"name": "Prometheus", "type": "prometheus", "uid": "homeport-prometheus", "access": "proxy"}
    return {"apiVersion": 1, "datasources": [{**source, "url": places.prometheus, "isDefault": True}]}


def _provider() -> dict[str, object]:
    folder = {"name": "Homeport", "folder": "Homeport", "type": "file", "options": {"path": _PATH}}
    return {"apiVersion": 1, "providers": [folder]}


def _yaml(document: Mapping[str, object]) -> str:
    return yaml.safe_dump(dict(document), sort_keys=False, width=120)
