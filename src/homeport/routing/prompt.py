"""Reading what is said in a request, whatever the API calls it. Total: what is not understood is not there."""

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from homeport.core.routing import Prompt, Turn
from homeport.core.types import Inference

_MOST_CHARS = 16_384
_ROLES = {"developer": "system", "model": "assistant", "function": "tool", "function_call_output": "tool"}
_TEXTS = ("text", "content", "output", "arguments", "input")
_IMAGES = frozenset({"image", "image_url", "input_image"})
_FILES = frozenset({"file", "input_file", "document", "input_audio"})
_DEPTH = 8


def read_prompt(inference: Inference) -> Prompt:
    """The turns of a conversation, a completion's prompt or what is to be embedded."""
    fields = inference.fields
    found = _Found()
    turns = [
        *_turns(_decoded(fields.get("system")), "system", found),
        *_turns(_decoded(fields.get("instructions")), "system", found),
        *(
            turn
            for name in ("messages", "input", "prompt")
            for turn in _turns(_decoded(fields.get(name)), "user", found)
        ),
    ]
    tools = _decoded(fields.get("tools"))
    return Prompt(
        turns=tuple(turns),
        chars=found.chars,
        tools=len(tools) if isinstance(tools, list) else 0,
        schema=_wants_json(fields),
        images=found.images,
        files=found.files,
    )


def draw(inference: Inference) -> float:
    """A number in [0, 1) from how a conversation begins: the same for each of its turns, evenly spread over others."""
    for turn in read_prompt(inference).turns:
        if turn.role == "user":
            return int.from_bytes(hashlib.blake2b(turn.text.encode("utf-8", "replace"), digest_size=6).digest()) / 2**48
    return 0.0


class _Found:
    def __init__(self) -> None:
        self.chars = self.images = self.files = 0


def _decoded(raw: msgspec.Raw | None) -> Any:
    try:
        return None if raw is None else msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None


def _wants_json(fields: Any) -> bool:
    wanted = bytes(fields.get("response_format", b"")) + bytes(fields.get("text", b""))
    return b"json_schema" in wanted or b"json_object" in wanted


def _turns(value: Any, role: str, found: _Found) -> Iterator[Turn]:
    if isinstance(value, str):
        yield Turn(role, _counted(value, found))
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict) and ("role" in item or "type" in item):
                said = item.get("role") or item.get("type")
                named = _ROLES.get(said, said) if isinstance(said, str) else role
                known = named if named in ("system", "user", "assistant", "tool") else role
                yield Turn(known, _joined(item, found))
            elif isinstance(item, str):
                yield Turn(role, _counted(item, found))


def _joined(item: dict[str, Any], found: _Found) -> str:
    return "\n".join(_texts(item, found, _DEPTH))


def _texts(value: Any, found: _Found, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield _counted(value, found)
    elif isinstance(value, list) and depth:
        for part in value:
            yield from _texts(part, found, depth - 1)
    elif isinstance(value, dict) and depth:
        kind = value.get("type")
        if isinstance(kind, str):
            found.images += kind in _IMAGES
            found.files += kind in _FILES
        for name in _TEXTS:
            yield from _texts(value.get(name), found, depth - 1)
        calls = value.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            yield from _texts(call.get("function") if isinstance(call, dict) else None, found, depth - 1)


def _counted(text: str, found: _Found) -> str:
    found.chars += len(text)
    half = _MOST_CHARS // 2
    return text if len(text) <= _MOST_CHARS else f"{text[:half]}\n{text[-half:]}"
