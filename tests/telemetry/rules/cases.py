"""What makes each alert fire, and what makes it clear: series as `promtool test rules` writes them."""

from collections.abc import Mapping

import msgspec

CONFIG = """\
providers:
  p: {provider: simulated}
tiers:
  - {name: local, targets: [{model: smollm2, provider: p}]}
"""
"""Without objectives; the thresholds are the defaults."""

PROMISING = f"""\
{CONFIG}
slo:
  - {{name: everything, latency: {{within_ms: 4000}}}}
  - {{name: streams, route: local, ttft: {{within_ms: 800, share: 0.5}}}}
  - {{name: asked-as-auto, route: auto, latency: {{within_ms: 10}}}}
  - {{name: of-one-key, key: ada, latency: {{within_ms: 10}}}}
"""
"""Two times that histograms can tell of, and two that they cannot."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that fires once and clears.

    Attributes:
        series: name and labels -> values, one for each minute, or hour, from time 0.
        quiet_at, fires_at, clears_at: times of the story, such as 20m.
        labels: of the alert that fires, besides its severity.
        summary: what it says.
    """

    alert: str
    series: Mapping[str, str]
    quiet_at: str = "0m"
    fires_at: str = "20m"
    clears_at: str = "50m"
    labels: Mapping[str, str] = {}
    summary: str


OF_MODEL = 'model="smollm2",tier="local"'
_REQUESTS = f'homeport_requests_total{{{OF_MODEL},instance="g",outcome='
_COST, USD = f"homeport_cost_nanodollars_total{{{OF_MODEL}}}", 1_000_000_000
_REFUSED = 'homeport_config_reloads_total{instance="g",result="refused"}'


def late(histogram: str, labels: str, low: str, high: str) -> Mapping[str, str]:
    """Ten requests a minute: for half an hour all between two bounds, after it all below the lower one."""
    fast = "0x30 0+10x30"
    of = f"{labels},le=" if labels else "le="
    return {
        f'{histogram}_bucket{{{of}"0.01"}}': fast,
        f'{histogram}_bucket{{{of}"{low}"}}': fast,
        f'{histogram}_bucket{{{of}"{high}"}}': "0+10x61",
        f'{histogram}_bucket{{{of}"+Inf"}}': "0+10x61",
    }


def _burn(window: str) -> str:
    return f'homeport_slo_burn_rate{{indicator="latency",objective="chat",window="{window}"}}'


_CHAT = {"objective": "chat", "indicator": "latency"}

MINUTES = (
    Case(
        alert="HomeportErrorRatioHigh",
        series={f'{_REQUESTS}"completed"}}': "0+90x60", f'{_REQUESTS}"failed"}}': "0x5 0+10x25 250x30"},
        quiet_at="10m",
        summary="10% of requests fail.",
    ),
    Case(
        alert="HomeportLatencyHigh",
        series=late("homeport_request_duration_seconds", OF_MODEL, "20.48", "40.96"),
        quiet_at="9m",
        labels={"tier": "local", "model": "smollm2"},
        summary="smollm2 takes 39.94s for 5 % of its answers.",
    ),
    Case(
        alert="HomeportErrorBudgetBurnsFast",
        series={_burn("1h"): "1x9 20x50", _burn("5m"): "1x9 20x20 0x30"},
        quiet_at="9m",
        labels=_CHAT,
        summary="Objective chat (latency) uses its error budget 20 times as fast as it may.",
    ),
    Case(
        alert="HomeportErrorBudgetBurnsFast",
        series={_burn("6h"): "7x60", _burn("30m"): "1x9 8x20 0x30"},
        quiet_at="9m",
        labels=_CHAT,
        summary="Objective chat (latency) uses its error budget 7 times as fast as it may.",
    ),
    Case(
        alert="HomeportErrorBudgetBurnsSlow",
        series={_burn("3d"): "1.5x60", _burn("6h"): "0.5x9 2x20 0x30"},
        quiet_at="9m",
        labels=_CHAT,
        summary="Objective chat (latency) uses its error budget 1.5 times as fast as it may.",
    ),
    Case(
        alert="HomeportBudgetNearlyGone",
        series={
            'homeport_budget_spent_usd{budget="search",instance="g"}': "50x10 95x20 1x30",
            'homeport_budget_limit_usd{budget="search",instance="g"}': "100x60",
            'homeport_budget_spent_usd{budget="nothing",instance="g"}': "0x60",
            'homeport_budget_limit_usd{budget="nothing",instance="g"}': "0x60",
        },
        quiet_at="5m",
        labels={"budget": "search"},
        summary="Budget search is used to 95%.",
    ),
    Case(
        alert="HomeportEngineDown",
        series={
            'homeport_upstream_ready{instance="g",upstream="smol",worker="1"}': "1x9 0x20 1x30",
            'homeport_upstream_ready{instance="g",upstream="smol-2",worker="1"}': "1x60",
        },
        quiet_at="11m",
        labels={"instance": "g", "upstream": "smol"},
        summary="Engine smol does not answer its health check at g.",
    ),
    Case(
        alert="HomeportEngineUnmeasured",
        series={'up{job="homeport-engines",instance="g",upstream="smol",pool="smol"}': "1x5 0x25 1x30"},
        quiet_at="14m",
        labels={"job": "homeport-engines", "instance": "g", "upstream": "smol", "pool": "smol"},
        summary="Prometheus gets no metrics of engine smol at g.",
    ),
    Case(
        alert="HomeportQueueWaitLong",
        series=late("homeport_engine_queue_wait_seconds", 'upstream="smol"', "10.24", "20.48"),
        quiet_at="4m",
        labels={"upstream": "smol"},
        summary="5 % of the requests for smol wait 19.97s for a place.",
    ),
    Case(
        alert="HomeportGatewayDown",
        series={'up{job="homeport",instance="g"}': "1x10 0x20 1x30"},
        quiet_at="11m",
        labels={"job": "homeport", "instance": "g"},
        summary="Prometheus cannot reach the gateway at g.",
    ),
    Case(
        alert="HomeportJobsDown",
        series={'homeport_unusual_judged{instance="g"}': "3x5 _x25 3x30", 'up{job="homeport",instance="g"}': "1x60"},
        quiet_at="14m",
        summary="The jobs worker counts nothing: budgets, objectives and what is unusual are not looked at.",
    ),
    Case(
        alert="HomeportUnusual",
        series={
            'homeport_unusual{instance="g",level="model",measure="latency"}': "0x9 2x20 0x30",
            'homeport_unusual{instance="g",level="key",measure="spend"}': "0x60",
        },
        quiet_at="9m",
        labels={"level": "model", "measure": "latency"},
        summary="Not as usual: latency, by model (2).",
    ),
    Case(
        alert="HomeportIncidentOpen",
        series={
            'homeport_incidents{instance="g",kind="model.changed",state="open"}': "0x9 2x20 0x30",
            'homeport_incidents{instance="h",kind="model.changed",state="open"}': "0x9 2x20 0x30",
            'homeport_incidents{instance="g",kind="model.changed",state="acknowledged"}': "0x29 2x30",
            'homeport_incidents{instance="g",kind="quality.fell",state="acknowledged"}': "1x60",
            'homeport_incidents{instance="g",kind="quality.fell",state="open"}': "0x60",
        },
        quiet_at="9m",
        labels={"kind": "model.changed"},
        summary="2 incident(s) of the kind model.changed are open, and nobody looks into them.",
    ),
    Case(
        alert="HomeportAlertsUndelivered",
        series={
            'homeport_alert_deliveries{instance="g",webhook="pager",state="failed"}': "0x9 2x20 0x30",
            'homeport_alert_deliveries{instance="h",webhook="pager",state="failed"}': "0x9 2x20 0x30",
            'homeport_alert_deliveries{instance="g",webhook="pager",state="late"}': "_x10 1x20 _x30",
            'homeport_alert_deliveries{instance="g",webhook="pager",state="waiting"}': "5x60",
        },
        quiet_at="9m",
        labels={"webhook": "pager"},
        summary="3 alert(s) of the last day have not reached pager.",
    ),
    Case(
        alert="HomeportSpansLost",
        series={
            'homeport_traced_requests_total{instance="g",result="failed"}': "0+120x30 3600x40",
            'homeport_traced_requests_total{instance="h",result="failed"}': "0+120x30 3600x40",
            'homeport_traced_requests_total{instance="g",result="sent"}': "0+600x70",
        },
        labels={"result": "failed"},
        summary="Spans of 2 requests a second do not reach the collector (failed).",
    ),
    Case(
        alert="HomeportConfigurationRefused",
        series={_REFUSED: "0x10 1x60"},
        quiet_at="10m",
        labels={"instance": "g"},
        summary="A changed configuration was refused at g; the old one holds.",
    ),
)

HOURS = (
    Case(
        alert="HomeportSpendHigh",
        series={_COST: f"0+{USD}x48 {48 * USD}+{10 * USD}x30 {348 * USD}x48"},
        quiet_at="48h",
        fires_at="76h",
        clears_at="110h",
        summary="240.00 $ were spent in 24 hours.",
    ),
    Case(
        alert="HomeportSpendUnusual",
        series={_COST: f"0+{USD}x240 {240 * USD}+{4 * USD}x30 {360 * USD}+{USD}x48"},
        quiet_at="240h",
        fires_at="268h",
        clears_at="300h",
        summary="96.00 $ were spent in 24 hours, more than 3 times a usual day of the week before.",
    ),
)

PROMISED = (
    Case(
        alert="HomeportObjectiveLate",
        series=late("homeport_request_duration_seconds", OF_MODEL, "2.56", "5.12"),
        quiet_at="9m",
        labels={"objective": "everything", "of": "homeport_request_duration_seconds"},
        summary="Objective everything: 95.0000% of whole answers take 4.992s, and 4 s are promised.",
    ),
    Case(
        alert="HomeportObjectiveLate",
        series=late("homeport_time_to_first_token_seconds", OF_MODEL, "0.64", "1.28"),
        quiet_at="9m",
        labels={"objective": "streams", "of": "homeport_time_to_first_token_seconds"},
        summary="Objective streams: 50.0000% of first tokens take 960ms, and 0.8 s are promised.",
    ),
)
