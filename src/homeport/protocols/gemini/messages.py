"""Gemini's contents as OpenAI's messages."""

from collections.abc import Iterator, Sequence
from hashlib import blake2s
from typing import Any

import msgspec

from homeport.core.errors import InvalidRequest
from homeport.protocols.gemini.contents import is_wrapped
from homeport.protocols.gemini.media import content_part
from homeport.protocols.gemini.wire import Content, FunctionResponse, Part, unsupported

_USER = frozenset({"user", "function", "tool", ""})


def messages(system: Content | None, turns: Sequence[Content]) -> list[dict[str, Any]]:
    """OpenAI's messages.

    Calls without an id get one made of their place, and a result without one answers the oldest
    call of its name that is not answered yet.

    Raises:
        InvalidRequest: a part or a role that OpenAI's messages have no words for.
    """
    waiting: list[tuple[str, str]] = []
    found: list[dict[str, Any]] = []
    if system is not None:
        found.append({"role": "system", "content": _content(system.parts, "systemInstruction.parts")})
    for index, turn in enumerate(turns):
        name = f"contents[{index}]"
        if turn.role == "model":
            found.append(assistant_message(turn.parts, str(index), f"{name}.parts"))
            waiting += [(call["function"]["name"], call["id"]) for call in found[-1].get("tool_calls", [])]
        elif turn.role in _USER:
            found += _user(turn.parts, waiting, f"{name}.parts")
        else:
            raise InvalidRequest("a role is user or model", param=f"{name}.role")
    return found


def _user(parts: Sequence[Part], waiting: list[tuple[str, str]], name: str) -> Iterator[dict[str, Any]]:
    for part in parts:
        if part.function_response is not None:
            yield _tool_message(part.function_response, waiting, name)
    rest = [part for part in parts if part.function_response is None]
    if rest:
        yield {"role": "user", "content": _content(rest, name)}


def _tool_message(result: FunctionResponse, waiting: list[tuple[str, str]], name: str) -> dict[str, Any]:
    wanted = [call for call in waiting if (call[1] == result.id if result.id else call[0] == result.name)]
    if not wanted:
        raise InvalidRequest(f"the functionResponse of {result.name!r} answers no earlier functionCall", param=name)
    waiting.remove(wanted[0])
    response = result.response
    text = response["result"] if is_wrapped(response) else msgspec.json.encode(response).decode()
    return {"role": "tool", "tool_call_id": wanted[0][1], "content": text}


def _content(parts: Sequence[Part], name: str) -> str | list[dict[str, Any]]:
    if len(parts) == 1 and parts[0].text is not None:
        return parts[0].text
    return [_content_part(part, f"{name}[{index}]") for index, part in enumerate(parts)]


def _content_part(part: Part, name: str) -> dict[str, Any]:
    return content_part(part, name) if part.text is None else {"type": "text", "text": part.text}


def assistant_message(parts: Sequence[Part], seed: str, name: str, first_call: int = 0) -> dict[str, Any]:
    """The message (or the delta) of a model's parts.

    Args:
        seed: makes the ids of calls that have none; the same seed makes the same ids.
        name: where the parts are, for the error.
        first_call: the number of the first call, where earlier ones were said in earlier events.

    Raises:
        InvalidRequest: a part that a model does not say.
    """
    message: dict[str, Any] = {"role": "assistant", "content": _joined(parts, thought=False)}
    if (thoughts := _joined(parts, thought=True)) is not None:
        message["reasoning_content"] = thoughts
    if images := [content_part(part, name) for part in parts if part.inline_data or part.file_data]:
        message["images"] = images
    calls = [part for part in parts if part.function_call]
    if calls:
        message["tool_calls"] = [tool_call(part, seed, index) for index, part in enumerate(calls, first_call)]
    signatures = [part.thought_signature for part in parts if part.thought_signature and not part.function_call]
    if signatures:
        message["extra_content"] = _signed(signatures[-1])
    if any(part.function_response for part in parts):
        raise unsupported(name, "a functionResponse belongs to the user")
    return message


def tool_call(part: Part, seed: str, index: int) -> dict[str, Any]:
    """An OpenAI tool call; its signature is where Google's OpenAI-compatible API puts it."""
    assert part.function_call is not None
    call = part.function_call
    made = f"call_{blake2s(f'{seed}:{index}'.encode(), digest_size=12).hexdigest()}"
    signed = {"extra_content": _signed(part.thought_signature)} if part.thought_signature else {}
    arguments = msgspec.json.encode(call.args).decode()
    return {
        "id": call.id or made,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
        **signed,
    }


def _signed(signature: str) -> dict[str, Any]:
    return {"google": {"thought_signature": signature}}


def _joined(parts: Sequence[Part], *, thought: bool) -> str | None:
    texts = [text for part in parts if (text := _text(part)) is not None and part.thought is thought]
    return "".join(texts) if texts else None


def _text(part: Part) -> str | None:
    """The text of a part; code that Google ran, and what it gave, is shown as Markdown."""
    if part.executable_code is not None:
        return f"\n```{part.executable_code.language.lower()}\n{part.executable_code.code}\n```\n"
    if part.code_execution_result is not None:
        return f"\n```\n{part.code_execution_result.output}\n```\n"
    return part.text
