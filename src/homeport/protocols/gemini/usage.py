"""Gemini's token counts to and from `Usage`.

Thoughts are billed as output and are not inside `candidatesTokenCount`; the prompts of Google's own
tools are not inside `promptTokenCount`; cached content is inside it.
Source: https://ai.google.dev/api/generate-content#UsageMetadata.
"""

from typing import Any

import msgspec

from homeport.core.types import Usage
from homeport.protocols.gemini.wire import UNREADABLE

_MAX_TOKENS = 1_000_000_000


def read_usage(metadata: msgspec.Raw) -> Usage | None:
    """The usage of `usageMetadata`; None where it says nothing that makes sense. Never raises."""
    try:
        counts = msgspec.json.decode(metadata)
    except UNREADABLE:
        return None
    prompt = _count(counts, "promptTokenCount")
    if prompt is None:
        return None
    thoughts = _count(counts, "thoughtsTokenCount") or 0
    return Usage(
        input_tokens=prompt + (_count(counts, "toolUsePromptTokenCount") or 0),
        cached_input_tokens=min(_count(counts, "cachedContentTokenCount") or 0, prompt),
        output_tokens=(_count(counts, "candidatesTokenCount") or 0) + thoughts,
        reasoning_tokens=thoughts,
    )


def usage_metadata(usage: Usage) -> dict[str, int]:
    """`usageMetadata` of a usage; counts of nothing are left out, as Google does."""
    counts = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": usage.output_tokens - usage.reasoning_tokens,
        "totalTokenCount": usage.input_tokens + usage.output_tokens,
        "cachedContentTokenCount": usage.cached_input_tokens,
        "thoughtsTokenCount": usage.reasoning_tokens,
    }
    always = ("promptTokenCount", "totalTokenCount")
    return {name: count for name, count in counts.items() if count or name in always}


def chat_usage(usage: Usage) -> dict[str, Any]:
    """OpenAI's `usage` object."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def read_chat_usage(reported: Any) -> Usage | None:
    """`Usage` of OpenAI's `usage` object; None where it says nothing that makes sense. Never raises."""
    prompt = _count(reported, "prompt_tokens")
    if prompt is None:
        return None
    output = _count(reported, "completion_tokens") or 0
    details = reported.get("prompt_tokens_details"), reported.get("completion_tokens_details")
    return Usage(
        input_tokens=prompt,
        cached_input_tokens=min(_count(details[0], "cached_tokens") or 0, prompt),
        output_tokens=output,
        reasoning_tokens=min(_count(details[1], "reasoning_tokens") or 0, output),
    )


def _count(holder: Any, name: str) -> int | None:
    value = holder.get(name) if isinstance(holder, dict) else None
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_TOKENS
    return value if is_count else None
