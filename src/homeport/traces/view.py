"""A request as programs are told of it: by the admin API, `--json` and the live tail."""

from homeport.core.money import format_usd
from homeport.storage.request_rows import RequestRow

_SECOND, _MILLISECOND = 1_000_000_000, 1_000_000
_SAME = (
    *("project", "surface", "requested_model", "tier", "target", "upstream", "model", "local", "data_class", "stream"),
    *("outcome", "status", "error", "reason"),
    *("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "estimated"),
    *("price_source", "end_user", "trace_id", "batch", "cache", "cache_entry"),
)


def view(row: RequestRow) -> dict[str, object]:
    """One request for JSON. Times are seconds since the epoch, durations milliseconds, money dollars as text."""
    return {
        "id": row.request_id,
        "started_at": row.started_at / _SECOND,
        "key": row.key_id,
        **{name: getattr(row, name) for name in _SAME},
        "cost_usd": format_usd(row.cost),
        "baseline_usd": format_usd(row.baseline_cost) if row.baseline_cost else None,
        "saved_usd": format_usd(row.saved_cost),
        "latency_ms": row.latency_ns / _MILLISECOND,
        "ttft_ms": row.ttft_ns / _MILLISECOND if row.ttft_ns else None,
        "engine_ms": row.engine_ns / _MILLISECOND if row.engine_ns else None,
        "attempts": len(row.attempts),
    }
