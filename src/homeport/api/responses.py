"""The dialect of /v1/responses: passed through where the upstream speaks it, else told as a chat."""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import Raw

from homeport.api import bodies, errors
from homeport.api.receipts import cut_chunk, fields_of, receipt_comment, receipt_object, usage_chunk
from homeport.core.errors import HomeportError
from homeport.core.ports import AnswerWriter
from homeport.core.types import Completion, ErrorReply, Frame, Inference, Receipt, Surface, Usage
from homeport.protocols.responses.answer import from_chat
from homeport.protocols.responses.request import to_chat
from homeport.protocols.responses.stream import ResponseStream
from homeport.protocols.responses.wire import ResponseItem, ResponseRequest
from homeport.transport.sse import data_of, events

_DECODER = msgspec.json.Decoder(ResponseRequest)
_SEQUENCE = re.compile(rb'"sequence_number" ?: ?(\d{1,12})')


class ResponsesDialect:
    """`Dialect` of OpenAI's Responses API.

    Args:
        new_id: what the ids of an answer are made of; a new one for each answer that is translated.
    """

    id_header = errors.ID_HEADER

    def __init__(self, new_id: Callable[[], str] = lambda: secrets.token_hex(16)) -> None:
        self._new_id = new_id

    def decode(self, surface: Surface, body: bytes) -> Inference:
        """See `Dialect.decode`. Usage is part of every response, so it is always wanted."""
        request, fields = bodies.read(body, _DECODER)
        return Inference(
            surface=surface,
            model=request.model,
            stream=bool(request.stream),
            wants_usage=True,
            input_chars=_input_chars(request),
            deterministic=request.temperature == 0 and bytes(fields.get("seed", b"null")) != b"null",
            fields=fields,
        )

    def as_chat(self, inference: Inference) -> Mapping[str, Raw]:
        return to_chat(inference.fields)

    def writer(self, inference: Inference, answered: Surface) -> AnswerWriter:
        if answered is Surface.RESPONSES:
            return _NativeWriter()
        return _TranslatingWriter(inference.fields, self._new_id())

    def error(self, error: HomeportError, request_id: str) -> ErrorReply:
        return errors.reply(error, request_id)


class _TranslatingWriter:
    """`AnswerWriter` for the answer of a chat."""

    def __init__(self, asked: Mapping[str, Raw], stem: str) -> None:
        self._asked = asked
        self._stem = stem
        self._stream = ResponseStream(asked, stem)

    def whole(self, completion: Completion) -> bytes:
        return from_chat(completion.body, self._asked, self._stem)

    def frame(self, frame: Frame) -> bytes:
        return b"".join(self._stream.feed(data) for event in events(frame.data) if (data := _chunk_of(event)))

    def cut(self, first: Frame, usage: Usage) -> Sequence[Frame]:
        return [cut_chunk(first.data)]

    def closing(self, frames: Sequence[Frame], receipt: Receipt) -> bytes:
        told = [self.frame(frame) for frame in frames]
        if receipt.usage is not None and not any(frame.usage for frame in frames):
            told.append(self.frame(Frame(data=usage_chunk(receipt.usage, b""))))
        return b"".join([*told, receipt_comment(receipt), self._stream.finish({"homeport": receipt_object(receipt)})])

    def error_event(self, error: HomeportError, request_id: str) -> bytes:
        return self._stream.fail(error.code, error.message)


class _NativeWriter:
    """`AnswerWriter` for an answer that comes in our caller's words already."""

    def __init__(self) -> None:
        self._first = b""
        self._last = b""

    def whole(self, completion: Completion) -> bytes:
        return completion.body

    def frame(self, frame: Frame) -> bytes:
        # Comments keep a connection awake: neither the response nor a number is in one.
        if b'"sequence_number"' in frame.data:
            self._last = frame.data
        if not self._first and b'"response"' in frame.data:
            self._first = frame.data
        return frame.data

    def cut(self, first: Frame, usage: Usage) -> Sequence[Frame]:
        """The response as it began, with why it goes no further."""
        response: dict[str, object] = dict(_begun(self._first))
        response["status"] = "incomplete"
        response["incomplete_details"] = {"reason": "max_output_tokens"}
        response["usage"] = {
            "input_tokens": usage.input_tokens,
            "input_tokens_details": {"cached_tokens": usage.cached_input_tokens},
            "output_tokens": usage.output_tokens,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
            "total_tokens": usage.input_tokens + usage.output_tokens,
        }
        told = {"type": "response.incomplete", "response": response, "sequence_number": self._sequence()}
        return [Frame(data=b"event: response.incomplete\ndata: " + msgspec.json.encode(told) + b"\n\n", closing=True)]

    def _sequence(self) -> int:
        """The number of the next event."""
        return max((int(number) for number in _SEQUENCE.findall(self._last)), default=-1) + 1

    def closing(self, frames: Sequence[Frame], receipt: Receipt) -> bytes:
        ends = b"".join(_with_receipt(frame.data, receipt) for frame in frames)
        return receipt_comment(receipt) + ends

    def error_event(self, error: HomeportError, request_id: str) -> bytes:
        """Written as the upstream would have: its own response, failed."""
        stream = ResponseStream({}, request_id, resumed=_begun(self._first), sequence=self._sequence())
        return stream.fail(error.code, error.message)


def _chunk_of(event: bytes) -> bytes | None:
    """The chunk that an event of a chat carries; None for comments and `[DONE]`."""
    data = data_of(event)
    return None if data is None or data.strip() == b"[DONE]" else data


def _begun(first: bytes) -> Mapping[str, Raw]:
    """The response object of the first event of a native stream; empty where there is none."""
    for event in events(first):
        try:
            return bodies.FIELDS.decode(fields_of(event)["response"])
        except (*bodies.UNREADABLE, KeyError):
            continue
    return {}


def _with_receipt(event: bytes, receipt: Receipt) -> bytes:
    """The last event with the receipt in its response. What cannot be read goes on as it came."""
    try:
        told = fields_of(event)
        response = bodies.FIELDS.decode(told["response"])
        kind = msgspec.json.decode(told["type"], type=str)
    except (*bodies.UNREADABLE, KeyError):
        return event
    response["homeport"] = Raw(msgspec.json.encode(receipt_object(receipt)))
    told["response"] = Raw(msgspec.json.encode(response))
    return f"event: {kind}\ndata: ".encode() + msgspec.json.encode(told) + b"\n\n"


def _input_chars(request: ResponseRequest) -> int:
    instructions = len(request.instructions or "")
    if isinstance(request.input, str):
        return instructions + len(request.input)
    return instructions + sum(_item_chars(item) for item in request.input)


def _item_chars(item: ResponseItem) -> int:
    said = (text for text in (item.arguments, item.input, item.output, item.content) if isinstance(text, str))
    parts = item.content if isinstance(item.content, list) else []
    return sum(map(len, said)) + sum(len(part.text or "") for part in parts)
