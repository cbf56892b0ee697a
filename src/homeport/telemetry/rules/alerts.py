"""When Prometheus is to tell somebody: requests, money, own engines, and what Homeport itself found."""

from collections.abc import Iterator, Sequence

from homeport.config.monitoring import MonitoringSettings
from homeport.config.schema import Settings
from homeport.core.money import NANO_PER_USD
from homeport.telemetry.rules.promises import DURATION, FIRST_TOKEN, Promise, promises
from homeport.telemetry.rules.rule import Alerting, Group, literal

PAGE, TICKET = "page", "ticket"

GATEWAY_JOB, ENGINE_JOB = "homeport", "homeport-engines"
"""The jobs of the scrape configuration that is written beside the rules."""

BURN_RULES = (("fast", PAGE, (("1h", "5m", 14.4), ("6h", "30m", 6.0))), ("slow", TICKET, (("3d", "6h", 1.0),)))
"""Long window, short window and burn rate. Source: Google's Site Reliability Workbook, chapter 5, table 5-8."""

_WORDS = {DURATION: "whole answers", FIRST_TOKEN: "first tokens"}


def alert_rules(settings: Settings) -> Sequence[Group]:
    """All alerts, with the thresholds of the configuration."""
    told = settings.monitoring
    return (
        Group(name="homeport-alerts-requests", rules=(*_failing(told), *_late(told, promises(settings)), *_burning())),
        Group(name="homeport-alerts-money", rules=tuple(_spending(told))),
        Group(name="homeport-alerts-engines", rules=tuple(_engines(told))),
        Group(name="homeport-alerts-house", rules=tuple(_house(settings))),
    )


def _failing(told: MonitoringSettings) -> Iterator[Alerting]:
    yield Alerting(
        alert="HomeportErrorRatioHigh",
        expr=f"homeport:request_failure:ratio5m > {told.error_percent / 100:g}",
        lasting="10m",
        severity=PAGE,
        summary="{{ $value | humanizePercentage }} of requests fail.",
        action="See which codes grow in homeport_errors_total, and which model in homeport:model_failure:ratio5m.",
    )


def _late(told: MonitoringSettings, promised: Sequence[Promise]) -> Iterator[Alerting]:
    for one in promised:
        yield _promised(one)
    if not any(one.metric == DURATION and not one.matcher for one in promised):
        yield Alerting(
            alert="HomeportLatencyHigh",
            expr=f"homeport:request_duration_seconds:p95_5m > {told.latency_seconds:g}",
            lasting="10m",
            severity=TICKET,
            summary="{{ $labels.model }} takes {{ $value | humanizeDuration }} for 5 % of its answers.",
            action="Look at the wait for engines and at the provider's times, or state an objective in slo.",
        )


def _promised(one: Promise) -> Alerting:
    matcher = f"{{{one.matcher}}}" if one.matcher else ""
    buckets = f"sum by (le) (rate({one.metric}_bucket{matcher}[5m]))"
    name = literal(one.objective)
    return Alerting(
        alert="HomeportObjectiveLate",
        expr=f"histogram_quantile({one.share:g}, {buckets}) > {one.seconds:g}",
        lasting="10m",
        severity=TICKET,
        summary=f"Objective {name}: {one.share:.4%} of {_WORDS[one.metric]} take "
        f"{{{{ $value | humanizeDuration }}}}, and {one.seconds:g} s are promised.",
        action="Run: homeport sla status",
        labels={"objective": name, "of": one.metric},
    )


def _burning() -> Iterator[Alerting]:
    for speed, severity, windows in BURN_RULES:
        yield Alerting(
            alert=f"HomeportErrorBudgetBurns{speed.capitalize()}",
            expr=" or ".join(_burns(*window) for window in windows),
            severity=severity,
            summary="Objective {{ $labels.objective }} ({{ $labels.indicator }}) uses its error budget "
            "{{ $value | humanize }} times as fast as it may.",
            action="Run: homeport sla status",
        )


def _burns(long: str, short: str, rate: float) -> str:
    """The short window says that it has not ended. Every gateway shows the same, so one is enough."""
    above = (
        f'max by (objective, indicator) (homeport_slo_burn_rate{{window="{one}"}}) > {rate:g}' for one in (long, short)
    )
    return f"({' and '.join(above)})"


def _spending(told: MonitoringSettings) -> Iterator[Alerting]:
    day, usual = "homeport:spend_usd:increase24h", "homeport:spend_usd:daily7d"
    yield Alerting(
        alert="HomeportSpendHigh",
        expr=f"{day} > {told.spend_per_day / NANO_PER_USD:g}",
        lasting="5m",
        severity=TICKET,
        summary='{{ $value | printf "%.2f" }} $ were spent in 24 hours.',
        action="Run: homeport cost --by model --since 24h",
    )
    yield Alerting(
        alert="HomeportSpendUnusual",
        # Only where there was a bill a week ago, so that a first week is no surprise.
        expr=f"{day} > {told.spend_factor:g} * {usual} and {day} > 1 and {day} offset 7d > 0",
        lasting="15m",
        severity=TICKET,
        summary='{{ $value | printf "%.2f" }} $ were spent in 24 hours, '
        f"more than {told.spend_factor:g} times a usual day of the week before.",
        action="Run: homeport cost --by key --since 24h",
    )
    yield Alerting(
        alert="HomeportBudgetNearlyGone",
        expr="max by (budget) (homeport_budget_spent_usd) / max by (budget) (homeport_budget_limit_usd > 0)"
        f" >= {told.budget_percent / 100:g}",
        severity=TICKET,
        summary="Budget {{ $labels.budget }} is used to {{ $value | humanizePercentage }}.",
        action="Run: homeport budget list",
    )


def _engines(told: MonitoringSettings) -> Iterator[Alerting]:
    yield Alerting(
        alert="HomeportEngineDown",
        expr="max by (instance, upstream) (homeport_upstream_ready) == 0",
        lasting="2m",
        severity=PAGE,
        summary="Engine {{ $labels.upstream }} does not answer its health check at {{ $labels.instance }}.",
        action="Run: homeport status, and read logs/engine-{{ $labels.upstream }}.log in the state folder.",
    )
    yield Alerting(
        alert="HomeportEngineUnmeasured",
        expr=f'up{{job="{ENGINE_JOB}"}} == 0',
        lasting="10m",
        severity=TICKET,
        summary="Prometheus gets no metrics of engine {{ $labels.upstream }} at {{ $labels.instance }}.",
        action="Ask the gateway for /metrics/engines/{{ $labels.upstream }}, and see what it says.",
    )
    yield Alerting(
        alert="HomeportQueueWaitLong",
        expr=f"homeport:engine_queue_wait_seconds:p95_5m > {told.queue_wait_seconds:g}",
        lasting="5m",
        severity=TICKET,
        summary="5 % of the requests for {{ $labels.upstream }} wait {{ $value | humanizeDuration }} for a place.",
        action="Add replicas to the engine, send less to it, or let other tiers take what has no place.",
    )


def _house(settings: Settings) -> Iterator[Alerting]:
    yield Alerting(
        alert="HomeportGatewayDown",
        expr=f'up{{job="{GATEWAY_JOB}"}} == 0',
        lasting="1m",
        severity=PAGE,
        summary="Prometheus cannot reach the gateway at {{ $labels.instance }}.",
        action="Run: homeport status",
    )
    yield from _jobs(settings)
    yield Alerting(
        alert="HomeportUnusual",
        expr="max by (level, measure) (homeport_unusual) > 0",
        severity=TICKET,
        summary="Not as usual: {{ $labels.measure }}, by {{ $labels.level }} ({{ $value }}).",
        action="Run: homeport status, which tells each in one sentence, and homeport alerts list.",
    )
    yield Alerting(
        alert="HomeportIncidentOpen",
        # Every gateway shows the same. Who acknowledges it has seen it, so it ends then.
        expr='max by (kind) (homeport_incidents{state="open"}) > 0',
        severity=TICKET,
        summary="{{ $value }} incident(s) of the kind {{ $labels.kind }} are open, and nobody looks into them.",
        action="Run: homeport incidents list, or open Drift & incidents in the console.",
    )
    yield Alerting(
        alert="HomeportAlertsUndelivered",
        expr='sum by (webhook) (max by (webhook, state) (homeport_alert_deliveries{state=~"failed|late"})) > 0',
        severity=TICKET,
        summary="{{ $value }} alert(s) of the last day have not reached {{ $labels.webhook }}.",
        action="Run: homeport alerts list",
    )
    yield Alerting(
        alert="HomeportSpansLost",
        expr="sum by (result) (max without (instance) "
        '(rate(homeport_traced_requests_total{result=~"dropped|failed"}[5m]))) > 0',
        lasting="10m",
        severity=TICKET,
        summary="Spans of {{ $value | humanize }} requests a second do not reach the collector ({{ $labels.result }}).",
        action="See whether the collector of telemetry.export answers, and how fast. No request is slower by it.",
    )
    yield Alerting(
        alert="HomeportConfigurationRefused",
        expr='sum by (instance) (increase(homeport_config_reloads_total{result="refused"}[15m])) > 0',
        severity=TICKET,
        summary="A changed configuration was refused at {{ $labels.instance }}; the old one holds.",
        action="Run: homeport check",
    )


def _jobs(settings: Settings) -> Iterator[Alerting]:
    """Gateways show nothing of what the jobs worker does not count any more, so silence is the sign."""
    counted = {
        "homeport_unusual_judged": settings.alerts.anomalies.enabled,
        "homeport_slo_computed_timestamp_seconds": bool(settings.slo),
    }
    silent = " or ".join(f"absent({metric})" for metric, wanted in counted.items() if wanted)
    if silent:
        yield Alerting(
            alert="HomeportJobsDown",
            expr=f'({silent}) and max(up{{job="{GATEWAY_JOB}"}}) == 1',
            lasting="5m",
            severity=PAGE,
            summary="The jobs worker counts nothing: budgets, objectives and what is unusual are not looked at.",
            action="Run: homeport status, and read logs/jobs.log in the state folder.",
        )
