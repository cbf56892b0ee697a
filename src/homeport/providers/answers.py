"""What is read of an OpenAI-compatible answer or chunk: whether it is one, its usage, and an error in it."""

import math
import re
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from homeport.core.errors import BadAnswer
from homeport.core.types import Surface, Usage

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_MAX_TOKENS = 1_000_000_000
_MAX_ENGINE_MS = 1e9
_NULL = msgspec.Raw(b"null")
_Count = Annotated[int, msgspec.Meta(ge=0, le=_MAX_TOKENS)]
_TIER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_ORDINARY = frozenset({"auto", "default", "standard", "on_demand", "scale"})
# OpenAI's words for the error of a response, where it is not the server's.
_STATUS_OF_CODE = {"rate_limit_exceeded": 429, "invalid_prompt": 400}
_CONTENT = {
    Surface.EMBEDDING: "data",
    Surface.RESPONSES: "output",
    Surface.MODERATION: "results",
    Surface.RERANK: "results",
}


class Answer(msgspec.Struct):
    """What is read of a whole answer or of a chunk. Raw, so that nonsense in one field spoils no other."""

    choices: list[msgspec.Raw] | None = None
    data: list[msgspec.Raw] | None = None
    output: list[msgspec.Raw] | None = None
    results: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = _NULL
    timings: msgspec.Raw = _NULL
    service_tier: msgspec.Raw = _NULL
    error: msgspec.Raw = _NULL


class _InputDetails(msgspec.Struct, frozen=True):
    cached_tokens: _Count = 0
    cache_write_tokens: _Count = 0
    audio_tokens: _Count = 0
    image_tokens: _Count = 0


class _OutputDetails(msgspec.Struct, frozen=True):
    reasoning_tokens: _Count = 0
    audio_tokens: _Count = 0
    image_tokens: _Count = 0


class _Usage(msgspec.Struct):
    """Usage as OpenAI's chats report it: the common case, read in one step."""

    prompt_tokens: _Count
    completion_tokens: _Count = 0
    prompt_tokens_details: _InputDetails = _InputDetails()
    completion_tokens_details: _OutputDetails = _OutputDetails()
    cached_tokens: _Count = 0
    prompt_cache_hit_tokens: _Count = 0


ANSWER = msgspec.json.Decoder(Answer)
_USAGE = msgspec.json.Decoder(_Usage)


def usage_of(body: bytes) -> Usage | None:
    """The usage that an OpenAI-compatible answer or chunk reports.

    `usage` is read as OpenAI documents it, and llama.cpp's `timings` for the engine's own time. A count
    that makes no sense is as good as absent; a subset larger than its whole is cut to it. Never raises.
    """
    try:
        answer = ANSWER.decode(body)
    except UNREADABLE:
        return None
    return answer_usage(answer)


def answer_usage(answer: Answer) -> Usage | None:
    """What an answer or a chunk says of its usage: its counts, how it was served, and the searches it took."""
    usage = read_usage(answer.usage, answer.timings)
    if usage is None or (bytes(answer.service_tier) == b"null" and not answer.output):
        return usage
    return served(usage, answer.service_tier, answer.output)


def served(usage: Usage, service_tier: msgspec.Raw, output: list[msgspec.Raw] | None) -> Usage:
    """The usage with how the call was served, and the web searches among the items of a response's output."""
    tier, searches = tier_named(value_of(service_tier)), _searches(output or ())
    if not (tier or searches):
        return usage
    return msgspec.structs.replace(usage, service_tier=tier, searches=searches)


def tier_named(said: Any) -> str:
    """A service tier in one word; "" for the ordinary one, and for what is no name of one."""
    if not isinstance(said, str) or _TIER.fullmatch(said) is None or said.lower() in _ORDINARY:
        return ""
    return said.lower()


def _searches(output: Iterable[msgspec.Raw]) -> int:
    """Web searches of a response. Opening a page that was found, or looking into it, is billed by no API."""
    items = (value_of(item) for item in output if b"web_search_call" in bytes(item))
    calls = [item for item in items if _field(item, "type") == "web_search_call"]
    return sum(_field(_field(call, "action"), "type") in {None, "search"} for call in calls)


def read_usage(reported: msgspec.Raw, timings: msgspec.Raw) -> Usage | None:
    """What `usage` and llama.cpp's `timings` say; None where they say nothing that makes sense."""
    try:
        usage = _USAGE.decode(reported)
    except UNREADABLE:
        return _read_unusual(reported, timings)
    details, generated = usage.prompt_tokens_details, usage.completion_tokens_details
    told = value_of(timings)
    cached = details.cached_tokens or usage.cached_tokens or usage.prompt_cache_hit_tokens or _cached_by_timings(told)
    cached = min(cached, usage.prompt_tokens)
    return Usage(
        input_tokens=usage.prompt_tokens,
        cached_input_tokens=cached,
        cache_write_tokens=min(details.cache_write_tokens, usage.prompt_tokens - cached),
        audio_input_tokens=min(details.audio_tokens, usage.prompt_tokens),
        image_input_tokens=min(details.image_tokens, usage.prompt_tokens),
        output_tokens=usage.completion_tokens,
        reasoning_tokens=min(generated.reasoning_tokens, usage.completion_tokens),
        audio_output_tokens=min(generated.audio_tokens, usage.completion_tokens),
        image_output_tokens=min(generated.image_tokens, usage.completion_tokens),
        engine_ns=_engine_ns(told),
    )


def _read_unusual(reported: msgspec.Raw, timings: msgspec.Raw) -> Usage | None:
    """Other names for the counts, and fields that make no sense beside some that do."""
    usage = value_of(reported)
    asked, told = _names(usage)
    prompt = _count(usage, asked)
    # Embeddings and rerankings generate nothing, so they report no such field.
    output = _count(usage, told, missing=0)
    if prompt is None or output is None:
        return None
    details, generated = _field(usage, f"{asked}_details"), _field(usage, f"{told}_details")
    times = value_of(timings)
    cached = min(_cached(usage, details) or _cached_by_timings(times), prompt)
    return Usage(
        input_tokens=prompt,
        cached_input_tokens=cached,
        cache_write_tokens=min(_count(details, "cache_write_tokens") or 0, prompt - cached),
        audio_input_tokens=min(_count(details, "audio_tokens") or 0, prompt),
        image_input_tokens=min(_count(details, "image_tokens") or 0, prompt),
        output_tokens=output,
        reasoning_tokens=min(_count(generated, "reasoning_tokens") or 0, output),
        audio_output_tokens=min(_count(generated, "audio_tokens") or 0, output),
        image_output_tokens=min(_count(generated, "image_tokens") or 0, output),
        engine_ns=_engine_ns(times),
    )


def _cached(usage: Any, details: Any) -> int:
    """Cached prompt tokens: where OpenAI puts them, Together and Moonshot, or DeepSeek."""
    counts = (
        _count(details, "cached_tokens"),
        _count(usage, "cached_tokens"),
        _count(usage, "prompt_cache_hit_tokens"),
    )
    return next((count for count in counts if count), 0)


def _cached_by_timings(timings: Any) -> int:
    """Prompt tokens that llama.cpp had read before, as versions say it that say nothing of it in their usage."""
    return _count(timings, "cache_n") or 0


def _names(usage: Any) -> tuple[str, str]:
    """What the two counts are called: by chats, by responses, and by rerankers that tell a total only."""
    if _field(usage, "input_tokens") is not None:
        return "input_tokens", "output_tokens"
    has_only_total = _field(usage, "prompt_tokens") is None and _field(usage, "completion_tokens") is None
    return ("total_tokens" if has_only_total else "prompt_tokens"), "completion_tokens"


def value_of(raw: msgspec.Raw) -> Any:
    """The value, or None where it is none that can be read."""
    if bytes(raw) == b"null":
        return None
    try:
        return msgspec.json.decode(raw)
    except UNREADABLE:
        return None


def _field(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, dict) else None


def _count(holder: Any, name: str, missing: int | None = None) -> int | None:
    value = _field(holder, name)
    if value is None:
        return missing if isinstance(holder, dict) else None
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_TOKENS
    return value if is_count else None


def _engine_ns(timings: Any) -> int:
    if timings is None:
        return 0
    return round((_milliseconds(timings, "prompt_ms") + _milliseconds(timings, "predicted_ms")) * 1_000_000)


def _milliseconds(timings: Any, name: str) -> float:
    value = _field(timings, name)
    is_time = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_time and 0 <= value <= _MAX_ENGINE_MS else 0.0


def read_answer(status: int, body: bytes, surface: Surface) -> Answer:
    """The fields that are needed of a 2xx answer.

    Raises:
        BadAnswer: not JSON, not an answer of `surface`, or a redirect.
    """
    try:
        body.decode()  # The decoder skips what we do not read, broken text included.
        answer = ANSWER.decode(body)
    except UNREADABLE as error:
        raise not_an_answer(status, "a JSON answer") from error
    has_content = getattr(answer, _CONTENT.get(surface, "choices")) is not None
    if status >= 300 or not (has_content or value_of(answer.error)):
        raise not_an_answer(status, f"an answer to {surface.value}")
    return answer


def not_an_answer(status: int, wanted: str) -> BadAnswer:
    """The refusal of a 2xx or 3xx that is not what was asked for."""
    return BadAnswer(
        f"the upstream answered with HTTP status {status}, but not with {wanted}",
        status=status,
        hint="check this provider's base_url; redirects are not followed",
    )


def status_of(error: Any) -> int:
    """The HTTP status that an error inside a 200 answer stands for."""
    code = _count(error, "code")
    if code is not None and 400 <= code <= 599:
        return code
    return _STATUS_OF_CODE.get(str(_field(error, "code")), 500)
