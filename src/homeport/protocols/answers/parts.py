"""What the readings share: JSON from outside that never raises, tokens with their probabilities, events."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from homeport.core.routing import TokenLogprob
from homeport.core.sse import data_of, events

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
NULL = Raw(b"null")
TOP = 2
"""How many of the likeliest tokens are asked for: the best one, and the one it must be told apart from."""

Fields = Mapping[str, Raw]
Value = TypeVar("Value")


class Top(Struct, gc=False):
    """One of the likeliest tokens at a place."""

    token: str = ""
    logprob: float = 0.0


class Token(Struct, gc=False):
    """A token as a chat's `logprobs.content` has it."""

    token: str = ""
    logprob: float | None = None
    top_logprobs: tuple[Top, ...] | None = None


_TOKENS = msgspec.json.Decoder(list[Token])
FIELDS = msgspec.json.Decoder(dict[str, Raw])
ITEMS = msgspec.json.Decoder(list[Raw])


def read(data: bytes, decoder: "msgspec.json.Decoder[Value]") -> Value | None:
    """The value; None where it cannot be read."""
    try:
        return decoder.decode(data)
    except UNREADABLE:
        return None


def value_of(raw: bytes) -> Any:
    """The value, of whatever type; None where it cannot be read."""
    try:
        return msgspec.json.decode(raw)
    except UNREADABLE:
        return None


def field(holder: Any, name: str) -> Any:
    """A field of what should be an object; None where it is none or has none."""
    return holder.get(name) if isinstance(holder, dict) else None


def listed(value: Any) -> list[Any]:
    """What should be a list; empty where it is none."""
    return value if isinstance(value, list) else []


def text_of(value: Any) -> str:
    """A text, or the texts of content parts; "" for anything else."""
    if isinstance(value, str):
        return value
    return "".join(text for part in listed(value) if isinstance(text := field(part, "text"), str))


def tokens_of(raw: bytes) -> list[TokenLogprob]:
    """Tokens as a chat's `logprobs.content` has them; none where they cannot be read."""
    found = read(raw, _TOKENS)
    return told_tokens(found or [])


def told_tokens(tokens: Sequence[Token]) -> list[TokenLogprob]:
    """Those whose probability is told. One loop: an answer may have thousands."""
    found = []
    for token in tokens:
        if token.logprob is None:
            continue
        runner_up: float | None = None
        for other in token.top_logprobs or ():
            if other.token != token.token and (runner_up is None or other.logprob > runner_up):
                runner_up = other.logprob
        found.append(TokenLogprob(token.token, token.logprob, runner_up))
    return found


def said(fields: Fields, name: str, decoder: "msgspec.json.Decoder[Value]") -> Value | None:
    """A field of a request; None where it is missing, null or cannot be read."""
    raw = fields.get(name)
    return None if raw is None or bytes(raw) == b"null" else read(raw, decoder)


def raw(value: object) -> Raw:
    """A value of ours as raw JSON."""
    return Raw(msgspec.json.encode(value))


def data_events(block: bytes) -> list[bytes]:
    """What the events of a stream carry; comments and `[DONE]` carry nothing."""
    found = (data_of(event) for event in events(block))
    return [data for data in found if data is not None and data.strip() != b"[DONE]"]


def rewritten(block: bytes, word: bytes, change: Callable[[bytes], bytes | None]) -> bytes:
    """Events with their data changed, where they hold `word`; every other byte is as it came.

    Args:
        change: the new data, in one line; None leaves the event alone.
    """
    if word not in block:
        return block
    return b"".join(_rewritten(event, word, change) for event in events(block))


def _rewritten(event: bytes, word: bytes, change: Callable[[bytes], bytes | None]) -> bytes:
    data = data_of(event) if word in event else None
    new = None if data is None else change(data)
    if data is None or new is None:
        return event
    if event.count(data) == 1 and b"\n" not in data:
        return event.replace(data, new)
    kept = [line for line in event.splitlines() if line and not line.startswith(b"data")]
    return b"\n".join([*kept, b"data: " + new.replace(b"\n", b" "), b"", b""])


def choices_without(data: bytes, *, null: bool) -> bytes | None:
    """A chat's or a completion's answer without the log-probabilities of its choices; None where it cannot be read.

    Args:
        null: the field stays, and says `null`.
    """
    answer = read(data, FIELDS)
    choices = read(answer["choices"], _CHOICES) if answer and "choices" in answer else None
    if answer is None or choices is None:
        return None
    for choice in choices:
        if null and "logprobs" in choice:
            choice["logprobs"] = NULL
        else:
            choice.pop("logprobs", None)
    return msgspec.json.encode({**answer, "choices": choices})


_CHOICES = msgspec.json.Decoder(list[dict[str, Raw]])
