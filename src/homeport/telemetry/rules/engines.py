"""What vLLM and llama.cpp count, under one name each.

Both tell the same things in other words. The label `runtime` says whose words they were; `instance`, `pool` and
`upstream` say which engine. llama.cpp tells no times, so the first token is also measured by the gateway, which sees
every engine's: `seen_from` is `engine` or `gateway`, and the gateway's includes the wait for a place.
"""

from collections.abc import Iterator

from homeport.telemetry.rules.rule import Group, Recording

VLLM, LLAMACPP = "vllm", "llamacpp"
_ENGINE = "instance, pool, upstream"
_QUANTILES = {"p50": 0.5, "p95": 0.95}


def engine_rules() -> Group:
    """One name for each thing that engines count."""
    return Group(name="homeport-engines", rules=(*_rates(), *_gauges(), *_ratios(), *_first_tokens()))


def _rates() -> Iterator[Recording]:
    counted = {
        "homeport:engine_tokens_read:rate5m": ("vllm:prompt_tokens_total", "llamacpp:prompt_tokens_total"),
        "homeport:engine_tokens_written:rate5m": ("vllm:generation_tokens_total", "llamacpp:tokens_predicted_total"),
    }
    for record, (vllm, llamacpp) in counted.items():
        yield _of(VLLM, record, f"rate({vllm}[5m])")
        yield _of(LLAMACPP, record, f"rate({llamacpp}[5m])")


def _gauges() -> Iterator[Recording]:
    counted = {
        "homeport:engine_requests_running": ("vllm:num_requests_running", "llamacpp:requests_processing"),
        "homeport:engine_requests_waiting": ("vllm:num_requests_waiting", "llamacpp:requests_deferred"),
    }
    for record, (vllm, llamacpp) in counted.items():
        yield _of(VLLM, record, vllm)
        yield _of(LLAMACPP, record, llamacpp)


def _ratios() -> Iterator[Recording]:
    """vLLM alone tells them."""
    hits, queries = (f"rate(vllm:prefix_cache_{what}_total[5m])" for what in ("hits", "queries"))
    used = f"max by ({_ENGINE}) (vllm:kv_cache_usage_perc)"
    yield _recorded("homeport:engine_kv_cache_used:ratio", used, runtime=VLLM)
    hit = f"sum by ({_ENGINE}) ({hits}) / sum by ({_ENGINE}) ({queries})"
    yield _recorded("homeport:engine_prefix_cache_hit:ratio5m", hit, runtime=VLLM)


def _first_tokens() -> Iterator[Recording]:
    sources = {
        "engine": (_ENGINE, "vllm:time_to_first_token_seconds_bucket"),
        "gateway": ("instance, pool", "homeport_engine_time_to_first_token_seconds_bucket"),
    }
    for seen_from, (by, buckets) in sources.items():
        for name, share in _QUANTILES.items():
            value = f"histogram_quantile({share}, sum by ({by}, le) (rate({buckets}[5m])))"
            yield _recorded(f"homeport:engine_time_to_first_token_seconds:{name}_5m", value, seen_from=seen_from)


def _of(runtime: str, record: str, value: str) -> Recording:
    return _recorded(record, f"sum by ({_ENGINE}) ({value})", runtime=runtime)


def _recorded(record: str, expr: str, **labels: str) -> Recording:
    return Recording(record=record, expr=expr, labels=labels)
