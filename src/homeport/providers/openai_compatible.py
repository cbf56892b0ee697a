"""Any server that speaks OpenAI's API: OpenAI, Together, Fireworks, vLLM, llama.cpp, Ollama, SGLang and more.

Bytes are passed through. Only what is needed is parsed: the model name, usage, and how a stream ends.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from homeport.core.errors import UpstreamRefused
from homeport.core.types import Completion, Frame, Surface, UpstreamCall
from homeport.providers.answers import UNREADABLE, answer_usage, read_answer, status_of, value_of
from homeport.providers.base import (
    ProviderSetup,
    classify_status,
    read_options,
    read_retry_after,
)
from homeport.providers.frames import Framer
from homeport.providers.http_api import base_url_of, expect_events, headers_of, is_http_url, read_out
from homeport.providers.response_frames import ResponseFramer
from homeport.transport.http import HttpRequest

SURFACES = frozenset({Surface.CHAT, Surface.COMPLETION})
SPOKEN = frozenset(Surface) - {Surface.MESSAGES}

# Reasoning models refuse `max_tokens`, which chats told in other words carry; every model knows its successor.
OPENAI_NAMES: Mapping[str, str] = {"max_tokens": "max_completion_tokens"}
_OPENAI_HOST = "api.openai.com"


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


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """What one API does its own way, though it speaks OpenAI's language.

    Attributes:
        base_url: where it is; "" where the configuration must say it.
        drop_fields: fields of OpenAI's that it refuses, and that change no answer.
        chat_names: a chat's fields by the name that others know -> the only name that all its models know.
        key_header: where it looks for the key; in `authorization` alone `Bearer` stands before it.
        meanings: statuses that it uses in its own way -> the status that others use for it.
    """

    base_url: str = ""
    drop_fields: frozenset[str] = frozenset()
    chat_names: Mapping[str, str] = {}
    key_header: str = "authorization"
    meanings: Mapping[int, int] = {}


def connect(setup: ProviderSetup) -> "OpenAICompatible":
    """See `ProviderModule.connect`. Other codes: provider_url_invalid, provider_key_invalid."""
    family = Family()
    if is_http_url(setup.base_url) and urlsplit(setup.base_url).hostname == _OPENAI_HOST:
        family = Family(chat_names=OPENAI_NAMES)
    return OpenAICompatible(setup, read_options(setup, OpenAIOptions), family)


class OpenAICompatible:
    """An `Upstream` over HTTP."""

    def __init__(self, setup: ProviderSetup, options: OpenAIOptions, family: Family) -> None:
        self._setup = setup
        self._url = base_url_of(setup, family.base_url)
        scheme = "Bearer " if family.key_header == "authorization" else ""
        kind = type(options)
        self._headers = headers_of(setup, kind, options.headers, key_header=family.key_header, scheme=scheme)
        self._drop = family.drop_fields | set(options.drop_fields)
        self._meanings = family.meanings
        self._chat_names = family.chat_names
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
        return Completion(body=response.body, usage=answer_usage(answer))

    async def stream(self, call: UpstreamCall) -> AsyncGenerator[Frame]:
        """See `Upstream.stream`. Closing the generator closes the connection."""
        async with self._setup.transport.stream(self._request(call, stream=True)) as answer:
            await expect_events(answer, self._refusal)
            framer = (ResponseFramer if call.surface is Surface.RESPONSES else Framer)(self._setup.api_key)
            async for chunk in answer.chunks():
                for frame in framer.feed(chunk):
                    yield frame
                if framer.done:
                    await read_out(answer)
                    return
            for frame in framer.close():
                yield frame

    async def close(self) -> None:
        """Nothing to do: the connections are the transport's."""

    def url_of(self, call: UpstreamCall) -> str:
        """Where a call goes."""
        return f"{self._url}/{call.surface.value}"

    def _request(self, call: UpstreamCall, *, stream: bool) -> HttpRequest:
        return HttpRequest(
            url=self.url_of(call),
            headers=self._headers,
            body=msgspec.json.encode(self._fields(call, stream=stream)),
            timeouts=call.timeouts if stream else call.timeouts.for_whole_answer(),
            own_headers=call.headers,
        )

    def _fields(self, call: UpstreamCall, *, stream: bool) -> dict[str, Any]:
        fields: dict[str, Any] = dict(call.fields)
        if call.deterministic:
            fields = self._deterministic | fields
        if stream and call.surface is not Surface.RESPONSES:
            fields["stream_options"] = _with_usage(fields.get("stream_options"))
        if call.surface is Surface.CHAT:
            for other, own in self._chat_names.items():
                if other in fields:
                    fields.setdefault(own, fields.pop(other))
        for name in self._drop:
            fields.pop(name, None)
        if stream:
            fields["stream"] = True
        fields["model"] = call.target.model
        return fields

    def _refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamRefused:
        return classify_status(
            status,
            body,
            retry_after=read_retry_after(headers),
            secret=self._setup.api_key,
            as_status=self._meanings.get(status, 0),
        )


def _with_usage(options: msgspec.Raw | None) -> dict[str, Any]:
    """The caller's stream options with the usage chunk asked for; pricing needs it."""
    try:
        kept = msgspec.json.decode(options, type=dict[str, msgspec.Raw]) if options else {}
    except UNREADABLE:
        kept = {}
    return {**kept, "include_usage": True}
