"""The dialect of /v1/messages: passed through where the upstream speaks it, else told as a chat."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from homeport.api import bodies, errors
from homeport.api.openai import Name
from homeport.api.receipts import cut_chunk, fields_of, receipt_comment, receipt_object
from homeport.core.errors import HomeportError, NoAnswer
from homeport.core.ports import AnswerWriter
from homeport.core.types import Completion, ErrorReply, Frame, Inference, Receipt, Surface, Usage
from homeport.ledger.usage import estimate
from homeport.protocols.anthropic.answer import answer_from_chat
from homeport.protocols.anthropic.errors import error_body, type_of
from homeport.protocols.anthropic.request_to_chat import request_to_chat
from homeport.protocols.anthropic.stream_from_chat import MessageEvents
from homeport.transport.sse import data_of, events

PREFIX = "/v1/messages"
BETA = b"anthropic-beta"
_BETA_FIELD = "anthropic_beta"
# Anthropic resizes an image to about 1,600 tokens at most; a page of a PDF is of that order.
_CHARS_OF_AN_IMAGE = 6_400


class MessageSource(Struct):
    """Where an image or a document is."""

    type: str = ""
    data: str = ""


class MessageBlock(Struct):
    """A block of content, as far as its length is counted."""

    type: str
    text: str | None = None
    thinking: str | None = None
    content: Any = None
    input: Any = None
    source: MessageSource | str | None = None


class PromptMessage(Struct):
    """What one side said."""

    role: Annotated[str, Meta(min_length=1, max_length=64)]
    content: str | list[MessageBlock]


class MessagePrompt(Struct, kw_only=True):
    """What a prompt is made of; all that counting tokens needs."""

    model: Name
    messages: Annotated[list[PromptMessage], Meta(min_length=1)]
    system: str | list[MessageBlock] | None = None
    tools: list[Raw] | None = None


class MessageRequest(MessagePrompt, kw_only=True):
    """The fields that are read. Every other passes through as it came."""

    max_tokens: Annotated[int, Meta(ge=0, le=10_000_000)]
    stream: bool | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None


_REQUEST = msgspec.json.Decoder(MessageRequest)
_PROMPT = msgspec.json.Decoder(MessagePrompt)
_Content = str | list[MessageBlock]


class AnthropicDialect:
    """`Dialect` of Anthropic's Messages API.

    Args:
        betas: the header `anthropic-beta`; an upstream that speaks Messages is sent it.
        new_id: what the ids of an answer are made of; a new one for each answer that is translated.
    """

    id_header = "request-id"

    def __init__(self, betas: str | None = None, new_id: Callable[[], str] = lambda: secrets.token_hex(12)) -> None:
        self._betas = betas
        self._new_id = new_id

    def with_betas(self, betas: str | None) -> "AnthropicDialect":
        """The same for one request; `betas` is its header `anthropic-beta`."""
        return AnthropicDialect(betas, self._new_id) if betas else self

    def decode(self, surface: Surface, body: bytes) -> Inference:
        """See `Dialect.decode`. Usage is part of every message, so it is always wanted."""
        request, fields = bodies.read(body, _REQUEST)
        return self._inference(request, fields, stream=bool(request.stream))

    def decode_prompt(self, body: bytes) -> Inference:
        """The same for a request whose prompt is to be counted: it sets no bound for an answer."""
        request, fields = bodies.read(body, _PROMPT)
        return self._inference(request, fields, stream=False)

    def _inference(self, request: MessagePrompt, fields: Mapping[str, Raw], *, stream: bool) -> Inference:
        names = [name.strip() for name in (self._betas or "").split(",") if name.strip()]
        betas = {_BETA_FIELD: Raw(msgspec.json.encode(names))} if names else {}
        return Inference(
            surface=Surface.MESSAGES,
            model=request.model,
            stream=stream,
            wants_usage=True,
            input_chars=_measured(request),
            deterministic=False,
            fields={**fields, **betas},
        )

    def as_chat(self, inference: Inference) -> Mapping[str, Raw]:
        return request_to_chat(inference.fields)

    def writer(self, inference: Inference, answered: Surface) -> AnswerWriter:
        if answered is Surface.MESSAGES:
            return _NativeWriter()
        return _TranslatingWriter(estimate(inference.input_chars, 0).input_tokens, self._new_id())

    def error(self, error: HomeportError, request_id: str) -> ErrorReply:
        status, _ = errors.status_of(error)
        headers = {**errors.headers_of(error, status), self.id_header: request_id}
        return ErrorReply(status=status, headers=headers, body=msgspec.json.encode(_error_object(error, request_id)))


class _NativeWriter:
    """`AnswerWriter` for an answer that comes in our caller's words already."""

    def __init__(self) -> None:
        self._last = b""

    def whole(self, completion: Completion) -> bytes:
        return completion.body

    def frame(self, frame: Frame) -> bytes:
        self._last = frame.data if b"content_block" in frame.data else self._last
        return frame.data

    def cut(self, first: Frame, usage: Usage) -> Sequence[Frame]:
        """The end of the block that is open, and of the message."""
        index = _open_block(self._last)
        told = {"stop_reason": "max_tokens", "stop_sequence": None}
        delta = {"type": "message_delta", "delta": told, "usage": {"output_tokens": usage.output_tokens}}
        return [
            *([] if index is None else [Frame(data=_event({"type": "content_block_stop", "index": index}))]),
            Frame(data=_event(delta), closing=True),
            Frame(data=_event({"type": "message_stop"}), closing=True),
        ]

    def closing(self, frames: Sequence[Frame], receipt: Receipt) -> bytes:
        return receipt_comment(receipt) + b"".join(_with_receipt(frame.data, receipt) for frame in frames)

    def error_event(self, error: HomeportError, request_id: str) -> bytes:
        return _event(_error_object(error, request_id))


class _TranslatingWriter(_NativeWriter):
    """`AnswerWriter` for the answer of a chat."""

    def __init__(self, input_tokens: int, stem: str) -> None:
        super().__init__()
        self._stem = stem
        self._events = MessageEvents(input_tokens=input_tokens, answer_id=stem)

    def whole(self, completion: Completion) -> bytes:
        return msgspec.json.encode(answer_from_chat(completion.body, answer_id=self._stem)[0])

    def frame(self, frame: Frame) -> bytes:
        return b"".join(self._told(frame.data))

    def cut(self, first: Frame, usage: Usage) -> Sequence[Frame]:
        return [cut_chunk(first.data)]

    def closing(self, frames: Sequence[Frame], receipt: Receipt) -> bytes:
        usages: list[Usage] = [frame.usage for frame in frames if frame.usage]
        ends = [_event(event) for event in self._events.end(usages[-1] if usages else receipt.usage)]
        return receipt_comment(receipt) + b"".join(_with_receipt(event, receipt) for event in ends)

    def _told(self, block: bytes) -> Iterator[bytes]:
        for event in events(block):
            data = data_of(event)
            if data is None:
                yield event  # A comment: it keeps the connection awake.
            elif data.strip() != b"[DONE]":
                yield from map(_event, self._events.feed(data))


class _BlockEvent(Struct):
    type: str = ""
    index: int = 0


_BLOCK_EVENT = msgspec.json.Decoder(_BlockEvent)


def _open_block(block: bytes) -> int | None:
    """The index of the content block that some events leave open; None where they leave none."""
    found: int | None = None
    for event in events(block):
        with suppress(*bodies.UNREADABLE):
            told = _BLOCK_EVENT.decode(data_of(event) or b"")
            if told.type.startswith("content_block_"):
                found = None if told.type == "content_block_stop" else told.index
    return found


def _event(event: Mapping[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: ".encode() + msgspec.json.encode(event) + b"\n\n"


def _error_object(error: HomeportError, request_id: str) -> dict[str, Any]:
    """Anthropic's error; `code`, `param`, `hint` and `attempts` are ours."""
    status, _ = errors.status_of(error)
    message = f"{error.message}; {error.hint}" if error.hint else error.message
    body = error_body(type_of(status), message, request_id)
    body["error"] |= {"code": error.code, "param": getattr(error, "param", "") or None, "hint": error.hint or None}
    if isinstance(error, NoAnswer):
        body["error"]["attempts"] = error.attempts
    return body


def _with_receipt(event: bytes, receipt: Receipt) -> bytes:
    """The event that has the usage, with the receipt; every other event, and what cannot be read, as it came."""
    with suppress(*bodies.UNREADABLE):
        told = fields_of(event)
        if bytes(told.get("type", b"")) == b'"message_delta"':
            told["homeport"] = Raw(msgspec.json.encode(receipt_object(receipt)))
            return b"event: message_delta\ndata: " + msgspec.json.encode(told) + b"\n\n"
    return event


def _measured(request: MessagePrompt) -> int:
    try:
        return _input_chars(request)
    except RecursionError:  # blocks in blocks, almost too deep for the decoder
        raise bodies.too_deep() from None


def _input_chars(request: MessagePrompt) -> int:
    """Characters of the prompt: texts, calls and their results, tools; an image counts as a flat length."""
    said = sum(_chars(message.content) for message in request.messages)
    return said + _chars(request.system or "") + sum(len(bytes(tool)) for tool in request.tools or [])


def _chars(content: str | Sequence[MessageBlock]) -> int:
    return len(content) if isinstance(content, str) else sum(map(_block_chars, content))


def _block_chars(block: MessageBlock) -> int:
    said = len(block.text or "") + len(block.thinking or "")
    given = 0 if block.input is None else len(msgspec.json.encode(block.input))
    if isinstance(block.source, MessageSource):
        said += len(block.source.data) if block.source.type == "text" else _CHARS_OF_AN_IMAGE
    with suppress(msgspec.ValidationError):
        said += _chars(msgspec.convert(block.content, _Content))
    return said + given
