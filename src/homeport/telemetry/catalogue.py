"""Every metric of the page: its name, its labels, and how many series it can have at most.

A test compares it with the page and with docs/reference/metrics.md. What rules and dashboards name is looked up here.
"""

from enum import StrEnum

import msgspec

from homeport.core.incidents import IncidentKind
from homeport.core.unusual import Level, Measure
from homeport.storage.budget_figures import MOST_FIGURES
from homeport.telemetry.bounds import (
    MOST_ALERTS,
    MOST_ATTEMPTS,
    MOST_CODES,
    MOST_KINDS,
    MOST_MODELS,
    MOST_OBJECTIVES,
    MOST_QUALITY,
    MOST_REQUESTS,
    MOST_UPSTREAMS,
)
from homeport.telemetry.times import SERIES


class Kind(StrEnum):
    """What Prometheus calls its type."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class MetricFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One metric.

    Attributes:
        name: as Prometheus stores it; a histogram's without `_bucket`, `_sum` and `_count`.
        most: combinations of its labels at most.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...] = ()
    most: int = 1

    @property
    def series(self) -> int:
        """Series at most, with a counter's and a histogram's time of creation."""
        each = {Kind.COUNTER: 2, Kind.GAUGE: 1, Kind.HISTOGRAM: SERIES + 1}
        return self.most * each[self.kind]

    @property
    def stored(self) -> tuple[str, ...]:
        """The names that its series have."""
        if self.kind is Kind.HISTOGRAM:
            return (f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count")
        return (self.name,)


def _counter(name: str, *labels: str, most: int = 1) -> MetricFacts:
    return MetricFacts(name=name, kind=Kind.COUNTER, labels=labels, most=most)


def _gauge(name: str, *labels: str, most: int = 1) -> MetricFacts:
    return MetricFacts(name=name, kind=Kind.GAUGE, labels=labels, most=most)


def _times(name: str, *labels: str, most: int = 1) -> MetricFacts:
    return MetricFacts(name=name, kind=Kind.HISTOGRAM, labels=labels, most=most)


_OF_MODEL = ("tier", "model")
_OF_OBJECTIVE = ("objective", "indicator")
_OF_QUALITY = (*_OF_MODEL, "metric")
_SAMPLED, _UNRESOLVED = 5, 2
_BURN_WINDOWS, _SEVERITIES, _RESULTS, _TOKEN_TYPES, _TRACED = 5, 2, 2, 4, 3

OF_PROCESS: tuple[MetricFacts, ...] = (
    _counter("homeport_requests_total", "surface", *_OF_MODEL, "outcome", most=MOST_REQUESTS),
    _counter("homeport_errors_total", "code", most=MOST_CODES),
    _counter("homeport_upstream_attempts_total", "model", "error", most=MOST_ATTEMPTS),
    _counter("homeport_tokens_total", *_OF_MODEL, "type", most=MOST_MODELS * _TOKEN_TYPES),
    _counter("homeport_cost_nanodollars_total", *_OF_MODEL, most=MOST_MODELS),
    _counter("homeport_cache_requests_total", "kind", most=MOST_KINDS),
    _counter("homeport_cache_saved_nanodollars_total"),
    _counter("homeport_cache_bypassed_total", "reason", most=MOST_KINDS),
    _times("homeport_cache_lookup_seconds"),
    _gauge("homeport_cache_entries"),
    _gauge("homeport_cache_bytes"),
    _gauge("homeport_cache_memory_bytes"),
    _gauge("homeport_cache_warm"),
    _gauge("homeport_cache_flights"),
    _times("homeport_request_duration_seconds", *_OF_MODEL, most=MOST_MODELS),
    _times("homeport_time_to_first_byte_seconds", *_OF_MODEL, most=MOST_MODELS),
    _times("homeport_time_to_first_token_seconds", *_OF_MODEL, most=MOST_MODELS),
    _times("homeport_engine_time_to_first_token_seconds", "pool", most=MOST_UPSTREAMS),
    _gauge("homeport_requests_in_flight"),
    _counter("homeport_config_reloads_total", "result", most=_RESULTS),
    _gauge("homeport_tasks"),
    _gauge("homeport_upstream_connections"),
    _gauge("homeport_engine_places", "upstream", most=MOST_UPSTREAMS),
    _gauge("homeport_engine_in_use", "upstream", most=MOST_UPSTREAMS),
    _gauge("homeport_engine_waiting", "upstream", most=MOST_UPSTREAMS),
    _times("homeport_engine_queue_wait_seconds", "upstream", most=MOST_UPSTREAMS),
    _gauge("homeport_upstream_ready", "upstream", most=MOST_UPSTREAMS),
    _counter("homeport_loop_signals_total", "signal", "level", most=MOST_KINDS),
    _counter("homeport_cache_errands_total", "kind", "result", most=MOST_KINDS),
    _counter("homeport_refused_total", "code", most=MOST_CODES),
    _counter("homeport_budget_refused_total", "budget", most=MOST_FIGURES + 1),
)
"""What a gateway process counts itself; where there are several, each series has a label `worker` too."""

OF_ALL: tuple[MetricFacts, ...] = (
    _gauge("homeport_budget_limit_usd", "budget", most=MOST_FIGURES),
    _gauge("homeport_budget_spent_usd", "budget", most=MOST_FIGURES),
    _gauge("homeport_budget_leased_usd", "budget", most=MOST_FIGURES),
    _gauge("homeport_alerts", "kind", "severity", most=MOST_ALERTS),
    _gauge("homeport_alert_deliveries", "webhook", "state", most=MOST_ALERTS),
    _gauge("homeport_incidents", "kind", "state", most=len(IncidentKind) * _UNRESOLVED),
    _gauge("homeport_unusual", "level", "measure", most=len(Level) * len(Measure)),
    _gauge("homeport_unusual_judged"),
    _counter("homeport_traced_requests_total", "result", most=_TRACED),
    _gauge("homeport_traced_requests_waiting"),
    _gauge("homeport_quality_value", *_OF_QUALITY, most=MOST_QUALITY),
    _gauge("homeport_quality_failed_ratio", *_OF_QUALITY, most=MOST_QUALITY),
    _gauge("homeport_quality_outputs", *_OF_MODEL, most=MOST_MODELS),
    _gauge("homeport_quality_outputs_of", *_OF_MODEL, "state", most=MOST_MODELS * _SAMPLED),
    _gauge("homeport_quality_waiting"),
    _gauge("homeport_slo_computed_timestamp_seconds"),
    _gauge("homeport_slo_target_ratio", *_OF_OBJECTIVE, most=MOST_OBJECTIVES),
    _gauge("homeport_slo_ratio", *_OF_OBJECTIVE, most=MOST_OBJECTIVES),
    _gauge("homeport_slo_error_budget_remaining_ratio", *_OF_OBJECTIVE, most=MOST_OBJECTIVES),
    _gauge("homeport_slo_requests", *_OF_OBJECTIVE, "result", most=MOST_OBJECTIVES * _RESULTS),
    _gauge("homeport_slo_burn_rate", *_OF_OBJECTIVE, "window", most=MOST_OBJECTIVES * _BURN_WINDOWS),
    _gauge("homeport_slo_alert", *_OF_OBJECTIVE, "severity", most=MOST_OBJECTIVES * _SEVERITIES),
)
"""What the jobs worker counts, the same on every page of a state folder."""

METRICS = OF_PROCESS + OF_ALL


def most_series(workers: int = 1) -> int:
    """How many series the page has at most, whatever callers send and however often the configuration changes."""
    return workers * sum(one.series for one in OF_PROCESS) + sum(one.series for one in OF_ALL)
