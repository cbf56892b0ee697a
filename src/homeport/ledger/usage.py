"""Token counts where the upstream reported none."""

from collections.abc import Iterator
from typing import Any

import msgspec

from homeport.core.types import Usage

_HOLDERS = ("choices", "output", "content")
"""Where a chat, a response and a message have what was generated; the rest repeats the request."""
_TEXTS = frozenset({"text", "content", "reasoning_content", "reasoning", "thinking", "refusal", "arguments", "input"})
_CHARS_PER_TOKEN = 4
"""English text in common vocabularies: OpenAI's rule of thumb, and 4.2 on the contract passages."""


def estimate(input_chars: int, output_events: int, output_chars: int = 0) -> Usage:
    """Usage of an answer that was cut or did not say: marked as an estimate.

    Args:
        input_chars: characters of the prompt.
        output_events: content events of a stream so far, about one token each.
        output_chars: characters of an answer that came whole.
    """
    return Usage(
        input_tokens=-(-input_chars // _CHARS_PER_TOKEN),
        output_tokens=output_events + output_chars // _CHARS_PER_TOKEN,
        estimated=True,
    )


def generated_chars(body: bytes) -> int:
    """Characters that a model generated in a whole answer, of any API; 0 where it cannot be read.

    Texts, thoughts and the arguments of calls count; what is around them in JSON does not.
    """
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0
    said = [answer.get(name) for name in _HOLDERS] if isinstance(answer, dict) else []
    return sum(len(text) for text in _texts(said))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name == "input" and isinstance(item, dict):  # Arguments, as Anthropic has them.
                yield msgspec.json.encode(item).decode()
            elif isinstance(item, str):
                if name in _TEXTS:
                    yield item
            else:
                yield from _texts(item)
