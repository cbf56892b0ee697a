"""OpenAI's dialect: what its requests must look like, and the shapes of what we add to a stream.

Only the fields that Homeport needs, or that would make an upstream fail in its own words, are
typed. Every other field passes through as it came.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from homeport.api import bodies, errors
from homeport.api.receipts import cut_chunk, fields_of, receipt_comment, receipt_object, usage_chunk
from homeport.core.errors import HomeportError
from homeport.core.types import Completion, ErrorReply, Frame, Inference, Receipt, Surface, Usage

Name = Annotated[str, Meta(min_length=1, max_length=256)]
ModelName = Annotated[str, Meta(min_length=1, max_length=256, examples=["auto"])]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Count = Annotated[int, Meta(ge=1, le=10_000_000)]
Token = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Prompt = str | Annotated[list[str | Token | list[Token]], Meta(min_length=1, max_length=2048)]
"""A text, texts, tokens, or lists of tokens."""
Stop = str | Annotated[list[str], Meta(max_length=16)]

_CHARS_PER_TOKEN = 4
_DONE = b"data: [DONE]\n\n"


class ContentPart(Struct):
    type: str
    text: str | None = None


class CalledFunction(Struct):
    name: str
    arguments: str | None = None


class ToolCall(Struct):
    type: str | None = None
    id: str | None = None
    function: CalledFunction | None = None


class ChatMessage(Struct):
    role: Annotated[str, Meta(min_length=1, max_length=64)]
    content: str | list[ContentPart] | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None


class OfferedFunction(Struct):
    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None


class ChatTool(Struct):
    type: str
    function: OfferedFunction | None = None


class JsonSchema(Struct):
    name: str | None = None
    schema: dict[str, Any] | None = None


class ResponseFormat(Struct):
    type: str
    json_schema: JsonSchema | None = None


class StreamOptions(Struct):
    include_usage: bool | None = None


class _Sampling(Struct):
    model: ModelName
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: Stop | None = None
    max_tokens: Count | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, float] | None = None
    user: str | None = None


class ChatRequest(_Sampling, kw_only=True):
    messages: Annotated[list[ChatMessage], Meta(min_length=1)]
    max_completion_tokens: Count | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: list[ChatTool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None


class CompletionRequest(_Sampling, kw_only=True):
    prompt: Prompt
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    echo: bool | None = None
    suffix: str | None = None
    best_of: Annotated[int, Meta(ge=1, le=20)] | None = None


class EmbeddingRequest(Struct):
    model: ModelName
    input: Prompt
    dimensions: Count | None = None
    encoding_format: str | None = None
    user: str | None = None


REQUESTS: Mapping[Surface, type[Struct]] = {
    Surface.CHAT: ChatRequest,
    Surface.COMPLETION: CompletionRequest,
    Surface.EMBEDDING: EmbeddingRequest,
}
"""What each body is checked against."""

_decoders: dict[Surface, msgspec.json.Decoder[Any]] = {
    surface: msgspec.json.Decoder(kind) for surface, kind in REQUESTS.items()
}


class OpenAIDialect:
    """`Dialect` of the OpenAI API, and its own `AnswerWriter`: OpenAI's answers pass through."""

    id_header = errors.ID_HEADER

    def decode(self, surface: Surface, body: bytes) -> Inference:
        """Check a body and keep its fields as raw JSON.

        Raises:
            InvalidRequest: codes invalid_json, invalid_utf8, json_too_deep, invalid_value.
        """
        request: ChatRequest | CompletionRequest | EmbeddingRequest
        request, fields = bodies.read(body, _decoders[surface])
        match request:
            case ChatRequest() | CompletionRequest():
                stream = bool(request.stream)
                wants_usage = bool(request.stream_options and request.stream_options.include_usage)
                deterministic = request.seed is not None and request.temperature == 0
            case _:
                stream, wants_usage, deterministic = False, False, False
        return Inference(
            surface=surface,
            model=request.model,
            stream=stream,
            wants_usage=wants_usage,
            input_chars=_input_chars(request),
            deterministic=deterministic,
            fields=fields,
        )

    def as_chat(self, inference: Inference) -> Mapping[str, Raw]:
        return inference.fields

    def writer(self, inference: Inference, answered: Surface) -> "OpenAIDialect":
        return _WithUsage() if inference.stream and inference.wants_usage else self

    def error(self, error: HomeportError, request_id: str) -> ErrorReply:
        return errors.reply(error, request_id)

    def whole(self, completion: Completion) -> bytes:
        return completion.body

    def frame(self, frame: Frame) -> bytes:
        return frame.data

    def cut(self, first: Frame, usage: Usage) -> Sequence[Frame]:
        return [cut_chunk(first.data)]

    def error_event(self, error: HomeportError, request_id: str) -> bytes:
        return b"data: " + msgspec.json.encode(errors.error_object(error, request_id)) + b"\n\n"

    def closing(self, frames: Sequence[Frame], receipt: Receipt) -> bytes:
        """The usage chunk, where it was asked for, with the receipt in it; the receipt's comment; and `[DONE]`."""
        # The last one: a total that comes twice would be added up by the caller.
        usage = [_with_receipt(frame.data, receipt) for frame in frames if frame.usage_only][-1:]
        return b"".join([*usage, receipt_comment(receipt), _DONE])


class _WithUsage(OpenAIDialect):
    """The writer for a caller who asked for usage: there is a usage chunk, whether the upstream sent one or not."""

    def __init__(self) -> None:
        self._first = b""

    def frame(self, frame: Frame) -> bytes:
        self._first = self._first or frame.data
        return frame.data

    def closing(self, frames: Sequence[Frame], receipt: Receipt) -> bytes:
        """See `OpenAIDialect.closing`."""
        if receipt.usage is not None and not any(frame.usage_only for frame in frames):
            made = Frame(data=usage_chunk(receipt.usage, self._first), closing=True, usage_only=True)
            frames = [*frames, made]
        return super().closing(frames, receipt)


def _input_chars(request: ChatRequest | CompletionRequest | EmbeddingRequest) -> int:
    match request:
        case ChatRequest():
            return sum(_message_chars(message) for message in request.messages)
        case CompletionRequest():
            return _prompt_chars(request.prompt)
        case EmbeddingRequest():
            return _prompt_chars(request.input)


def _message_chars(message: ChatMessage) -> int:
    if isinstance(message.content, list):
        return sum(len(part.text or "") for part in message.content)
    return len(message.content or "")


def _prompt_chars(prompt: Prompt | list[Token]) -> int:
    if isinstance(prompt, str):
        return len(prompt)
    return sum(_CHARS_PER_TOKEN if isinstance(item, int) else _prompt_chars(item) for item in prompt)


def _with_receipt(event: bytes, receipt: Receipt) -> bytes:
    try:
        chunk = fields_of(event)
    except bodies.UNREADABLE:
        return event  # What cannot be read goes on as it came: the request is billed, so its stream must end.
    chunk["homeport"] = Raw(msgspec.json.encode(receipt_object(receipt)))
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"
