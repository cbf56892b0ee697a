"""JSON that is almost too deep: what one decoder still takes, the next one, or whoever walks through it, may not.

How deep is too deep depends on how deep the caller's own calls are, so each input tries the depths around that.
"""
# ruff: noqa: E501 (a template is one line)

import bisect
import json
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from homeport.api.dialects import dialects
from homeport.core.errors import HomeportError, InvalidRequest
from homeport.core.types import Completion, Surface
from homeport.protocols.anthropic.answer import answer_from_chat, answer_to_chat
from homeport.protocols.anthropic.errors import error_to_chat
from homeport.protocols.anthropic.request_from_chat import request_from_chat
from homeport.protocols.gemini.answer import chat_completion, gemini_answer
from homeport.protocols.gemini.embeddings import batch_request
from homeport.protocols.gemini.errors import read_error
from homeport.protocols.gemini.request import chat_request, gemini_request
from homeport.protocols.replicate import DEFAULT_INPUT, prediction_input, read_prediction
from homeport.protocols.responses.answer import from_chat
from homeport.providers.answers import read_answer, usage_of
from homeport.providers.base import classify_status
from homeport.providers.frames import Framer
from homeport.providers.message_frames import ChatFramer
from homeport.providers.response_frames import ResponseFramer
from tests.fuzz.hostile import NESTS
from tests.fuzz.source import Source
from tests.fuzz.targets.frames import _gemini_framer
from tests.fuzz.targets.server import RECEIPT

Reader = Callable[[bytes], object]
MOST, BELOW, ABOVE = 1_000, 40, 3


def _asked(surface: Surface) -> Reader:
    """All that a request goes through: our own dialect, and what each provider makes of it."""

    def read(body: bytes) -> None:
        dialect = dialects()[surface]
        inference = dialect.decode(surface, body)
        if surface is Surface.EMBEDDING:
            batch_request(inference.fields, "e")
            return
        chat = dialect.as_chat(inference)
        for ask in (lambda: gemini_request(chat, "g"), lambda: request_from_chat(chat)):
            with suppress(InvalidRequest):
                msgspec.json.encode(ask())
        with suppress(InvalidRequest):
            msgspec.json.encode(prediction_input(chat, DEFAULT_INPUT))
        dialect.writer(inference, Surface.CHAT).whole(Completion(body=_ANSWER, usage=None))

    return read


_ANSWER = b'{"id":"a","choices":[{"index":0,"message":{"content":"x"},"finish_reason":"stop"}]}'


def _answered(body: bytes) -> None:
    """All that a chat's answer goes through."""
    readers: tuple[Reader, ...] = (
        *(lambda data: msgspec.json.encode(answer_from_chat(data)), gemini_answer, usage_of),
        *(lambda data: from_chat(data, {}, "x"), lambda data: read_answer(200, data, Surface.CHAT)),
    )
    for read in readers:
        with suppress(HomeportError):
            read(body)


def _streamed(body: bytes) -> None:
    """The same for a chunk of it."""
    event = b"data: " + body.replace(b'"message"', b'"delta"') + b"\n\n"
    for surface in (Surface.RESPONSES, Surface.MESSAGES):
        inference = dialects()[surface].decode(surface, _HELLO)
        writer = dialects()[surface].writer(inference, Surface.CHAT)
        with suppress(HomeportError):
            for frame in Framer().feed(event):
                writer.frame(frame)
            writer.closing([], RECEIPT)


_HELLO = b'{"model":"m","max_tokens":5,"input":"a","messages":[{"role":"user","content":"a"}]}'


def _framed(body: bytes) -> None:
    """An event of a stream of whatever family."""
    for framer in (Framer(), ResponseFramer(), ChatFramer(), _gemini_framer()):
        with suppress(HomeportError):
            list(framer.feed(b"data: " + body + b"\n\n"))


def _refused(body: bytes) -> None:
    classify_status(400, body)
    error_to_chat(body)
    read_error(body)


def _gemini(body: bytes) -> None:
    msgspec.json.encode(chat_completion(body, model="m", answer_id="a", created=0)[0])


_CHAT, _MESSAGES, _RESPONSES = _asked(Surface.CHAT), _asked(Surface.MESSAGES), _asked(Surface.RESPONSES)
_CALL = b'{"model":"m","messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":%s}}]}%s]}'
_SAID = b'{"choices":[{"index":0,"message":{"content":"a","tool_calls":[{"id":"a","type":"function","function":{"name":"a","arguments":%s}}]},"finish_reason":"stop"}]}'
_MESSAGE = b'{"model":"m","max_tokens":5,%s}'
HOLES: tuple[tuple[Reader, bytes], ...] = (
    (_CHAT, b'{"model":"m","messages":[{"role":"user","content":HOLE}]}'),
    (_CHAT, b'{"model":"m","zz":HOLE,"messages":[{"role":"user","content":"a"}]}'),
    (_CHAT, b'{"model":"m","messages":[{"role":"assistant","content":"a","extra_content":HOLE}]}'),
    (
        _CHAT,
        b'{"model":"m","messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"a","parameters":{"a":HOLE}}}]}',
    ),
    (
        _CHAT,
        b'{"model":"m","messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"a":HOLE}}}}',
    ),
    (_CHAT, b'{"model":"m","messages":[{"role":"user","content":"a"}],"extra_body":{"google":{"zz":HOLE}}}'),
    (
        _CHAT,
        b'{"model":"m","messages":[{"role":"user","content":"a"}],"tool_choice":{"type":"function","function":HOLE}}',
    ),
    (_CHAT, _CALL % (b"TEXT", b"")),
    (_CHAT, _CALL % (b'"{}"', b',{"role":"tool","tool_call_id":"a","content":TEXT}')),
    (_MESSAGES, _MESSAGE % b'"messages":[{"role":"user","content":HOLE}]'),
    (_MESSAGES, _MESSAGE % b'"system":HOLE,"messages":[{"role":"user","content":"a"}]'),
    (
        _MESSAGES,
        _MESSAGE % b'"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":HOLE}]}]',
    ),
    (
        _MESSAGES,
        _MESSAGE
        % b'"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"a","input":{"a":HOLE}}]}]',
    ),
    (
        _MESSAGES,
        _MESSAGE % b'"messages":[{"role":"user","content":"a"}],"tools":[{"name":"a","input_schema":{"a":HOLE}}]',
    ),
    (
        _MESSAGES,
        _MESSAGE
        % b'"messages":[{"role":"user","content":"a"}],"output_config":{"format":{"type":"json_schema","schema":{"a":HOLE}}}',
    ),
    *(
        (_RESPONSES, b'{"model":"m","input":"a","%s":HOLE}' % name)
        for name in (b"input", b"tools", b"tool_choice", b"text", b"zz")
    ),
    (_RESPONSES, b'{"model":"m","input":"a","tools":[{"type":"function","name":"a","parameters":{"a":HOLE}}]}'),
    (_RESPONSES, b'{"model":"m","input":[{"type":"function_call_output","call_id":"a","output":HOLE}]}'),
    (_RESPONSES, b'{"model":"m","input":[{"role":"user","content":[{"type":"input_audio","input_audio":HOLE}]}]}'),
    (_asked(Surface.EMBEDDING), b'{"model":"m","input":"a","zz":HOLE}'),
    (_asked(Surface.RERANK), b'{"model":"m","query":{"a":HOLE},"documents":[{"a":HOLE}]}'),
    (_asked(Surface.MODERATION), b'{"input":[{"type":"text","text":"a","image_url":HOLE}]}'),
    (
        lambda body: msgspec.json.encode(chat_request(body, model="m", stream=False)),
        b'{"contents":[{"parts":[{"text":"a"}]}],"tools":[{"functionDeclarations":[{"name":"a","parameters":HOLE}]}],"zz":HOLE}',
    ),
    *(
        (
            _gemini,
            b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"a","args":{"a":%s}}}]},"finishReason":"STOP","safetyRatings":%s}]}'
            % pair,
        )
        for pair in ((b"HOLE", b"1"), (b"1", b"HOLE"))
    ),
    *((reader, _SAID % hole) for reader in (_answered, _streamed) for hole in (b"HOLE", b"TEXT")),
    *(
        (
            reader,
            b'{"choices":[{"index":0,"message":{"content":"a"},"logprobs":{"content":[HOLE]},"finish_reason":"stop"}],"usage":HOLE,"service_tier":HOLE}',
        )
        for reader in (_answered, _streamed)
    ),
    (
        lambda body: msgspec.json.encode(answer_to_chat(body)[0]),
        b'{"content":[{"type":"tool_use","id":"a","name":"a","input":{"a":HOLE}}],"usage":HOLE}',
    ),
    (
        _framed,
        b'{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"a","input":HOLE},"error":HOLE}',
    ),
    (_framed, b'{"type":"response.failed","response":{"error":HOLE,"usage":HOLE}}'),
    (_refused, b'{"error":{"message":HOLE,"details":HOLE}}'),
    (read_prediction, b'{"id":"a","status":"succeeded","output":HOLE,"metrics":HOLE}'),
)


def depth(data: bytes) -> None:
    """However deep: told or refused."""
    source = Source(data)
    read, template = source.choice(HOLES)
    nest = source.choice(NESTS)
    edge = bisect.bisect_left(range(1, MOST), True, key=lambda deep: _is_too_deep(_filled(b"HOLE", nest, deep)))
    for deep in range(max(1, edge - BELOW), edge + ABOVE):
        with suppress(HomeportError):
            read(_filled(template, nest, deep))


def _filled(template: bytes, nest: Sequence[bytes], deep: int) -> bytes:
    opening, inner, closing = nest
    filler = opening * deep + inner + closing * deep
    text = json.dumps('{"a":' + filler.decode() + "}").encode() if b"TEXT" in template else b""
    return template.replace(b"HOLE", filler).replace(b"TEXT", text)


def _is_too_deep(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except RecursionError:
        return True
    return False
