"""Any server that speaks OpenAI's API: OpenAI, Together, Fireworks, vLLM, llama.cpp, Ollama, SGLang and more.

Bytes are passed through. Only what is needed is parsed: the model name, usage, and how a stream ends.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from homeport.core.errors import ConfigError, UpstreamError, UpstreamRefused
from homeport.core.types import Completion, Frame, Surface, UpstreamCall
from homeport.providers.answers import UNREADABLE, not_an_answer, read_answer, read_usage, status_of, value_of
from homeport.providers.base import (
    ProviderSetup,
    classify_status,
    option_error,
    read_options,
    read_retry_after,
)
from homeport.providers.frames import Framer
from homeport.transport.http import HttpRequest, HttpStream

_MAX_ERROR_BODY = 64 * 1024
# How long a stream may take to end after it said that it is done. Waiting lets the connection be kept.
_AFTER_DONE_S = 0.1


SURFACES = frozenset({Surface.CHAT, Surface.COMPLETION})


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
        self._deterministic = {
            name: msgspec.Raw(msgspec.json.encode(value)) for name, value in options.deterministic_fields.items()
        }

    async def complete(self, call: UpstreamCall) -> Completion:
        """See `Upstream.complete`."""
        response = await self._setup.transport.post(self._request(call, stream=False))
        if response.status >= 400:
            raise self._refusal(response.status, response.headers, response.body)
        answer = read_answer(response.status, response.body, call.surface)
        if error := value_of(answer.error):
            raise self._refusal(status_of(error), {}, response.body)
        return Completion(body=response.body, usage=read_usage(answer.usage, answer.timings))

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
            url=self._url + call.surface.value,
            headers=self._headers,
            body=msgspec.json.encode(self._fields(call, stream=stream)),
            timeouts=call.timeouts if stream else call.timeouts.for_whole_answer(),
        )

    def _fields(self, call: UpstreamCall, *, stream: bool) -> dict[str, Any]:
        fields: dict[str, Any] = dict(call.fields)
        if call.deterministic:
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
            raise not_an_answer(answer.status, "a stream of server-sent events")

    def _refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamRefused:
        return classify_status(status, body, retry_after=read_retry_after(headers), secret=self._setup.api_key)


async def _read_out(answer: HttpStream) -> None:
    """Read what little follows `[DONE]`, so that the connection can serve again."""
    try:
        async with asyncio.timeout(_AFTER_DONE_S):
            async for _ in answer.chunks():
                pass
    except (TimeoutError, UpstreamError):
        return  # The answer is complete, so how its connection ends no longer matters.


def _with_usage(options: msgspec.Raw | None) -> dict[str, Any]:
    """The caller's stream options with the usage chunk asked for; pricing needs it."""
    try:
        kept = msgspec.json.decode(options, type=dict[str, msgspec.Raw]) if options else {}
    except UNREADABLE:
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
