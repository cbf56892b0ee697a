"""What is read of an OpenAI chat's answer, whole or chunk by chunk.

Sources: OpenAI's API reference, "The chat completion object" and "The chat completion chunk object".
Reasoning has no place there: llama.cpp, DeepSeek and SGLang call it `reasoning_content`; vLLM, Ollama,
OpenRouter and Together call it `reasoning`.
"""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from homeport.core.errors import BadAnswer
from homeport.protocols.responses.wire import UNREADABLE

_MAX_TOKENS = 1_000_000_000
_NULL = Raw(b"null")


class Called(Struct, frozen=True, kw_only=True):
    """A function's name and arguments, or a custom tool's name and input."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None
    input: str | None = None


class Call(Struct, frozen=True, kw_only=True):
    index: int | None = None
    id: str | None = None
    function: Called | None = None
    custom: Called | None = None


class Logprobs(Struct, frozen=True, kw_only=True):
    """As they came: they are passed on."""

    content: list[Raw] | None = None


class Said(Struct, frozen=True, kw_only=True):
    """A message, or a piece of one."""

    content: str | list[Any] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[Call] | None = None

    @property
    def text(self) -> str:
        """The text; some servers (Mistral) send it in parts."""
        if isinstance(self.content, list):
            texts = (part.get("text") for part in self.content if isinstance(part, dict))
            return "".join(text for text in texts if isinstance(text, str))
        return self.content or ""

    @property
    def thought(self) -> str:
        return self.reasoning_content or self.reasoning or ""


class Choice(Struct, frozen=True, kw_only=True):
    index: int | None = None
    message: Said | None = None
    delta: Said | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class Answer(Struct, frozen=True, kw_only=True):
    created: int | float | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: Any = None
    service_tier: Raw = _NULL


_ANSWER = msgspec.json.Decoder(Answer)


def read(data: bytes) -> Answer:
    """An answer or a chunk. Raises `BadAnswer` for what is neither."""
    try:
        data.decode()
        return _ANSWER.decode(data)
    except UNREADABLE:
        raise BadAnswer("the upstream's answer is not a chat completion") from None


def usage_object(usage: Any) -> dict[str, Any] | None:
    """A chat's usage as that of a response; None where its totals make no sense."""
    given, told = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    if given is None or told is None:
        return None
    cached, written = (
        _detail(usage, "prompt_tokens", "cached_tokens"),
        _detail(usage, "prompt_tokens", "cache_write_tokens"),
    )
    reasoning = _detail(usage, "completion_tokens", "reasoning_tokens")
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": min(cached, given), "cache_write_tokens": min(written, given)},
        "output_tokens": told,
        "output_tokens_details": {"reasoning_tokens": min(reasoning, told)},
        "total_tokens": given + told,
    }


def _detail(usage: Any, whole: str, name: str) -> int:
    return _count(usage.get(f"{whole}_details"), name) or 0


def _count(holder: Any, name: str) -> int | None:
    value = holder.get(name) if isinstance(holder, dict) else None
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_TOKENS
    return value if is_count else None
