"""Token counts in both families' words.

OpenAI's `prompt_tokens` are all tokens of the prompt. Anthropic's `input_tokens` are those that were
neither read from a cache nor written to one. `Usage` counts as OpenAI does, so no token counts twice.
"""

from collections.abc import Mapping
from typing import Any

from homeport.core.types import Usage

_MAX_TOKENS = 1_000_000_000
_WAYS = ("batch", "fast", "priority")


def usage_of_messages(reported: Any) -> Usage | None:
    """What Anthropic's `usage` object says; None where it says nothing that makes sense. Never raises."""
    fresh, output = _count(reported, "input_tokens"), _count(reported, "output_tokens")
    if fresh is None or output is None:
        return None
    cached = _count(reported, "cache_read_input_tokens") or 0
    kept = _field(reported, "cache_creation")
    long = _count(kept, "ephemeral_1h_input_tokens") or 0
    parts = long + (_count(kept, "ephemeral_5m_input_tokens") or 0)
    written = _count(reported, "cache_creation_input_tokens") or parts
    thought = _count(_field(reported, "output_tokens_details"), "thinking_tokens") or 0
    return Usage(
        input_tokens=fresh + cached + written,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        long_cache_write_tokens=min(long, written),
        output_tokens=output,
        reasoning_tokens=min(thought, output),
        searches=_count(_field(reported, "server_tool_use"), "web_search_requests") or 0,
        service_tier=_way(reported),
    )


def _way(reported: Any) -> str:
    """How Anthropic served it: `fast` is a speed there, `batch` and `priority` are tiers."""
    tier, speed = _field(reported, "service_tier"), _field(reported, "speed")
    return next((way for way in (speed, tier) if way in _WAYS), "")


def messages_usage(usage: Usage) -> dict[str, Any]:
    """Anthropic's `usage` object."""
    said: dict[str, Any] = {
        "input_tokens": usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_input_tokens,
        "output_tokens": usage.output_tokens,
    }
    if usage.cache_write_tokens:
        short = usage.cache_write_tokens - usage.long_cache_write_tokens
        long = usage.long_cache_write_tokens
        said["cache_creation"] = {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long}
    if usage.reasoning_tokens:
        said["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return said


def usage_of_chat(reported: Any) -> Usage | None:
    """What chat's `usage` object says; None where it says nothing that makes sense. Never raises."""
    prompt, output = _count(reported, "prompt_tokens"), _count(reported, "completion_tokens")
    if prompt is None or output is None:
        return None
    details = _field(reported, "prompt_tokens_details")
    cached = min(_count(details, "cached_tokens") or 0, prompt)
    thought = _count(_field(reported, "completion_tokens_details"), "reasoning_tokens") or 0
    return Usage(
        input_tokens=prompt,
        cached_input_tokens=cached,
        cache_write_tokens=min(_count(details, "cache_write_tokens") or 0, prompt - cached),
        output_tokens=output,
        reasoning_tokens=min(thought, output),
    )


def chat_usage(usage: Usage) -> dict[str, Any]:
    """Chat's `usage` object."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def merged(earlier: Mapping[str, Any], later: Any) -> dict[str, Any]:
    """Anthropic's usage of a stream so far: each report is a total, and leaves out what did not change."""
    news = later.items() if isinstance(later, dict) else ()
    return {**earlier, **{name: value for name, value in news if value is not None}}


def _field(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, dict) else None


def _count(holder: Any, name: str) -> int | None:
    value = _field(holder, name)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_TOKENS
    return value if is_count else None
