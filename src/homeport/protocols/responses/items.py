"""The items of a conversation as the messages of a chat.

A turn of the assistant is several items (its reasoning, a message, calls), but one message. Two rules
serve the chat templates of open models, many of which know only a system message at the beginning:
`developer` is told as `system`, and system messages at the beginning are joined into one.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from homeport.core.errors import InvalidRequest
from homeport.protocols.responses.refusal import native_only
from homeport.protocols.responses.wire import ResponseItem, ResponsePart

_ROLES = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
_SEND_TEXT = "send it as text"

Message = dict[str, Any]


def messages(instructions: str | None, given: str | Sequence[ResponseItem]) -> list[Message]:
    """All messages of the chat, in order.

    Raises:
        InvalidRequest: an item that a chat cannot carry, or one without what it needs.
    """
    conversation = _Conversation()
    if instructions:
        conversation.say({"role": "system", "content": instructions})
    if isinstance(given, str):
        conversation.say({"role": "user", "content": given})
    else:
        for place, item in enumerate(given):
            conversation.add(item, f"input[{place}]")
    if not conversation.told:
        raise InvalidRequest("the request holds no message", param="input")
    return conversation.told


class _Conversation:
    def __init__(self) -> None:
        self.told: list[Message] = []
        self._reasoning = ""

    def add(self, item: ResponseItem, where: str) -> None:
        match item.type or "message":
            case "message":
                self._add_message(item, where)
            case "function_call" | "custom_tool_call":
                self._turn().setdefault("tool_calls", []).append(_call(item, where))
            case "function_call_output" | "custom_tool_call_output":
                called = _required(item, "call_id", where)
                self.say({"role": "tool", "tool_call_id": called, "content": _output(item, where)})
            case "reasoning":
                self._reasoning += "".join(part.text or "" for part in _parts(item.content))
            case kind:
                raise native_only(f"the item {kind!r}", f"{where}.type", _SEND_TEXT)

    def say(self, message: Message) -> None:
        """A message of somebody else's. Reasoning that led to nothing ends here."""
        self._reasoning = ""
        first = self.told[0] if len(self.told) == 1 else {}
        if _is_system_text(first) and _is_system_text(message):
            first["content"] += "\n\n" + message["content"]
        else:
            self.told.append(message)

    def _add_message(self, item: ResponseItem, where: str) -> None:
        role = _ROLES.get(item.role or "")
        if role is None:
            raise InvalidRequest(f"a message's role must be one of: {', '.join(_ROLES)}", param=f"{where}.role")
        if role == "assistant":
            self._add_said(*_said(item.content, f"{where}.content"))
        else:
            self.say({"role": role, "content": _content(item.content, f"{where}.content")})

    def _add_said(self, text: str, refusal: str) -> None:
        """Beside calls that were not answered yet, what was said belongs to their message."""
        goes_on = bool(self.told) and "tool_calls" in self.told[-1]
        message = self._turn(new=not goes_on)
        message["content"] = (message["content"] or "") + text
        if refusal:
            message["refusal"] = message.get("refusal", "") + refusal

    def _turn(self, *, new: bool = False) -> Message:
        """The assistant's message that goes on, or a new one, with what was thought before it."""
        if new or not self.told or self.told[-1]["role"] != "assistant":
            self.told.append({"role": "assistant", "content": None})
        message = self.told[-1]
        if self._reasoning:
            message["reasoning_content"] = message.get("reasoning_content", "") + self._reasoning
            self._reasoning = ""
        return message


def _is_system_text(message: Message) -> bool:
    return message.get("role") == "system" and isinstance(message["content"], str)


def _call(item: ResponseItem, where: str) -> dict[str, Any]:
    called, name = _required(item, "call_id", where), _required(item, "name", where)
    if item.type == "custom_tool_call":
        return {"id": called, "type": "custom", "custom": {"name": name, "input": _text(item.input, f"{where}.input")}}
    arguments = _text(item.arguments, f"{where}.arguments")
    return {"id": called, "type": "function", "function": {"name": name, "arguments": arguments}}


def _required(item: ResponseItem, name: str, where: str) -> str:
    value = getattr(item, name)
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"{item.type} needs `{name}`", param=f"{where}.{name}")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise InvalidRequest("this must be a text", param=where)
    return value


def _output(item: ResponseItem, where: str) -> str | list[dict[str, Any]]:
    if isinstance(item.output, str):
        return item.output
    try:
        parts = msgspec.convert(item.output, list[ResponsePart])
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"`output` is a text or a list of parts: {error}", param=f"{where}.output") from None
    return _content(parts, f"{where}.output")


def _parts(content: str | Sequence[ResponsePart] | None) -> Sequence[ResponsePart]:
    if isinstance(content, str):
        return [ResponsePart(type="text", text=content)]
    return content or []


def _content(content: str | Sequence[ResponsePart] | None, where: str) -> str | list[dict[str, Any]]:
    """Text stays a string where it is all there is: some servers know nothing else."""
    parts = _parts(content)
    if not parts:
        raise InvalidRequest("a message needs content", param=where)
    if len(parts) == 1 and parts[0].text is not None:
        return parts[0].text
    return [_part(part, f"{where}[{place}]") for place, part in enumerate(parts)]


def _said(content: str | Sequence[ResponsePart] | None, where: str) -> tuple[str, str]:
    """The text and the refusal of a message of the assistant's."""
    text, refusal = "", ""
    for place, part in enumerate(_parts(content)):
        if part.type == "refusal":
            refusal += part.refusal or ""
        elif part.text is not None:
            text += part.text
        else:
            raise native_only(f"the content {part.type!r} of the assistant", f"{where}[{place}]", _SEND_TEXT)
    return text, refusal


def _part(part: ResponsePart, where: str) -> dict[str, Any]:
    match part.type:
        case "input_text" | "output_text" | "text" if part.text is not None:
            return {"type": "text", "text": part.text}
        case "input_image" if part.image_url:
            image = {"url": part.image_url} | ({"detail": part.detail} if part.detail else {})
            return {"type": "image_url", "image_url": image}
        case "input_file" if part.file_data:
            named = {"filename": part.filename} if part.filename else {}
            return {"type": "file", "file": {**named, "file_data": part.file_data}}
        case "input_audio" if part.input_audio is not None:
            return {"type": "input_audio", "input_audio": part.input_audio}
        case "input_image" | "input_file":
            raise native_only(f"{part.type} without its data", where, "send the data itself (`image_url`, `file_data`)")
        case "input_text" | "output_text" | "text":
            raise InvalidRequest("a text part needs `text`", param=f"{where}.text")
        case kind:
            raise native_only(f"the content {kind!r}", where, _SEND_TEXT)
