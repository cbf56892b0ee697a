"""Which requests may be answered from a cache at all, and which by an answer to other words.

Everything here reads fields in canonical form: JSON without white space, see `keys`. Pure and total.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from homeport.cache.wording import has_unseen, is_follow_up, is_fresh, is_personal
from homeport.core.caching import CacheRule, Mode, Sharing
from homeport.core.types import CONVERSATIONS, Inference, Surface
from homeport.privacy.texts import Unreadable, decoded

MOST_BYTES = 1 << 20
"""Of a request that is cached."""

MOST_CHARS = 2_000
"""Of a question that may be answered by an answer to another."""

_MOST_READ = 1 << 17
"""Bytes of a conversation in which the last words are looked for."""

Form = Mapping[str, bytes]

_NOTHING = frozenset({b"", b"null", b"false", b"[]", b"{}", b'""', b"0"})
_STATE = ("previous_response_id", "conversation", "background", "store", "container", "cached_content", "cachedContent")
"""What an answer depends on is kept by the upstream, or is to be."""
_LIVE = (
    "web_search_options",
    "web_search",
    "search_parameters",
    "enable_search",
    "mcp_servers",
    "plugins",
    "data_sources",
    "connectors",
)
"""The upstream looks something up before it answers. OpenAI, xAI, Qwen, Anthropic, OpenRouter, Azure and Cohere."""
_CALLERS_TOOLS = frozenset({"function", "custom"})
_REFERENCE = b'"item_reference"'
_SAID_IN = {Surface.CHAT: "messages", Surface.MESSAGES: "messages", Surface.RESPONSES: "input"}
_TEXT_PART = {Surface.CHAT: "text", Surface.MESSAGES: "text", Surface.RESPONSES: "input_text"}
_TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
_INSTRUCTIONS = frozenset({"system", "developer"})
_SPEAKERS = _INSTRUCTIONS | {"user", "assistant"}
_TOOL_ROLES = frozenset({"tool", "function"})
_CALLS = ("tool_calls", "function_call", "tool_call_id")
_TOOL_PARTS = ("tool", "function", "mcp", "server_tool", "computer", "custom_tool", "local_shell", "shell")


class Said(msgspec.Struct, frozen=True):
    """A conversation that ends with a user's plain words.

    Attributes:
        field: in which it is.
        before: each message before those words, in canonical form.
        goes_on: somebody but the system has spoken before.
    """

    field: str
    before: tuple[bytes, ...]
    text: str
    goes_on: bool


class _Tool(msgspec.Struct):
    type: str | None = None


_TOOLS = msgspec.json.Decoder(list[_Tool] | None)
_NUMBER = msgspec.json.Decoder(float | None)
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def barred(inference: Inference, form: Form, rule: CacheRule) -> str:
    """Why no answer to it may be kept or given from a cache, as a stable code; "" where one may.

    Codes: no_rule, surface, too_large, stateful, live_tools, audio, sampled, unreadable.
    """
    if not rule.exact and rule.semantic is Mode.OFF:
        return "no_rule"
    if inference.surface is Surface.MODERATION:
        return "surface"
    if sum(map(len, form.values())) > MOST_BYTES:
        return "too_large"
    if _keeps_state(inference.surface, form):
        return "stateful"
    try:
        if _looks_up(inference.surface, form):
            return "live_tools"
        if _speaks(form):
            return "audio"
        return "sampled" if _is_sampled(form) and not rule.sampled else ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "unreadable"


def is_stored(inference: Inference, form: Form) -> bool:
    """Whether an upstream that understands the request keeps the answer, to be found again by its id.

    Source: OpenAI's API reference, "Create a model response": `store` is true where it is left out.
    """
    return inference.surface is Surface.RESPONSES and form.get("store", b"null") != b"false"


def last_words(inference: Inference, form: Form, rule: CacheRule, sharing: Sharing) -> Said | str:
    """The words that may be answered by the answer to others; where there are none, why, as a stable code.

    Codes: off, surface, tools, too_long, unreadable, not_last, parts, conversation, empty, unprintable, follow_up,
    fresh, personal.
    """
    if rule.semantic is Mode.OFF:
        return "off"
    if inference.surface not in CONVERSATIONS:
        return "surface"
    if _is_given(form, "tools") or _is_given(form, "functions"):
        return "tools"
    said = _read(inference.surface, form)
    if isinstance(said, str):
        return said
    if said.goes_on and not rule.multi_turn:
        return "conversation"
    return _refused(said, sharing) or said


def _refused(said: Said, sharing: Sharing) -> str:
    """Why these words are not to be taken for others."""
    text = said.text
    if len(text) > MOST_CHARS:
        return "too_long"
    if not any(map(str.isalnum, text)):
        return "empty"
    if has_unseen(text):
        return "unprintable"
    if said.goes_on and is_follow_up(text):
        return "follow_up"
    if is_fresh(text):
        return "fresh"
    return "personal" if sharing is not Sharing.KEY and is_personal(text) else ""


def _keeps_state(surface: Surface, form: Form) -> bool:
    if any(_is_given(form, name) for name in _STATE):
        return True
    # A prompt with an id is the upstream's, and may be another one tomorrow.
    return surface is Surface.RESPONSES and (_is_given(form, "prompt") or _REFERENCE in form.get("input", b""))


def _looks_up(surface: Surface, form: Form) -> bool:
    """Whether the upstream runs tools of its own; only a caller's tools leave the answer to the model."""
    if any(_is_given(form, name) for name in _LIVE):
        return True
    tools = _TOOLS.decode(form["tools"]) if "tools" in form else None
    plain = _CALLERS_TOOLS | {None} if surface is Surface.MESSAGES else _CALLERS_TOOLS
    return any(tool.type not in plain for tool in tools or ())


def _speaks(form: Form) -> bool:
    return _is_given(form, "audio") or form.get("modalities", b"null") not in (b"null", b'["text"]', b"[]")


def _is_sampled(form: Form) -> bool:
    """Whether the caller says that another answer is wanted each time; who says nothing does not."""
    temperature = _number(form, "temperature")
    if temperature is not None and temperature > 0:
        return True
    several = max(_number(form, "n") or 1, _number(form, "best_of") or 1) > 1
    return several and temperature is None


def _number(form: Form, name: str) -> float | None:
    return _NUMBER.decode(form[name]) if name in form else None


def _is_given(form: Form, name: str) -> bool:
    return form.get(name, b"") not in _NOTHING


def _read(surface: Surface, form: Form) -> Said | str:
    field = _SAID_IN[surface]
    raw = form.get(field, b"")
    if len(raw) > _MOST_READ:
        return "too_long"
    try:
        value = decoded(raw)
    except Unreadable:
        return "unreadable"
    if isinstance(value, str) and surface is Surface.RESPONSES:
        return Said(field, (), value, goes_on=False)
    if not isinstance(value, list) or not value:
        return "unreadable"
    return _last_of(surface, field, value, raw)


def _last_of(surface: Surface, field: str, messages: list[Any], raw: bytes) -> Said | str:
    for message in messages:
        if reason := _not_plain(message):
            return reason
    text = _plain_words(surface, messages[-1])
    if text is None:
        return "not_last" if messages[-1]["role"] != "user" else "parts"
    earlier = tuple(bytes(item) for item in _LIST.decode(raw)[:-1])
    goes_on = any(message["role"] not in _INSTRUCTIONS for message in messages[:-1])
    return Said(field, earlier, text, goes_on)


def _not_plain(message: Any) -> str:
    """Why something in a conversation is not just words of somebody."""
    if not isinstance(message, dict):
        return "unreadable"
    role, kind, content = message.get("role"), message.get("type") or "message", message.get("content")
    if not isinstance(kind, str) or not isinstance(role, str | None):
        return "unreadable"
    if role in _TOOL_ROLES or kind.startswith(_TOOL_PARTS) or any(message.get(name) for name in _CALLS):
        return "tools"
    if role not in _SPEAKERS or kind != "message" or message.get("audio"):
        return "parts"
    if isinstance(content, str):
        return ""
    return _odd_part(content) if isinstance(content, list) and content else "parts"


def _odd_part(parts: list[Any]) -> str:
    kinds = [part.get("type") if isinstance(part, dict) else None for part in parts]
    if any(isinstance(kind, str) and kind.startswith(_TOOL_PARTS) for kind in kinds):
        return "tools"
    plain = all(isinstance(kind, str) and kind in _TEXT_PARTS for kind in kinds)
    return "" if plain and all(isinstance(part.get("text"), str) for part in parts) else "parts"


def _plain_words(surface: Surface, message: dict[str, Any]) -> str | None:
    """What a user says in a message that says nothing else; None for any other message."""
    named = set(message) - ({"type"} if surface is Surface.RESPONSES else set())
    if named != {"role", "content"} or message["role"] != "user":
        return None
    content = message["content"]
    if isinstance(content, str):
        return content
    [part, *more] = content
    if more or set(part) != {"type", "text"} or part["type"] != _TEXT_PART[surface]:
        return None
    text: str = part["text"]
    return text
