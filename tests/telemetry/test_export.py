"""What is written is what Prometheus and Grafana read."""

from pathlib import Path

import pytest
import yaml

from homeport.telemetry.export import Places, export
from homeport.telemetry.rules.engines import engine_rules
from homeport.telemetry.rules.requests import request_rules
from tests.e2e.prometheus import installed, promtool
from tests.telemetry.promql import filled, names_that_exist, parsed, selectors
from tests.telemetry.rules.cases import CONFIG, PROMISING
from tests.telemetry.rules.test_alerts import alerts, settings

PLACES = Places(gateways=("one:8080", "[::1]:8080"), prometheus="http://p:9090", alertmanager="alerts:9093")


def write(folder: Path, text: str = CONFIG, places: Places = PLACES) -> Path:
    for name, content in export(settings(folder, text), places).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


@installed
@pytest.mark.parametrize("text", [CONFIG, PROMISING])
def test_promtool_is_content(text: str, tmp_path: Path) -> None:
    folder = write(tmp_path, text) / "prometheus"
    assert "SUCCESS" in promtool("check", "config", str(folder / "prometheus.yml"))
    for name in ("rules.yml", "alerts.yml"):
        printed = promtool("check", "rules", "--lint=all", "--lint-fatal", str(folder / name))
        assert "SUCCESS" in printed


def test_gateways_and_through_them_their_engines(tmp_path: Path) -> None:
    config = yaml.safe_load((write(tmp_path) / "prometheus" / "prometheus.yml").read_text())
    gateways, engines = config["scrape_configs"]
    assert gateways["static_configs"] == [{"targets": ["one:8080", "[::1]:8080"]}]
    urls = [one["url"] for one in engines["http_sd_configs"]]
    assert urls == ["http://one:8080/metrics/engines", "http://[::1]:8080/metrics/engines"]
    assert config["alerting"]["alertmanagers"] == [{"static_configs": [{"targets": ["alerts:9093"]}]}]


def test_without_an_alertmanager_none_is_told(tmp_path: Path) -> None:
    text = (
        write(tmp_path, places=Places(gateways=("g:1",), prometheus="http://p:9090")) / "prometheus" / "prometheus.yml"
    ).read_text()
    assert "alerting" not in yaml.safe_load(text)


def test_every_rule_parses_and_names_what_there_is(tmp_path: Path) -> None:
    found = settings(tmp_path, PROMISING)
    exist = names_that_exist(found)
    rules = [*engine_rules().rules, *request_rules().rules, *alerts(found), *alerts(settings(tmp_path))]
    for rule in rules:
        parsed(filled(rule.expr))
        for name, _ in selectors(rule.expr):
            assert name in exist, rule.expr


def test_grafana_is_told_where_prometheus_and_the_dashboards_are(tmp_path: Path) -> None:
    folder = write(tmp_path, places=Places(gateways=("g:1",), prometheus="http://prometheus:9090")) / "grafana"
    [source] = yaml.safe_load((folder / "provisioning/datasources/homeport.yml").read_text())["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    [provider] = yaml.safe_load((folder / "provisioning/dashboards/homeport.yml").read_text())["providers"]
    assert (provider["type"], provider["options"]["path"]) == ("file", "/etc/grafana/dashboards/homeport")
