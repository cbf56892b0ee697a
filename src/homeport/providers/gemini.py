"""Google's Gemini API: chat is translated to generateContent, embeddings to batchEmbedContents.

Sources: https://ai.google.dev/api/generate-content, https://ai.google.dev/api/embeddings,
https://ai.google.dev/gemini-api/docs/troubleshooting.
"""

import contextlib
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

import msgspec

from homeport.core.errors import BadAnswer, InvalidRequest, UpstreamRefused
from homeport.core.types import Completion, Frame, Surface, UpstreamCall, Usage
from homeport.protocols.gemini.answer import chat_completion
from homeport.protocols.gemini.embeddings import batch_request, embedding_list, encoding_format, estimated_tokens
from homeport.protocols.gemini.errors import GeminiError, read_error
from homeport.protocols.gemini.request import gemini_request
from homeport.protocols.gemini.stream import ChatChunks
from homeport.providers.answers import not_an_answer
from homeport.providers.base import ProviderSetup, classify_status, read_date, read_options, read_retry_after
from homeport.providers.http_api import base_url_of, expect_events, headers_of, untranslatable
from homeport.transport.http import HttpRequest, HttpResponse
from homeport.transport.sse import EventSplitter, data_of, events

SURFACES = frozenset({Surface.CHAT, Surface.EMBEDDING})
SPOKEN = SURFACES
_BASE_URL = "https://generativelanguage.googleapis.com/v1beta"
_DONE = b"data: [DONE]\n\n"

# Google says 400 where the key is wrong, and where the account may not be used from its country.
_KEY_REASONS = frozenset({"API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED", "API_KEY_EXPIRED"})
_OURS = "FAILED_PRECONDITION"
# What an error inside a stream is worth where it names no status.
_STATUSES = {
    "INVALID_ARGUMENT": 400,
    "OUT_OF_RANGE": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


class GeminiOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of this API.

    Attributes:
        headers: sent with each request, over our own.
        drop_fields: fields of OpenAI's that are left out instead of refused, though Gemini has no words for them.
    """

    headers: dict[str, str] = {}
    drop_fields: list[Annotated[str, msgspec.Meta(min_length=1)]] = []


def connect(setup: ProviderSetup) -> "Gemini":
    """See `ProviderModule.connect`; needs an api_key only."""
    return Gemini(setup, read_options(setup, GeminiOptions))


class Gemini:
    """An `Upstream` over HTTP."""

    def __init__(self, setup: ProviderSetup, options: GeminiOptions) -> None:
        self._setup = setup
        self._url = base_url_of(setup, _BASE_URL)
        # In a header, for an address ends up in logs.
        self._headers = headers_of(setup, GeminiOptions, options.headers, key_header="x-goog-api-key", scheme="")
        self._drop = frozenset(options.drop_fields)

    async def complete(self, call: UpstreamCall) -> Completion:
        """See `Upstream.complete`."""
        response = await self._setup.transport.post(self._request(call, stream=False))
        if response.status >= 400:
            raise self._refusal(response.status, response.headers, response.body)
        if response.status >= 300:
            raise not_an_answer(response.status, "a Gemini answer")
        if b'"error"' in response.body and (error := read_error(response.body)):
            raise self._refused(error, _status_of(error), 0, response.body)
        answer, usage = self._read(call, response)
        return Completion(body=msgspec.json.encode(answer), usage=usage)

    async def stream(self, call: UpstreamCall) -> AsyncGenerator[Frame]:
        """See `Upstream.stream`. Closing the generator closes the connection."""
        async with self._setup.transport.stream(self._request(call, stream=True)) as answer:
            await expect_events(answer, self._refusal)
            created = read_date(answer.headers)
            chunks = ChatChunks(model=call.target.model, answer_id=_answer_id(call), created=created)
            framer = GeminiFramer(chunks, self._error_event)
            async for piece in answer.chunks():
                for frame in framer.feed(piece):
                    yield frame
            for frame in framer.close():
                yield frame

    async def close(self) -> None:
        """Nothing to do: the connections are the transport's."""

    def _read(self, call: UpstreamCall, response: HttpResponse) -> tuple[dict[str, Any], Usage | None]:
        model = call.target.model
        if call.surface is Surface.EMBEDDING:
            fields = self._fields(call)
            encoding, expected = encoding_format(fields), estimated_tokens(fields)
            return embedding_list(response.body, model=model, encoding=encoding, expected=expected)
        created = read_date(response.headers)
        return chat_completion(response.body, model=model, answer_id=_answer_id(call), created=created)

    def _request(self, call: UpstreamCall, *, stream: bool) -> HttpRequest:
        fields = self._fields(call)
        model = call.target.model.removeprefix("models/")
        try:
            if call.surface is Surface.EMBEDDING:
                method, body = "batchEmbedContents", batch_request(fields, model)
            else:
                method = "streamGenerateContent?alt=sse" if stream else "generateContent"
                body = gemini_request(fields, model)
        except InvalidRequest as error:
            raise untranslatable(error) from None
        # A tuned model names its own collection: tunedModels/NAME.
        path = quote(model if "/" in model else f"models/{model}", safe="/")
        timeouts = call.timeouts if stream else call.timeouts.for_whole_answer()
        url = f"{self._url}/{path}:{method}"
        return HttpRequest(url=url, headers=self._headers, body=body, timeouts=timeouts, own_headers=call.headers)

    def _fields(self, call: UpstreamCall) -> dict[str, msgspec.Raw]:
        return {name: value for name, value in call.fields.items() if name not in self._drop}

    def _error_event(self, data: bytes) -> UpstreamRefused | None:
        """The error that an event reports, if it does."""
        error = read_error(data) if b'"error"' in data else None
        return self._refused(error, _status_of(error), 0, data) if error else None

    def _refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamRefused:
        error = read_error(body) or GeminiError()
        return self._refused(error, status, read_retry_after(headers), body)

    def _refused(self, error: GeminiError, status: int, retry_after: int, body: bytes) -> UpstreamRefused:
        meaning = 0
        if status == 400 and (error.reason in _KEY_REASONS or "API key" in error.message):
            meaning = 401
        elif status == 400 and error.status == _OURS:
            meaning = 403
        wait, secret = retry_after or error.retry_after, self._setup.api_key
        return classify_status(status, body, retry_after=wait, secret=secret, as_status=meaning)


def _answer_id(call: UpstreamCall) -> str:
    return f"chatcmpl-{call.request_id}"


def _status_of(error: GeminiError) -> int:
    return error.code or _STATUSES.get(error.status, 500)


class GeminiFramer:
    """Cuts Gemini's stream into frames of chat chunks."""

    def __init__(self, chunks: ChatChunks, error_of: Callable[[bytes], UpstreamRefused | None]) -> None:
        """`error_of` gives the error that the data of an event reports, if it does."""
        self._chunks = chunks
        self._error_of = error_of
        self._splitter = EventSplitter()

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """The frames that one network read completes, an event each.

        Raises:
            UpstreamRefused: the upstream reported an error inside the stream.
            BadAnswer: an event that is none, or too large, or that says that the model broke off.
        """
        block = self._splitter.feed(piece)
        for event in events(block):
            yield from self._frames(data_of(event))

    def close(self) -> Iterator[Frame]:
        """The end: what is left, the usage chunk and `[DONE]`.

        Raises:
            StreamCut: a candidate is not finished.
        """
        rest = self._splitter.close()
        # Half an event is none; whether the answer is whole, the next line tells.
        with contextlib.suppress(BadAnswer):
            yield from self._frames(data_of(rest))
        last = self._chunks.close()
        if last is not None:
            yield Frame(data=_event(last), usage=self._chunks.usage, closing=True, usage_only=True)
        yield Frame(data=_DONE, closing=True)

    def _frames(self, data: bytes | None) -> Iterator[Frame]:
        if data is None:
            return
        if error := self._error_of(data):
            raise error
        said = self._chunks.feed(data)
        # Each event counts from the start. The last one's count belongs to the usage chunk; the
        # others' are kept for a stream that is broken off.
        usage = None if self._chunks.finished else self._chunks.usage
        if said:
            yield Frame(data=b"".join(_event(chunk) for chunk in said), events=len(said), usage=usage)


def _event(chunk: object) -> bytes:
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"
