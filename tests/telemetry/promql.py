"""Expressions of rules and dashboards, read by a parser that is not ours, and what they may name."""

from collections.abc import Mapping, Sequence

import promql_parser
from promql_parser import Expr, VectorSelector

from homeport.config.schema import Settings
from homeport.telemetry.catalogue import METRICS
from homeport.telemetry.rules.alerts import alert_rules
from homeport.telemetry.rules.engines import engine_rules
from homeport.telemetry.rules.requests import request_rules
from homeport.telemetry.rules.rule import Recording

LABELS = {"instance", "job", "worker", "le", "alertname", "alertstate", "seen_from"}
"""Labels that Prometheus and the rules add to those of a metric."""

VLLM = {
    *("vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"),
    *("vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total", "vllm:prompt_tokens_total"),
    *("vllm:generation_tokens_total", "vllm:time_to_first_token_seconds_bucket"),
}
LLAMACPP = {
    *("llamacpp:prompt_tokens_total", "llamacpp:tokens_predicted_total"),
    *("llamacpp:requests_processing", "llamacpp:requests_deferred"),
}
"""What rules may take from the engines; tests/e2e/test_prometheus.py, and for vLLM tests/conformance, find them."""
OF_VLLM = {
    *("engines: Memory for what it has read", "engines: Found in the prefix cache"),
    "engines: First token, as the engine sees it",
}
"""Panels that vLLM alone has something for."""
RECORDS = ("tokens_read:rate5m", "tokens_written:rate5m", "requests_running", "requests_waiting")
"""What every engine that counts is recorded as, after `homeport:engine_`."""

_FILLED = {"$__rate_interval": "1m", "$__interval": "1m", "$instance": ".*"}


def filled(expr: str) -> str:
    """What Grafana asks for when all gateways are chosen."""
    for name, value in _FILLED.items():
        expr = expr.replace(name, value)
    return expr


def parsed(expr: str) -> Expr:
    """Raises ValueError for what is no PromQL."""
    return promql_parser.parse(expr)


def selectors(expr: str) -> Sequence[tuple[str, Mapping[str, str]]]:
    """Every metric that is named, with the values that its labels are compared with."""
    found: list[tuple[str, Mapping[str, str]]] = []

    def visit(node: Expr) -> None:
        if isinstance(node, VectorSelector):
            found.append((node.name or "", {one.name: one.value for one in node.matchers.matchers}))

    promql_parser.walk(parsed(expr), visit)
    return found


def names_that_exist(settings: Settings) -> Mapping[str, Sequence[str]]:
    """Series that may be named, with the labels of those that are Homeport's own."""
    groups = (engine_rules(), request_rules(), *alert_rules(settings))
    recorded = [rule.record for group in groups for rule in group.rules if isinstance(rule, Recording)]
    ours = {name: facts.labels for facts in METRICS for name in facts.stored}
    return {**ours, **dict.fromkeys([*recorded, *VLLM, *LLAMACPP, "up", "ALERTS"], ())}
