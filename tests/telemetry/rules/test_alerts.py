"""Each alert fires and clears, as promtool evaluates it; thresholds are those of the configuration."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from homeport.config.load import Environment, load
from homeport.config.schema import Settings
from homeport.ledger.slo import ALERT_RULES
from homeport.telemetry.export import Places, export
from homeport.telemetry.rules.alerts import BURN_RULES, alert_rules
from homeport.telemetry.rules.engines import engine_rules
from homeport.telemetry.rules.requests import request_rules
from homeport.telemetry.rules.rule import RUNBOOKS, Alerting, quoted
from tests.e2e.prometheus import installed, promtool
from tests.telemetry.promql import selectors
from tests.telemetry.rules.cases import CONFIG, HOURS, MINUTES, PROMISED, PROMISING, Case


def settings(folder: Path, text: str = CONFIG) -> Settings:
    path = folder / "homeport.yaml"
    path.write_text(text)
    return load(path, Environment(home=folder, variables={}))


def alerts(found: Settings) -> list[Alerting]:
    return [rule for group in alert_rules(found) for rule in group.rules if isinstance(rule, Alerting)]


def story(case: Case, rules: Sequence[Alerting], interval: str) -> dict[str, Any]:
    """One test of promtool's: nothing, the alert with its words, nothing."""
    rule = next(one for one in rules if one.alert == case.alert and one.labels.get("of") == case.labels.get("of"))
    description = rule.action.replace("{{ $labels.upstream }}", "smol")
    fired = {
        "exp_labels": {"severity": rule.severity, **case.labels},
        "exp_annotations": {"summary": case.summary, "description": description, "runbook_url": rule.runbook},
    }
    times: Mapping[str, list[Any]] = {case.quiet_at: [], case.fires_at: [fired], case.clears_at: []}
    return {
        "name": case.alert,
        "interval": interval,
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
        "alert_rule_test": [
            {"eval_time": at, "alertname": case.alert, "exp_alerts": expected} for at, expected in times.items()
        ],
    }


@installed
@pytest.mark.parametrize(
    ("text", "cases", "interval", "evaluated"),
    [(CONFIG, MINUTES, "1m", "1m"), (CONFIG, HOURS, "1h", "30m"), (PROMISING, PROMISED, "1m", "1m")],
    ids=["minutes", "hours", "promised"],
)
def test_each_alert_fires_and_clears(
    text: str, cases: tuple[Case, ...], interval: str, evaluated: str, tmp_path: Path
) -> None:
    found = settings(tmp_path, text)
    for name, content in export(found, Places(gateways=("g:1",), prometheus="http://p:9090")).items():
        if name.startswith("prometheus/"):
            (tmp_path / Path(name).name).write_text(content)
    tests = {
        "rule_files": ["rules.yml", "alerts.yml"],
        "evaluation_interval": evaluated,
        "group_eval_order": [group.name for group in (engine_rules(), request_rules(), *alert_rules(found))],
        "tests": [story(case, alerts(found), interval) for case in cases],
    }
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump(tests))
    assert "SUCCESS" in promtool("test", "rules", str(path))


def test_every_alert_has_a_case(tmp_path: Path) -> None:
    told = {rule.alert for rule in alerts(settings(tmp_path))}
    assert told == {case.alert for case in (*MINUTES, *HOURS)}
    assert {rule.alert for rule in alerts(settings(tmp_path, PROMISING))} - told == {case.alert for case in PROMISED}


def test_every_alert_has_its_place_in_the_runbook(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / RUNBOOKS.rpartition("/docs/")[2]).read_text(encoding="utf-8")
    headings = [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]
    told = [*alerts(settings(tmp_path)), *alerts(settings(tmp_path, PROMISING))]
    assert {rule.alert for rule in told} == set(headings)
    assert {rule.runbook.partition("#")[2] for rule in told} == {heading.lower() for heading in headings}


def test_burn_rates_are_those_of_the_ledger() -> None:
    told = [(severity, *window) for _, severity, windows in BURN_RULES for window in windows]
    assert told == [(rule.severity, rule.long, rule.short, float(rule.rate)) for rule in ALERT_RULES]


def test_thresholds_are_those_of_the_configuration(tmp_path: Path) -> None:
    told = "{error_percent: 2.5, spend_per_day_usd: '12.50', queue_wait_seconds: 3, budget_percent: 50}"
    text = f"{CONFIG}monitoring: {told}\n"
    found = {rule.alert: rule.expr for rule in alerts(settings(tmp_path, text))}
    assert found["HomeportErrorRatioHigh"].endswith("> 0.025")
    assert found["HomeportSpendHigh"].endswith("> 12.5")
    assert found["HomeportQueueWaitLong"].endswith("> 3")
    assert found["HomeportBudgetNearlyGone"].endswith(">= 0.5")


def test_where_the_jobs_worker_counts_nothing_nobody_waits_for_it(tmp_path: Path) -> None:
    def silence(text: str) -> list[str]:
        return [rule.expr for rule in alerts(settings(tmp_path, text)) if rule.alert == "HomeportJobsDown"]

    off = "alerts: {anomalies: {enabled: false}}\n"
    assert silence(CONFIG + off) == []
    assert silence(PROMISING + off)[0].startswith("(absent(homeport_slo_computed_timestamp_seconds)) and ")
    assert "absent(homeport_unusual_judged) or absent(homeport_slo_" in silence(PROMISING)[0]


def test_promises_that_histograms_cannot_tell_of_have_no_rule(tmp_path: Path) -> None:
    late = [rule for rule in alerts(settings(tmp_path, PROMISING)) if rule.alert == "HomeportObjectiveLate"]
    assert len(late) == 2
    assert "HomeportLatencyHigh" not in {rule.alert for rule in alerts(settings(tmp_path, PROMISING))}
    assert '{tier="local"}' in late[1].expr


@pytest.mark.parametrize("name", ["a b{c", 'a"} or up{x="', "a\\", "a\nb", "{{ $value }}", "ключ"])
def test_a_name_stays_a_string(name: str) -> None:
    """Names of the configuration are plain today; a rule does not go by that."""
    [selector] = selectors(f"up{{x={quoted(name)}}}")
    assert selector == ("up", {"x": name})
