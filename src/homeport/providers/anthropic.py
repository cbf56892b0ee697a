"""Anthropic's API, and servers that speak it: Messages pass through, chat is translated.

Sources: platform.claude.com/docs, pages "Messages", "Streaming Messages", "Errors", "Count Message tokens", "Versions".
"""

import re
from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Raw

from homeport.core.errors import BadAnswer, InvalidRequest, UpstreamRefused
from homeport.core.types import Completion, Frame, Surface, UpstreamCall
from homeport.protocols.anthropic.answer import answer_to_chat, value_of
from homeport.protocols.anthropic.errors import status_of
from homeport.protocols.anthropic.events import ErrorObject
from homeport.protocols.anthropic.reading import read_answer
from homeport.protocols.anthropic.request_from_chat import DEFAULT_MAX_TOKENS, request_from_chat
from homeport.protocols.anthropic.usage import usage_of_messages
from homeport.providers.answers import not_an_answer
from homeport.providers.base import ProviderSetup, classify_status, read_date, read_options, read_retry_after
from homeport.providers.http_api import base_url_of, expect_events, headers_of, read_out, untranslatable
from homeport.providers.message_frames import ChatFramer, MessageFramer
from homeport.transport.http import HttpRequest, HttpResponse

SURFACES = frozenset({Surface.CHAT, Surface.MESSAGES})
SPOKEN = SURFACES

_BASE_URL = "https://api.anthropic.com/v1"
_VERSION = "2023-06-01"
_BETA = "anthropic-beta"
_BETA_FIELD = "anthropic_beta"
_BETA_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_NULL = Raw(b"null")
# Said with HTTP status 400: the account that pays is ours, so another candidate may do better.
_UNPAID = re.compile(rb"credit balance is too low|spend(ing)? limit", re.IGNORECASE)


class AnthropicOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of this API.

    Attributes:
        headers: sent with each request, over our own.
        max_tokens: the bound of an answer to a chat request that sets none.
        drop_fields: body fields that are left out, in the caller's words or in Anthropic's; the newest
            models refuse `temperature`, `top_p` and `top_k`.
    """

    headers: dict[str, str] = {}
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] = DEFAULT_MAX_TOKENS
    drop_fields: list[Annotated[str, msgspec.Meta(min_length=1)]] = []


def connect(setup: ProviderSetup) -> "Anthropic":
    """See `ProviderModule.connect`; needs an api_key only."""
    return Anthropic(setup, read_options(setup, AnthropicOptions))


class _Whole(msgspec.Struct):
    """What is read of a whole answer."""

    type: str = ""
    content: list[Raw] | None = None
    usage: Raw = _NULL
    error: ErrorObject | None = None


class _Count(msgspec.Struct):
    input_tokens: Annotated[int, msgspec.Meta(ge=0, le=10**9)]


_WHOLE = msgspec.json.Decoder(_Whole)
_COUNT = msgspec.json.Decoder(_Count)


class Anthropic:
    """An `Upstream` over HTTP, and a `TokenCounter`."""

    def __init__(self, setup: ProviderSetup, options: AnthropicOptions) -> None:
        self._setup = setup
        self._options = options
        self._url = f"{base_url_of(setup, _BASE_URL)}/messages"
        headers = headers_of(setup, AnthropicOptions, options.headers, key_header="x-api-key", scheme="")
        self._headers = {"anthropic-version": _VERSION, **headers}
        self._drop = frozenset(options.drop_fields)

    async def complete(self, call: UpstreamCall) -> Completion:
        """See `Upstream.complete`."""
        response = await self._setup.transport.post(self._request(call, stream=False))
        whole: _Whole = self._read(response, _WHOLE)
        if whole.type == "error":
            raise self._refusal(status_of(whole.error.type if whole.error else ""), {}, response.body)
        if whole.content is None:
            raise not_an_answer(response.status, "a message")
        if call.surface is Surface.MESSAGES:
            return Completion(body=response.body, usage=usage_of_messages(value_of(whole.usage)))
        answer, usage = answer_to_chat(response.body, created=read_date(response.headers))
        return Completion(body=msgspec.json.encode(answer), usage=usage)

    async def stream(self, call: UpstreamCall) -> AsyncGenerator[Frame]:
        """See `Upstream.stream`. Closing the generator closes the connection."""
        async with self._setup.transport.stream(self._request(call, stream=True)) as answer:
            await expect_events(answer, self._refusal)
            framer = MessageFramer(self._setup.api_key)
            if call.surface is not Surface.MESSAGES:
                framer = ChatFramer(self._setup.api_key, created=read_date(answer.headers))
            async for chunk in answer.chunks():
                for frame in framer.feed(chunk):
                    yield frame
                if framer.done:
                    await read_out(answer)
                    return
            for frame in framer.close():
                yield frame

    async def count_tokens(self, call: UpstreamCall) -> int:
        """Tokens of a Messages request's prompt, counted by the API; it costs nothing. Raises `UpstreamError`."""
        request = self._request(call, stream=False)
        url = f"{self._url}/count_tokens"
        response = await self._setup.transport.post(msgspec.structs.replace(request, url=url))
        counted: _Count = self._read(response, _COUNT)
        return counted.input_tokens

    async def close(self) -> None:
        """Nothing to do: the connections are the transport's."""

    def _read(self, response: HttpResponse, decoder: msgspec.json.Decoder[Any]) -> Any:
        if response.status >= 400:
            raise self._refusal(response.status, response.headers, response.body)
        if response.status >= 300:
            raise not_an_answer(response.status, "a message")
        try:
            return read_answer(response.body, decoder)
        except BadAnswer:
            raise not_an_answer(response.status, "a message") from None

    def _request(self, call: UpstreamCall, *, stream: bool) -> HttpRequest:
        try:
            fields, headers = self._asked(call)
        except InvalidRequest as error:
            raise untranslatable(error) from None
        fields["model"] = Raw(msgspec.json.encode(call.target.model))
        if stream:
            fields["stream"] = Raw(b"true")
        return HttpRequest(
            url=self._url,
            headers=headers,
            body=msgspec.json.encode(fields),
            timeouts=call.timeouts if stream else call.timeouts.for_whole_answer(),
            own_headers=call.headers,
        )

    def _asked(self, call: UpstreamCall) -> tuple[dict[str, Raw], Mapping[str, str]]:
        fields = {name: value for name, value in call.fields.items() if name not in self._drop}
        betas = fields.pop(_BETA_FIELD, _NULL)
        if call.surface is Surface.CHAT:
            translated = request_from_chat(fields, default_max_tokens=self._options.max_tokens)
            fields = {name: value for name, value in translated.items() if name not in self._drop}
        return fields, self._with_betas(value_of(betas))

    def _with_betas(self, betas: object) -> Mapping[str, str]:
        """The headers with the betas that the caller asked for, beside those of the configuration."""
        if betas is None:
            return self._headers
        names = betas if isinstance(betas, list) else [betas]
        if not all(isinstance(name, str) and _BETA_NAME.fullmatch(name) for name in names):
            raise InvalidRequest("a beta is named by letters, digits, dots, dashes and underscores", param=_BETA_FIELD)
        told = [self._headers[_BETA]] if _BETA in self._headers else []
        return {**self._headers, _BETA: ",".join(dict.fromkeys([*told, *names]))}

    def _refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamRefused:
        as_status = 402 if status == 400 and _UNPAID.search(body) else 0
        wait = read_retry_after(headers)
        return classify_status(status, body, retry_after=wait, secret=self._setup.api_key, as_status=as_status)
