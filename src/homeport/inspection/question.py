"""What a model is asked, as text alone: the messages of a chat, or a prompt."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from homeport.core.errors import ConfigError

_KEPT = ("role", "name", "tool_calls", "tool_call_id")
_TEXTS = frozenset({"text", "input_text", "output_text", "refusal"})


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Of one request.

    Attributes:
        messages: of a chat; None where `prompt` is completed.
        tools: as the chat offers them.
        answer: what was answered then; None where that is not known.
        ended: that answer came to its end by itself.
    """

    messages: tuple[Mapping[str, Any], ...] | None = None
    prompt: str = ""
    tools: tuple[Any, ...] = ()
    answer: str | None = None
    ended: bool = False


def question_of_chat(fields: Mapping[str, Raw]) -> Question:
    """The question of a chat's fields.

    Raises:
        ConfigError: inspect_request_unsupported; something in it is no text.
    """
    messages = tuple(_message(message) for message in _value(fields, "messages") or ())
    return Question(messages=messages, tools=tuple(_value(fields, "tools") or ()))


def question_of_completion(fields: Mapping[str, Raw]) -> Question:
    """The question of a completion's fields. Raises ConfigError: inspect_request_unsupported."""
    prompt = _value(fields, "prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise unsupported("it has no prompt, or several, or tokens in place of one")
    return Question(prompt=prompt)


def unsupported(why: str) -> ConfigError:
    return ConfigError(
        f"this request cannot be looked into: {why}",
        code="inspect_request_unsupported",
        hint="name a chat, a completion, a message or a response that is text",
    )


def _value(fields: Mapping[str, Raw], name: str) -> Any:
    return msgspec.json.decode(fields[name]) if name in fields else None


def _message(message: Any) -> Mapping[str, Any]:
    if not isinstance(message, dict):
        raise unsupported("a message is no object")
    role = message.get("role")
    told = {name: message[name] for name in _KEPT if message.get(name) is not None}
    return {**told, "role": "system" if role == "developer" else role, "content": _text(message.get("content"))}


def _text(content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    if not all(isinstance(part, dict) and part.get("type") in _TEXTS for part in parts):
        raise unsupported("it has pictures, sounds or files, which this model would not see")
    return "".join(str(part.get("text") or part.get("refusal") or "") for part in parts)
