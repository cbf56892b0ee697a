"""OpenAI's messages as Gemini's contents.

System and developer messages become the one `systemInstruction`, wherever they stood. Dropped as
harmless: a message's `name`, and an image's `detail`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from homeport.core.errors import InvalidRequest
from homeport.protocols.gemini.media import audio_part, file_part, image_part
from homeport.protocols.gemini.wire import Content, FunctionCall, FunctionResponse, Part, fit, read, unsupported

SKIP_SIGNATURE = "skip_thought_signature_validator"
"""What Google documents for calls that its model did not make itself, or whose signature was lost."""

_SYSTEM = frozenset({"system", "developer"})


class _Function(Struct):
    name: str
    arguments: str = ""


class _ToolCall(Struct):
    function: _Function | None = None
    id: str = ""
    extra_content: Any = None


class _Message(Struct):
    role: str = "assistant"
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[_ToolCall] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    extra_content: Any = None
    images: list[dict[str, Any]] | None = None
    function_call: Any = None
    audio: Any = None


def contents(messages: Raw, *, signed: bool) -> tuple[Content | None, list[Content]]:
    """The system instruction (None without one) and the contents.

    Args:
        signed: this model insists on a signature of the first call of a step, so where one was lost
            the documented stand-in is sent.

    Raises:
        InvalidRequest: a message that Gemini has no words for, or that is none.
    """
    said = read(messages, list[_Message], "messages")
    if not said:
        raise InvalidRequest("there should be at least one message", param="messages")
    system = [part for index, message in enumerate(said) if message.role in _SYSTEM for part in _system(message, index)]
    turns = list(_turns(said, signed=signed))
    # Gemini wants at least one content; instructions alone are then what is asked.
    if not turns:
        return None, [Content(role="user", parts=system)]
    return (Content(parts=system) if system else None), turns


def _turns(messages: Sequence[_Message], *, signed: bool) -> Iterator[Content]:
    names: dict[str, str] = {}
    results: list[Part] = []
    for index, message in enumerate(messages):
        if message.role in _SYSTEM:
            continue
        if message.role == "tool":
            results.append(_result(message, names, index))
            continue
        # The results of parallel calls belong into one content.
        yield from _flushed(results)
        if message.role == "user":
            yield Content(role="user", parts=_parts(message.content, f"messages[{index}].content"))
        elif message.role == "assistant":
            names |= {call.id: call.function.name for call in message.tool_calls or [] if call.function}
            yield Content(role="model", parts=_model_parts(message, f"messages[{index}]", signed=signed))
        else:
            raise unsupported(f"messages[{index}].role", "Gemini knows no such role", "use user, assistant or tool")
    yield from _flushed(results)


def _flushed(results: list[Part]) -> Iterator[Content]:
    if results:
        yield Content(role="user", parts=list(results))
        results.clear()


def _system(message: _Message, index: int) -> list[Part]:
    name = f"messages[{index}].content"
    parts = _parts(message.content, name)
    if any(part.text is None for part in parts):
        raise unsupported(name, "a system instruction holds text only")
    return parts


def _parts(content: str | list[dict[str, Any]] | None, name: str) -> list[Part]:
    if content is None:
        raise InvalidRequest("a message needs content", param=name)
    if isinstance(content, str):
        return [Part(text=content)]
    if not content:
        return [Part(text="")]
    return [_part(part, f"{name}[{index}]") for index, part in enumerate(content)]


def _part(part: dict[str, Any], name: str) -> Part:
    match part.get("type"):
        case "text" | "refusal" as kind:
            return Part(text=fit(part.get(kind), str, f"{name}.{kind}"))
        case "image_url":
            return image_part(part.get("image_url"), f"{name}.image_url")
        case "input_audio":
            return audio_part(part.get("input_audio"), f"{name}.input_audio")
        case "file":
            return file_part(part.get("file"), f"{name}.file")
    raise unsupported(name, "Gemini has no content part of this type")


def model_parts(raw: Raw) -> list[Part]:
    """The parts of one assistant's message. Raises InvalidRequest."""
    return _model_parts(read(raw, _Message, "message"), "message", signed=False)


def _model_parts(message: _Message, name: str, *, signed: bool) -> list[Part]:
    if message.function_call is not None or message.audio is not None:
        field = "audio" if message.function_call is None else "function_call"
        raise unsupported(f"{name}.{field}", "Gemini has no such field", "use tool_calls, or text")
    thoughts = [Part(text=message.reasoning_content, thought=True)] if message.reasoning_content else []
    parts = [*thoughts, *_answer_parts(message, name), *_images(message, name)]
    parts += [_call_part(call, f"{name}.tool_calls[{at}]") for at, call in enumerate(message.tool_calls or [])]
    calls = [part for part in parts if part.function_call]
    if signed and calls and not any(part.thought_signature for part in calls):
        calls[0].thought_signature = SKIP_SIGNATURE
    return parts or [Part(text="")]


def _answer_parts(message: _Message, name: str) -> list[Part]:
    texts = _parts(message.content, f"{name}.content") if message.content else []
    if message.refusal:
        texts.append(Part(text=message.refusal))
    signature = _signature(message.extra_content)
    if signature:
        texts = texts or [Part(text="")]
        texts[-1].thought_signature = signature
    return texts


def _images(message: _Message, name: str) -> list[Part]:
    images = message.images or []
    return [image_part(image.get("image_url"), f"{name}.images[{index}]") for index, image in enumerate(images)]


def _call_part(call: _ToolCall, name: str) -> Part:
    if call.function is None:
        raise unsupported(name, "Gemini knows calls of functions only")
    text = call.function.arguments.strip() or "{}"
    args = read(text.encode(), dict[str, Any], f"{name}.function.arguments")
    signature = _signature(call.extra_content)
    return Part(function_call=FunctionCall(name=call.function.name, args=args, id=call.id), thought_signature=signature)


def _signature(extra: Any) -> str:
    """`extra_content.google.thought_signature`: where Google's own OpenAI-compatible API puts it."""
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) else ""


def _result(message: _Message, names: dict[str, str], index: int) -> Part:
    name = f"messages[{index}]"
    call = message.tool_call_id or ""
    if call not in names:
        raise InvalidRequest(
            "this answers no call of an earlier message",
            hint="send the assistant message with the tool_calls before it",
            param=f"{name}.tool_call_id",
        )
    parts = _parts("" if message.content is None else message.content, f"{name}.content")
    if any(part.text is None for part in parts):
        raise unsupported(f"{name}.content", "the result of a tool is text")
    response = _response("".join(part.text or "" for part in parts))
    return Part(function_response=FunctionResponse(name=names[call], id=call, response=response))


def _response(text: str) -> Any:
    """Gemini wants an object. Text that is one goes as it is; other text is what `result` holds."""
    try:
        value = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return {"result": text}
    return {"result": text} if is_wrapped(value) else value


def is_wrapped(response: Any) -> bool:
    """It is how `_response` sends plain text, so it is plain text again on the way back."""
    return isinstance(response, dict) and set(response) == {"result"} and isinstance(response["result"], str)
