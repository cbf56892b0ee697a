"""What a conversation is known by, from turn to turn: a chain of digests of its messages.

A client sends the whole history with every turn, so each earlier turn is a prefix of this one, and the
chain of an earlier turn is the beginning of this one's. Clients do not send quite the same bytes again:
they turn a text into a list of one part, move cache marks, number items, change the system prompt's
clock. None of that makes another conversation, so only who speaks and what is said is digested.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from homeport.core.types import Inference, Surface

SIZE = 16
"""Bytes of a fingerprint."""

_MESSAGES = {
    Surface.CHAT: "messages",
    Surface.MESSAGES: "messages",
    Surface.RESPONSES: "input",
    Surface.COMPLETION: "prompt",
}
_INSTRUCTIONS = frozenset({"system", "developer"})
_NOT_SAID = frozenset({"type", "role", "id", "status", "cache_control", "call_id", "tool_call_id", "tool_use_id"})
_DEPTH = 64


def fingerprints(inference: Inference, scope: str) -> tuple[bytes, ...]:
    """One fingerprint for each message, of it and all before it; the last is of all that is said.

    Instructions (system and developer messages) are left out, unless there is nothing else. A text without
    messages is one message; what is no conversation has none. Total, and linear in the length of the request.

    Args:
        scope: conversations of different scopes have no fingerprint in common; a key's id.
    """
    raw = inference.fields.get(_MESSAGES.get(inference.surface, ""))
    messages = [] if raw is None else _decoded(raw)
    spoken = [message for message in messages if _speaker(message) not in _INSTRUCTIONS] or messages
    link, chain = _digest(b"messages", scope.encode("utf-8", "surrogatepass")), []
    for message in spoken:
        link = _digest(link, _said(message))
        chain.append(link)
    return tuple(chain)


def followed(fingerprint: bytes, message: Mapping[str, Any]) -> bytes:
    """The fingerprint of a conversation that goes on with one message more."""
    return _digest(fingerprint, _said(message))


def named(inference: Inference, scope: str) -> tuple[bytes, ...]:
    """Fingerprints of the conversations and answers that a request says it goes on with."""
    fields = inference.fields
    names = [_name(fields, "conversation"), _name(fields, "previous_response_id")]
    return tuple(of_name(name, scope) for name in names if name)


def of_name(name: str, scope: str) -> bytes:
    """The fingerprint of a conversation's or an answer's id."""
    return _digest(b"name", scope.encode("utf-8", "surrogatepass"), name.encode("utf-8", "surrogatepass"))


def _digest(*parts: bytes) -> bytes:
    return hashlib.blake2b(b"\0".join(parts), digest_size=SIZE).digest()


def _decoded(raw: Raw) -> list[Any]:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return [bytes(raw).decode("utf-8", "replace")]
    return value if isinstance(value, list) else [value]


def _speaker(message: Any) -> Any:
    role = message.get("role") if isinstance(message, dict) else "user"
    return role if isinstance(role, str) else ""


def _said(message: Any) -> bytes:
    told = [_speaker(message), *_leaves(message, _DEPTH)]
    return "\0".join(told).encode("utf-8", "surrogatepass")


def _leaves(value: Any, depth: int) -> Iterator[str]:
    """Every text and number in it, in an order that does not depend on that of fields."""
    if isinstance(value, str):
        if text := value.strip():
            yield text
    elif isinstance(value, list | dict) and not depth:
        yield msgspec.json.encode(value, order="deterministic").decode()
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, depth - 1)
    elif isinstance(value, dict):
        for name in sorted(value):
            if name not in _NOT_SAID:
                yield from _leaves(value[name], depth - 1)
    elif value is not None:
        yield str(value)


def _name(fields: Mapping[str, Raw], field: str) -> str:
    """The id in a field, given as it is or in an object; "" for none."""
    raw = fields.get(field)
    if raw is None:
        return ""
    [value] = _decoded(raw)[:1] or [""]
    said = value.get("id") if isinstance(value, dict) else value
    return said if isinstance(said, str) else ""
