"""The framers of providers: whatever an upstream streams, and however it is cut, the frames are the same."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from homeport.core.errors import StreamCut, UpstreamError
from homeport.core.types import Frame, Usage
from homeport.protocols.gemini.stream import ChatChunks
from homeport.providers.base import ProviderSetup
from homeport.providers.frames import Framer
from homeport.providers.gemini import Gemini, GeminiFramer, GeminiOptions
from homeport.providers.message_frames import ChatFramer, MessageFramer
from homeport.providers.response_frames import ResponseFramer
from homeport.transport.sse import data_of, events
from tests.fakes.transport import ScriptedTransport
from tests.fuzz import hostile
from tests.fuzz.source import Source

SECRET = "sk-a-key-that-no-error-may-hold"
_ENDS = (b"\n", b"\n", b"\r\n", b"\r")


class AnyFramer(Protocol):
    def feed(self, chunk: bytes, /) -> Iterator[Frame]: ...

    def close(self) -> Iterator[Frame]: ...


class Told(NamedTuple):
    """What came out of a framer."""

    content: bytes
    closing: tuple[bytes, ...]
    joined: bytes
    usage: Usage | None
    error: tuple[str, str] | None


def told(framer: AnyFramer, pieces: Sequence[bytes]) -> Told:
    frames: list[Frame] = []
    error = None
    try:
        for piece in pieces:
            frames.extend(framer.feed(piece))
        for frame in framer.close():
            frames.append(frame)  # noqa: PERF402 (what came before an error counts)
    except UpstreamError as refused:
        assert SECRET not in f"{refused.message}{refused.hint}", "the key is in an error"
        error = (type(refused).__name__, refused.code)
    usages = [frame.usage for frame in frames if frame.usage]
    return Told(
        content=b"".join(frame.data for frame in frames if not frame.closing),
        closing=tuple(frame.data for frame in frames if frame.closing),
        joined=b"".join(frame.data for frame in frames),
        usage=usages[-1] if usages else None,
        error=error,
    )


def stream_of(source: Source, templates: Sequence[Any]) -> bytes:
    """Events of one protocol in any order, some spoilt, some that are none."""
    end = source.choice(_ENDS)
    parts = source.many(lambda: _event(source, templates, end), most=10)
    stream = b"".join(parts)
    return stream[: source.integer(0, len(stream))] if source.seldom() else stream


def _event(source: Source, templates: Sequence[Any], end: bytes) -> bytes:
    match source.byte() & 15:
        case 13:
            return b": keep-alive" + end + end
        case 14:
            return source.take(source.integer(0, 12))
        case 15:
            return b"data: " + source.text().encode("utf-8", "surrogatepass") + end + end
    template = source.choice(templates)
    if isinstance(template, bytes):
        data = template
    else:
        value = json.loads(json.dumps(template).replace("TEXT", json.dumps(source.text())[1:-1]))
        data = hostile.written(source, hostile.spoil(source, value) if source.byte() & 3 == 3 else value)
        data = data.replace(b"\n", b" ").replace(b"\r", b" ")
    name = (
        b"event: " + str(template.get("type")).encode() + end
        if isinstance(template, dict) and "type" in template
        else b""
    )
    return name + b"data: " + data + end + end


def _same_however_cut(source: Source, make: Callable[[], AnyFramer], stream: bytes) -> Told:
    whole = told(make(), [stream])
    cut = told(make(), source.pieces(stream))
    assert cut == whole, "the network's cuts changed the frames"
    again = told(make(), [bytes([byte]) for byte in stream]) if len(stream) < 400 else whole
    assert again == whole, "a stream a byte at a time gives other frames"
    return whole


def _unchanged(whole: Told, stream: bytes) -> None:
    """Frames of a stream that passes through are the stream's own bytes, from its beginning and without gaps."""
    stream = stream.removeprefix(b"\xef\xbb\xbf")
    assert stream.startswith(whole.joined.rstrip(b"\r\n")), "bytes were changed, lost or moved"
    left = stream[len(whole.joined.rstrip(b"\r\n")) :].lstrip(b"\r\n")
    if whole.error is None and not whole.closing:
        assert len(list(events(left))) <= 1, "an event was lost"


_USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5}}
_CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
CHAT = (
    {**_CHUNK, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "TEXT"}, "finish_reason": None}]},
    {**_CHUNK, "choices": [{"index": 0, "delta": {"content": "TEXT"}, "finish_reason": None}], "usage": None},
    {**_CHUNK, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {**_CHUNK, "choices": [], "usage": _USAGE},
    {**_CHUNK, "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": None}], "usage": _USAGE},
    {"error": {"message": f"TEXT {SECRET}", "code": 500}},
    {"error": {"message": "TEXT", "code": "rate_limit_exceeded"}},
    b"[DONE]",
    b" [DONE] ",
    b'{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"usage":null}',
)


def chat(data: bytes) -> None:
    """OpenAI's streams pass through, but for what belongs to the end."""
    source = Source(data)
    stream = stream_of(source, CHAT)
    whole = _same_however_cut(source, lambda: Framer(SECRET), stream)
    _unchanged(whole, stream)
    assert b"[DONE]" not in [(data_of(event) or b"").strip() for event in events(whole.content)], (
        "its end was told early"
    )
    assert sum(frame.strip() in (b"data: [DONE]", b"data:  [DONE]") for frame in whole.closing) <= 1, "ended twice"


_RESPONSE = {
    "id": "r",
    "object": "response",
    "status": "completed",
    "output": [],
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
RESPONSES = (
    {"type": "response.created", "response": {**_RESPONSE, "status": "in_progress"}, "sequence_number": 0},
    {"type": "response.output_text.delta", "delta": "TEXT", "sequence_number": 4},
    {"type": "response.output_text.done", "text": '"type":"response.completed"', "sequence_number": 5},
    {"type": "response.completed", "response": _RESPONSE, "sequence_number": 9},
    {"type": "response.incomplete", "response": _RESPONSE, "sequence_number": 9},
    {"type": "response.failed", "response": {**_RESPONSE, "error": {"code": "server_error", "message": SECRET}}},
    {"type": "error", "code": "rate_limit_exceeded", "message": f"TEXT {SECRET}"},
    {"type": "response.output_item.done", "item": {"type": "response.completed"}},
    b"[DONE]",
)


_ENDING = ("response.completed", "response.incomplete", "response.failed", "error")


def _type_of(event: bytes) -> object:
    try:
        told = json.loads(data_of(event) or b"")
    except (ValueError, RecursionError):
        return None
    return told.get("type") if isinstance(told, dict) else None


def responses(data: bytes) -> None:
    """Streams of /v1/responses pass through to their end."""
    source = Source(data)
    stream = stream_of(source, RESPONSES)
    whole = _same_however_cut(source, lambda: ResponseFramer(SECRET), stream)
    _unchanged(whole, stream)
    assert len(whole.closing) <= 1, "ended twice"
    assert not [event for event in events(whole.content) if _type_of(event) in _ENDING], "its end was told early"
    assert (whole.error is None) == bool(whole.closing), "a clean end without the event that says so"


_START = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [],
    "usage": {"input_tokens": 9, "output_tokens": 1},
}
MESSAGES = (
    {"type": "message_start", "message": _START},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
    },
    {"type": "content_block_start", "index": 2, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "TEXT"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "thinking_delta", "thinking": "TEXT"}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "signature_delta", "signature": "c2ln"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_stop", "index": 2},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 12},
    },
    {"type": "message_stop"},
    {"type": "ping"},
    {"type": "error", "error": {"type": "overloaded_error", "message": f"TEXT {SECRET}"}},
)


def messages(data: bytes) -> None:
    """Anthropic's streams pass through, or are told as a chat."""
    source = Source(data)
    stream = stream_of(source, MESSAGES)
    whole = _same_however_cut(source, lambda: MessageFramer(SECRET), stream)
    _unchanged(whole, stream)
    chat_told = _same_however_cut(source, lambda: ChatFramer(SECRET, created=1), stream)
    _is_chat(chat_told)
    assert chat_told.error is not None or whole.error is None, "a broken stream was told as a whole one"


_CANDIDATE = {"content": {"role": "model", "parts": [{"text": "TEXT"}]}, "index": 0}
_GOOGLE_USAGE = {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}
GEMINI = (
    {"candidates": [_CANDIDATE], "modelVersion": "g", "responseId": "r"},
    {"candidates": [{**_CANDIDATE, "finishReason": "STOP"}], "usageMetadata": _GOOGLE_USAGE},
    {"candidates": [{"content": {"role": "model", "parts": [{"text": "TEXT", "thought": True}]}, "index": 0}]},
    {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {"a": "TEXT"}}}]}, "index": 1}]},
    {"candidates": [{"finishReason": "SAFETY", "index": 1}]},
    {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "index": 0}]},
    {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": _GOOGLE_USAGE},
    {"error": {"code": 503, "message": f"TEXT {SECRET}", "status": "UNAVAILABLE"}},
    {"usageMetadata": _GOOGLE_USAGE},
)


def gemini(data: bytes) -> None:
    """Gemini's streams are told as a chat, with an end of their own."""
    source = Source(data)
    stream = stream_of(source, GEMINI)
    _is_chat(_same_however_cut(source, _gemini_framer, stream))


def _gemini_framer() -> GeminiFramer:
    setup = ProviderSetup(name="g", base_url="", api_key=SECRET, options={}, transport=ScriptedTransport(), seed=0)
    chunks = ChatChunks(model="m", answer_id="a", created=1)
    return GeminiFramer(chunks, Gemini(setup, GeminiOptions())._error_event)


def _is_chat(whole: Told) -> None:
    """Chunks that any client can read, ended by one `[DONE]` and by nothing else."""
    for event in events(whole.joined):
        if data_of(event) is None:
            continue  # A comment, or what every client passes over.
        assert event.startswith(b"data: "), event
        assert event.endswith(b"\n\n")
        payload = event[6:-2]
        assert payload == b"[DONE]" or "choices" in json.loads(payload.decode())
    is_ended = whole.closing[-1:] == (b"data: [DONE]\n\n",)
    assert is_ended == (whole.error is None), f"the end is told {is_ended}, the error is {whole.error}"
    assert whole.joined.count(b"data: [DONE]\n\n") == is_ended
    if whole.error and whole.error[0] == StreamCut.__name__:
        assert not is_ended
