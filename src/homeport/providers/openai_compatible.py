"""Any server that speaks OpenAI's API: OpenAI, Together, Fireworks, vLLM, llama.cpp, Ollama, SGLang and more.

Bytes are passed through. Only what is needed is parsed: the model name, usage, and how a stream ends.
"""

import asyncio
import math
import re
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from homeport.core.errors import BadAnswer, ConfigError, StreamCut, UpstreamError, UpstreamRefused
from homeport.core.types import Completion, Frame, Surface, UpstreamCall, Usage
from homeport.providers.base import (
    ProviderSetup,
    classify_status,
    option_error,
    read_options,
    read_retry_after,
)
from homeport.transport.http import HttpRequest, HttpStream
from homeport.transport.sse import EventSplitter, data_of, events

_MAX_ERROR_BODY = 64 * 1024
_MAX_TOKENS = 1_000_000_000
_MAX_ENGINE_MS = 1e9
# How long a stream may take to end after it said that it is done. Waiting lets the connection be kept.
_AFTER_DONE_S = 0.1
_NULL = msgspec.Raw(b"null")
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class OpenAIOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of this family.

    Attributes:
        headers: sent with each request, over our own.
        deterministic_fields: body fields for requests that must be deterministic, where the caller set none.
        drop_fields: body fields that this server does not accept.
    """

    headers: dict[str, str] = {}
    deterministic_fields: dict[str, Any] = {}
    drop_fields: list[Annotated[str, msgspec.Meta(min_length=1)]] = []


def connect(setup: ProviderSetup) -> "OpenAICompatible":
    """See `ProviderModule.connect`. Other codes: provider_url_invalid, provider_key_invalid."""
    options = read_options(setup, OpenAIOptions)
    if not all(_is_header_name(name) and _is_header_value(value) for name, value in options.headers.items()):
        raise option_error(setup, OpenAIOptions, "`headers` holds a name or a value that HTTP cannot carry")
    if not _is_header_value(setup.api_key):
        raise ConfigError(
            f"the API key of provider {setup.name!r} has characters that HTTP cannot carry",
            code="provider_key_invalid",
            hint="look for a line break or a quote mark around the key",
        )
    if not _is_http_url(setup.base_url):
        raise ConfigError(
            f"the base_url of provider {setup.name!r} is not an http or https address",
            code="provider_url_invalid",
            hint="write it up to its version, such as https://api.openai.com/v1",
        )
    return OpenAICompatible(setup, options)


class OpenAICompatible:
    """An `Upstream` over HTTP."""

    def __init__(self, setup: ProviderSetup, options: OpenAIOptions) -> None:
        self._setup = setup
        self._url = setup.base_url.rstrip("/") + "/"
        self._headers = _headers(setup.api_key, options.headers)
        self._drop = frozenset(options.drop_fields)
        total = setup.timeouts.total  # a whole answer is silent until it is all there
        self._whole = msgspec.structs.replace(setup.timeouts, first_token=total, between_tokens=total)
        self._deterministic = {
            name: msgspec.Raw(msgspec.json.encode(value)) for name, value in options.deterministic_fields.items()
        }

    async def complete(self, call: UpstreamCall) -> Completion:
        """See `Upstream.complete`."""
        response = await self._setup.transport.post(self._request(call, stream=False))
        if response.status >= 400:
            raise self._refusal(response.status, response.headers, response.body)
        answer = _read_answer(response.status, response.body, call.inference.surface)
        if error := _value(answer.error):
            raise self._refusal(_status_of(error), {}, response.body)
        return Completion(body=response.body, usage=_usage(answer.usage, answer.timings))

    async def stream(self, call: UpstreamCall) -> AsyncGenerator[Frame]:
        """See `Upstream.stream`. Closing the generator closes the connection."""
        async with self._setup.transport.stream(self._request(call, stream=True)) as answer:
            await self._check(answer)
            framer = Framer(self._setup.api_key)
            async for chunk in answer.chunks():
                for frame in framer.feed(chunk):
                    yield frame
                if framer.done:
                    await _read_out(answer)
                    return
            for frame in framer.close():
                yield frame

    async def close(self) -> None:
        """Nothing to do: the connections are the transport's."""

    def _request(self, call: UpstreamCall, *, stream: bool) -> HttpRequest:
        return HttpRequest(
            url=self._url + call.inference.surface.value,
            headers=self._headers,
            body=msgspec.json.encode(self._fields(call, stream=stream)),
            timeouts=self._setup.timeouts if stream else self._whole,
        )

    def _fields(self, call: UpstreamCall, *, stream: bool) -> dict[str, Any]:
        fields: dict[str, Any] = dict(call.inference.fields)
        if call.inference.deterministic:
            fields = self._deterministic | fields
        if stream:
            fields["stream_options"] = _with_usage(fields.get("stream_options"))
        for name in self._drop:
            fields.pop(name, None)
        if stream:
            fields["stream"] = True
        fields["model"] = call.target.model
        return fields

    async def _check(self, answer: HttpStream) -> None:
        """Raise unless a stream of events follows."""
        if answer.status >= 400:
            raise self._refusal(answer.status, answer.headers, await answer.read(_MAX_ERROR_BODY))
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if answer.status != 200 or kind != "text/event-stream":
            raise _not_an_answer(answer.status, "a stream of server-sent events")

    def _refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamRefused:
        return classify_status(status, body, retry_after=read_retry_after(headers), secret=self._setup.api_key)


class _Answer(msgspec.Struct):
    """What is read of a whole answer or of a chunk. Raw, so that nonsense in one field spoils no other."""

    choices: list[msgspec.Raw] | None = None
    data: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = _NULL
    timings: msgspec.Raw = _NULL
    error: msgspec.Raw = _NULL


_ANSWER = msgspec.json.Decoder(_Answer)


class Framer:
    """Cuts an OpenAI stream into frames, and knows whether it came to its end."""

    def __init__(self, secret: str = "") -> None:
        """`secret` is the API key, to be kept out of errors."""
        self._secret = secret
        self._splitter = EventSplitter()
        self._finished = False
        self.done = False

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The frames that one network read completes.

        Raises:
            UpstreamRefused: the upstream reported an error inside the stream.
            StreamCut: upstream_event_too_large.
        """
        block = self._splitter.feed(chunk)
        if block and not self.done:
            yield from self._frames(block)

    def close(self) -> Iterator[Frame]:
        """The last frames, when the connection ended.

        Raises:
            StreamCut: neither `[DONE]` nor a finish reason came before.
        """
        rest = self._splitter.close()
        # Some servers forget the blank line after their last event. Half an event is not one.
        if not self.done and _is_whole(data_of(rest)):
            yield from self._frames(rest + b"\n\n")
        if not (self.done or self._finished):
            raise StreamCut("the upstream's stream ended before the answer did", hint="try again")

    def _frames(self, block: bytes) -> Iterator[Frame]:
        # A quote inside JSON text is escaped, so these bytes are always a field.
        if b'"finish_reason":"' in block or b'"finish_reason": "' in block:
            self._finished = True
        if _is_plain(block):
            yield Frame(data=block, events=_count_events(block))
        else:
            yield from self._sorted(block)

    def _sorted(self, block: bytes) -> Iterator[Frame]:
        held: list[Frame] = []
        for event in events(block):
            try:
                frame = self._frame(event)
            except UpstreamRefused:
                yield from _joined(held)
                raise
            if not frame.closing:
                held.append(frame)
                continue
            yield from _joined(held)
            held.clear()
            yield frame
            if self.done:
                return
        yield from _joined(held)

    def _frame(self, event: bytes) -> Frame:
        data = data_of(event)
        if data is None:
            return Frame(data=event)
        if data.strip() == b"[DONE]":
            self.done = True
            return Frame(data=event, closing=True)
        try:
            chunk = _ANSWER.decode(data)
        except _UNREADABLE:
            return Frame(data=event, events=1)
        if error := _value(chunk.error):
            raise classify_status(_status_of(error), data, secret=self._secret)
        usage = _usage(chunk.usage, chunk.timings)
        if bytes(chunk.usage) != b"null" and not chunk.choices:
            return Frame(data=event, usage=usage, closing=True, usage_only=True)
        return Frame(data=event, events=1, usage=usage)


def usage_of(body: bytes) -> Usage | None:
    """The usage that an OpenAI-compatible answer or chunk reports.

    `usage` is read as OpenAI documents it, and llama.cpp's `timings` for the engine's own time. A count
    that makes no sense is as good as absent; a subset larger than its whole is cut to it. Never raises.
    """
    try:
        answer = _ANSWER.decode(body)
    except _UNREADABLE:
        return None
    return _usage(answer.usage, answer.timings)


def _usage(reported: msgspec.Raw, timings: msgspec.Raw) -> Usage | None:
    usage = _value(reported)
    prompt = _count(usage, "prompt_tokens")
    # Embeddings generate nothing, so they report no such field.
    output = _count(usage, "completion_tokens", missing=0)
    if prompt is None or output is None:
        return None
    cached = _count(_field(usage, "prompt_tokens_details"), "cached_tokens") or 0
    reasoning = _count(_field(usage, "completion_tokens_details"), "reasoning_tokens") or 0
    return Usage(
        input_tokens=prompt,
        cached_input_tokens=min(cached, prompt),
        output_tokens=output,
        reasoning_tokens=min(reasoning, output),
        engine_ns=_engine_ns(_value(timings)),
    )


def _value(raw: msgspec.Raw) -> Any:
    """The value, or None where it is none that can be read."""
    try:
        return msgspec.json.decode(raw)
    except _UNREADABLE:
        return None


def _field(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, dict) else None


def _count(holder: Any, name: str, missing: int | None = None) -> int | None:
    value = _field(holder, name)
    if value is None:
        return missing if isinstance(holder, dict) else None
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_TOKENS
    return value if is_count else None


def _engine_ns(timings: Any) -> int:
    return round((_milliseconds(timings, "prompt_ms") + _milliseconds(timings, "predicted_ms")) * 1_000_000)


def _milliseconds(timings: Any, name: str) -> float:
    value = _field(timings, name)
    is_time = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_time and 0 <= value <= _MAX_ENGINE_MS else 0.0


def _read_answer(status: int, body: bytes, surface: Surface) -> _Answer:
    """The fields we need of a 2xx answer."""
    try:
        body.decode()  # The decoder skips what we do not read, broken text included.
        answer = _ANSWER.decode(body)
    except _UNREADABLE as error:
        raise _not_an_answer(status, "a JSON answer") from error
    has_content = answer.data is not None if surface is Surface.EMBEDDING else answer.choices is not None
    if status >= 300 or not (has_content or _value(answer.error)):
        raise _not_an_answer(status, f"an answer to {surface.value}")
    return answer


def _not_an_answer(status: int, wanted: str) -> BadAnswer:
    return BadAnswer(
        f"the upstream answered with HTTP status {status}, but not with {wanted}",
        status=status,
        hint="check this provider's base_url; redirects are not followed",
    )


def _status_of(error: Any) -> int:
    """The HTTP status that an error inside a 200 answer stands for."""
    code = _count(error, "code")
    return code if code is not None and 400 <= code <= 599 else 500


async def _read_out(answer: HttpStream) -> None:
    """Read what little follows `[DONE]`, so that the connection can serve again."""
    try:
        async with asyncio.timeout(_AFTER_DONE_S):
            async for _ in answer.chunks():
                pass
    except (TimeoutError, UpstreamError):
        return  # The answer is complete, so how its connection ends no longer matters.


def _is_plain(block: bytes) -> bool:
    """Nothing in it ends the stream or reports usage. OpenAI sends `"usage":null` with every chunk."""
    if b"[DONE]" in block or b'"error"' in block:
        return False
    return block.count(b'"usage"') == block.count(b'"usage":null')


def _count_events(block: bytes) -> int:
    # JSON text holds no bare line ends, so this finds fields of events only.
    return block.startswith(b"data:") + block.count(b"\ndata:") + block.count(b"\rdata:")


def _joined(frames: list[Frame]) -> Iterator[Frame]:
    """Content frames as one; the last usage counts, for a running usage is a total."""
    if frames:
        usages = [frame.usage for frame in frames if frame.usage]
        yield Frame(
            data=b"".join(frame.data for frame in frames),
            events=sum(frame.events for frame in frames),
            usage=usages[-1] if usages else None,
        )


def _is_whole(data: bytes | None) -> bool:
    if data is None or data.strip() == b"[DONE]":
        return data is not None
    try:
        _ANSWER.decode(data)
    except _UNREADABLE:
        return False
    return True


def _with_usage(options: msgspec.Raw | None) -> dict[str, Any]:
    """The caller's stream options with the usage chunk asked for; pricing needs it."""
    try:
        kept = msgspec.json.decode(options, type=dict[str, msgspec.Raw]) if options else {}
    except _UNREADABLE:
        kept = {}
    return {**kept, "include_usage": True}


def _headers(api_key: str, extra: Mapping[str, str]) -> dict[str, str]:
    headers = {"content-type": "application/json"}
    if api_key:
        headers["authorization"] = f"Bearer {api_key}"
    return headers | {name.lower(): value for name, value in extra.items()}


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _is_header_name(name: str) -> bool:
    return _HEADER_NAME.fullmatch(name) is not None


def _is_header_value(value: str) -> bool:
    return value.isascii() and (value.isprintable() or value == "")


def _is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
