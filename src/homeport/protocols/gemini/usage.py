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
_AUDIO = frozenset({"AUDIO"})
_IMAGE = frozenset({"IMAGE", "DOCUMENT"})
"""Pages of a document are read as images, and billed as such."""
_TIERS = frozenset({"batch", "flex", "priority"})


def read_usage(metadata: msgspec.Raw) -> Usage | None:
    """The usage of `usageMetadata`; None where it says nothing that makes sense. Never raises."""
    try:
        counts = msgspec.json.decode(metadata)
    except UNREADABLE:
        return None
    prompt = _count(counts, "promptTokenCount")
    if prompt is None:
        return None
    cached = min(_count(counts, "cachedContentTokenCount") or 0, prompt)
    candidates, thoughts = _count(counts, "candidatesTokenCount") or 0, _count(counts, "thoughtsTokenCount") or 0
    audio = min(_of(counts, "promptTokensDetails", _AUDIO), prompt)
    return Usage(
        input_tokens=prompt + (_count(counts, "toolUsePromptTokenCount") or 0),
        cached_input_tokens=cached,
        audio_input_tokens=audio,
        image_input_tokens=min(_of(counts, "promptTokensDetails", _IMAGE), prompt),
        cached_audio_input_tokens=min(_of(counts, "cacheTokensDetails", _AUDIO), audio, cached),
        output_tokens=candidates + thoughts,
        reasoning_tokens=thoughts,
        audio_output_tokens=min(_of(counts, "candidatesTokensDetails", _AUDIO), candidates),
        image_output_tokens=min(_of(counts, "candidatesTokensDetails", _IMAGE), candidates),
        service_tier=_tier(counts),
    )


def _of(counts: Any, name: str, modality: frozenset[str]) -> int:
    """Tokens of some modalities in a list of `{modality, tokenCount}`."""
    details = counts.get(name)
    told = [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
    return sum(_count(one, "tokenCount") or 0 for one in told if str(one.get("modality")) in modality)


def _tier(counts: Any) -> str:
    said = counts.get("serviceTier")
    tier = said.lower().removeprefix("service_tier_") if isinstance(said, str) else ""
    return tier if tier in _TIERS else ""


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
