"""Whole answers: a message as a chat completion, and the other way round."""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from homeport.core.errors import BadAnswer
from homeport.core.types import Usage
from homeport.protocols.anthropic.reading import UNREADABLE, json_object, read_answer
from homeport.protocols.anthropic.usage import chat_usage, messages_usage, usage_of_chat, usage_of_messages

_NULL = Raw(b"null")
_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_STOP = {
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


class Block(Struct):
    """A block of an answer; of which kind, `type` says. Kinds that chat has no place for are passed over."""

    type: str
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = _NULL


class StopDetails(Struct):
    explanation: str | None = None


class Message(Struct):
    content: list[Block]
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: Raw = _NULL


class CalledFunction(Struct):
    name: str | None = None
    arguments: str | None = None


class Call(Struct):
    """A tool call, or in a stream a piece of one."""

    index: int | None = None
    id: str | None = None
    function: CalledFunction | None = None


class Piece(Struct):
    type: str = ""
    text: str | None = None


class Said(Struct):
    """The message of a choice, or in a stream its delta. Servers have two names for what a model thought."""

    content: str | list[Piece] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    thinking_blocks: list[Block] | None = None
    tool_calls: list[Call] | None = None

    @property
    def text(self) -> str:
        content = self.content or ""
        return content if isinstance(content, str) else "".join(piece.text or "" for piece in content)

    @property
    def thought(self) -> str:
        return self.reasoning_content or self.reasoning or ""


class Choice(Struct):
    message: Said
    finish_reason: str | None = None
    stop_reason: Raw = _NULL


class Chat(Struct):
    choices: list[Choice]
    id: str = ""
    model: str = ""
    usage: Raw = _NULL


_MESSAGE = msgspec.json.Decoder(Message)
_CHAT = msgspec.json.Decoder(Chat)


def value_of(value: Raw) -> Any:
    """The value, or None where it is none that can be read."""
    try:
        return msgspec.json.decode(value)
    except UNREADABLE:
        return None


def finish_reason(stop_reason: str | None) -> str:
    """Chat's word for why an answer ended; `stop` for reasons that are not known."""
    return _FINISH.get(stop_reason or "", "stop")


def stop_reason(finish: str | None, matched: Raw, *, called: bool, refused: bool) -> tuple[str, str | None]:
    """Anthropic's words for why an answer ended, and the stop sequence it ended at.

    Args:
        matched: vLLM's `stop_reason`: the stop sequence, where one was met.
        called: the answer calls tools; some servers say `stop` nevertheless.
        refused: the answer is a refusal.
    """
    if finish in _STOP:
        return _STOP[finish], None
    if called or refused:
        return ("tool_use" if called else "refusal"), None
    sequence = value_of(matched)
    return ("stop_sequence", sequence) if isinstance(sequence, str) else ("end_turn", None)


def answer_to_chat(body: bytes, *, created: int = 0) -> tuple[dict[str, Any], Usage | None]:
    """A message as a chat completion, with its usage.

    Its thinking is `reasoning_content`, and with its signature in `thinking_blocks`: a caller who sends
    the message back as it is lets Anthropic go on thinking. The stop sequence is the choice's `stop_reason`.

    Args:
        created: seconds since the epoch.

    Raises:
        BadAnswer: the body is no message.
    """
    message = read_answer(body, _MESSAGE)
    usage = usage_of_messages(value_of(message.usage))
    choice: dict[str, Any] = {
        "index": 0,
        "message": _chat_message(message),
        "logprobs": None,
        "finish_reason": finish_reason(message.stop_reason),
    }
    if message.stop_sequence is not None:
        choice["stop_reason"] = message.stop_sequence
    head = {"id": message.id, "object": "chat.completion", "created": created, "model": message.model}
    return {**head, "choices": [choice], **({"usage": chat_usage(usage)} if usage else {})}, usage


def _chat_message(message: Message) -> dict[str, Any]:
    texts = [block.text or "" for block in message.content if block.type == "text"]
    thoughts = [block.thinking or "" for block in message.content if block.type == "thinking"]
    calls = [_chat_call(block) for block in message.content if block.type == "tool_use"]
    sealed = [seal for block in message.content if (seal := thinking_block(block))]
    details = message.stop_details
    said: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) if texts or not calls else None,
        "refusal": details.explanation if details and message.stop_reason == "refusal" else None,
    }
    if any(thoughts):
        said["reasoning_content"] = "".join(thoughts)
    if sealed:
        said["thinking_blocks"] = sealed
    return {**said, "tool_calls": calls} if calls else said


def thinking_block(block: Block) -> dict[str, str] | None:
    """What Anthropic wants back of a block of thinking, None where there is nothing it would accept."""
    if block.type == "redacted_thinking" and block.data:
        return {"type": block.type, "data": block.data}
    if block.type == "thinking" and block.signature:
        return {"type": block.type, "thinking": block.thinking or "", "signature": block.signature}
    return None


def _chat_call(block: Block) -> dict[str, Any]:
    arguments = json_object(bytes(block.input))
    if arguments is None or not block.id or not block.name:
        raise BadAnswer("the upstream's answer calls a tool without an id, a name or an object as its input")
    return {
        "id": block.id,
        "type": "function",
        "function": {"name": block.name, "arguments": bytes(arguments).decode()},
    }


def answer_from_chat(body: bytes, *, answer_id: str = "") -> tuple[dict[str, Any], Usage | None]:
    """A chat completion as a message, with its usage. Of several choices the first counts.

    Thinking of a model that is not Anthropic's has no signature, so it is "".

    Args:
        answer_id: what the ids in it are made of; "" for the completion's own id, which may be empty.

    Raises:
        BadAnswer: the body is no chat completion, or calls a tool with what is not a JSON object.
    """
    chat = read_answer(body, _CHAT)
    if not chat.choices:
        raise BadAnswer("the upstream's answer has no choice")
    choice, usage = chat.choices[0], usage_of_chat(value_of(chat.usage))
    stem = answer_id or chat.id
    said = choice.message
    calls = [_message_call(call, number, stem) for number, call in enumerate(said.tool_calls or [])]
    texts = [{"type": "text", "text": text} for text in (said.text, said.refusal) if text]
    reason, sequence = stop_reason(
        choice.finish_reason, choice.stop_reason, called=bool(calls), refused=bool(said.refusal)
    )
    return {
        **message_head(stem, chat.model),
        "content": [*_thoughts(said), *texts, *calls],
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": messages_usage(usage or Usage()),
    }, usage


def message_head(stem: str, model: str) -> dict[str, Any]:
    """What a message says of itself before it says anything."""
    own = stem if stem.startswith("msg_") else f"msg_{stem}"
    return {"id": own, "type": "message", "role": "assistant", "model": model}


def _thoughts(said: Said) -> list[dict[str, Any]]:
    sealed = [seal for block in said.thinking_blocks or [] if (seal := thinking_block(block))]
    thought = said.thought
    if any(block["type"] == "thinking" for block in sealed) or not thought:
        return list(sealed)
    return [{"type": "thinking", "thinking": thought, "signature": ""}, *sealed]


def _message_call(call: Call, number: int, stem: str) -> dict[str, Any]:
    function = call.function or CalledFunction()
    arguments = json_object((function.arguments or "").strip() or "{}")
    if arguments is None or not function.name:
        raise BadAnswer("the upstream's answer calls a tool without a name, or with what is not a JSON object")
    return {"type": "tool_use", "id": call.id or call_id(stem, number), "name": function.name, "input": arguments}


def call_id(stem: str, number: int) -> str:
    """An id for a tool call that came without one, the same in a stream and in whole."""
    return f"toolu_{stem}_{number}"
