"""What the gateways count, as the shares, times and dollars that people ask for."""

from collections.abc import Iterator

from homeport.telemetry.rules.rule import Group, Recording

_OF_MODEL = "tier, model"
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_ANSWERABLE = 'outcome=~"completed|failed"'
"""What was refused for the caller's fault, or left by the caller, says nothing of us."""

DOLLARS = "1e9"
"""Nano-dollars in a dollar."""


def request_rules() -> Group:
    """Failures, times, money, and what the caches answered."""
    return Group(name="homeport-requests", rules=(*_failures(), *_times(), *_money(), *_caches()))


def _failures() -> Iterator[Recording]:
    failed = 'rate(homeport_requests_total{outcome="failed"}[5m])'
    ended = f"rate(homeport_requests_total{{{_ANSWERABLE}}}[5m])"
    # Where nothing has failed yet there is no such series, and the share is 0 all the same.
    yield _kept("homeport:request_failure:ratio5m", f"(sum({failed}) or 0 * sum({ended})) / sum({ended})")
    yield _kept("homeport:model_failure:ratio5m", model_failures("[5m]"))


def model_failures(span: str, matcher: str = "") -> str:
    """The part of a model's calls that failed, or broke off.

    A request that no model answered has no model, so calls are what is counted; what an upstream refused for the
    caller's fault is none of its own.
    """
    calls = f'sum by (model) (rate(homeport_upstream_attempts_total{{{matcher}error=~"|upstream_.+"}}{span}))'
    failed = f'homeport_upstream_attempts_total{{{matcher}error=~"upstream_.+", error!="upstream_rejected_request"}}'
    broken = f'homeport_requests_total{{{matcher}outcome="failed", model!=""}}'
    bad = f"sum by (model) (rate({failed}{span}) or rate({broken}{span}))"
    return f"({bad} or 0 * {calls}) / {calls}"


def _times() -> Iterator[Recording]:
    measured = {
        "homeport:request_duration_seconds": "homeport_request_duration_seconds_bucket",
        "homeport:time_to_first_token_seconds": "homeport_time_to_first_token_seconds_bucket",
    }
    for record, buckets in measured.items():
        for name, share in _QUANTILES.items():
            value = f"histogram_quantile({share}, sum by ({_OF_MODEL}, le) (rate({buckets}[5m])))"
            yield _kept(f"{record}:{name}_5m", value)
    waits = "sum by (upstream, le) (rate(homeport_engine_queue_wait_seconds_bucket[5m]))"
    yield _kept("homeport:engine_queue_wait_seconds:p95_5m", f"histogram_quantile(0.95, {waits})")


def _money() -> Iterator[Recording]:
    cost = "homeport_cost_nanodollars_total"
    yield _kept("homeport:spend_usd:increase24h", f"sum(increase({cost}[24h])) / {DOLLARS}")
    yield _kept("homeport:spend_usd_per_hour:rate1h", f"sum by ({_OF_MODEL}) (rate({cost}[1h])) * 3600 / {DOLLARS}")
    # What a day of the week before the last day cost.
    yield _kept("homeport:spend_usd:daily7d", f"sum(increase({cost}[7d] offset 1d)) / 7 / {DOLLARS}")


def _caches() -> Iterator[Recording]:
    asked = "rate(homeport_cache_requests_total[5m])"
    hits = 'rate(homeport_cache_requests_total{kind!="miss"}[5m])'
    yield _kept("homeport:cache_hit:ratio5m", f"(sum({hits}) or 0 * sum({asked})) / sum({asked})")
    read, cached = (
        f'sum by ({_OF_MODEL}) (rate(homeport_tokens_total{{type="{kind}"}}[5m]))' for kind in ("input", "cached_input")
    )
    yield _kept("homeport:model_prefix_cache_hit:ratio5m", f"{cached} / {read}")


def _kept(record: str, expr: str) -> Recording:
    return Recording(record=record, expr=expr)
