"""Replicate: a chat becomes a prediction that is waited for, polled or streamed, and cancelled when the caller leaves.

A target's model is `owner/name`, `owner/name:version`, a version, or `deployments/owner/name`.
Sources: https://replicate.com/docs/reference/http, https://replicate.com/docs/topics/predictions/streaming.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Meta

from homeport.core.errors import BadAnswer, InvalidRequest, StreamCut, UpstreamError, UpstreamRefused, UpstreamTimeout
from homeport.core.types import Completion, Frame, Surface, Timeouts, UpstreamCall, Usage
from homeport.protocols import replicate as wire
from homeport.protocols.replicate import Prediction
from homeport.providers.base import (
    ProviderSetup,
    classify_status,
    option_error,
    read_date,
    read_options,
    read_retry_after,
)
from homeport.providers.http_api import base_url_of, expect_events, headers_of, untranslatable
from homeport.transport.http import HttpRequest, HttpResponse
from homeport.transport.sse import EventSplitter, data_of, events

SURFACES = frozenset({Surface.CHAT})
SPOKEN = SURFACES
_BASE_URL = "https://api.replicate.com/v1"
_ITS_DOMAIN = ".replicate.com"
_DONE = b"data: [DONE]\n\n"
_SETTLE_TRIES = 5
_GOODBYE = Timeouts(connect=5, first_token=5, between_tokens=5, total=10)


class ReplicateOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of this API.

    Attributes:
        headers: sent with each request, over our own.
        input: the model's inputs and what goes into them; see `prediction_input`.
        wait_seconds: how long the first answer may wait for a prediction before it is polled.
        poll_seconds: between two looks at a prediction.
    """

    headers: dict[str, str] = {}
    input: dict[str, Any] = msgspec.field(default_factory=lambda: dict(wire.DEFAULT_INPUT))
    wait_seconds: Annotated[int, Meta(ge=1, le=60)] = 10
    poll_seconds: Annotated[float, Meta(gt=0, le=60)] = 0.5


def connect(setup: ProviderSetup) -> "Replicate":
    """See `ProviderModule.connect`; needs an api_key only."""
    options = read_options(setup, ReplicateOptions)
    if unknown := wire.unknown_placeholders(options.input):
        raise option_error(setup, ReplicateOptions, f"`input` names {', '.join(unknown)}, which no request has")
    return Replicate(setup, options)


class Replicate:
    """An `Upstream` over HTTP."""

    def __init__(self, setup: ProviderSetup, options: ReplicateOptions) -> None:
        self._setup = setup
        self._options = options
        self._url = base_url_of(setup, _BASE_URL)
        self._headers = headers_of(setup, ReplicateOptions, options.headers)
        self._goodbyes: set[asyncio.Task[None]] = set()

    async def complete(self, call: UpstreamCall) -> Completion:
        """See `Upstream.complete`."""
        given = self._input(call)
        async with _Within(call.timeouts.total):
            prediction, created = await self._create(call, given, stream=False)
            prediction = await self._finished(call, prediction)
        usage = wire.read_usage(prediction, str(given.get("prompt", "")), wire.text_of(prediction))
        finish = wire.finish_reason(usage, given.get("max_tokens"))
        model = call.target.model
        body = wire.completion(prediction, model=model, created=created, finish=finish, usage=usage)
        return Completion(body=msgspec.json.encode(body), usage=usage)

    async def stream(self, call: UpstreamCall) -> AsyncGenerator[Frame]:
        """See `Upstream.stream`. Closing the generator cancels the prediction."""
        until = asyncio.get_running_loop().time() + call.timeouts.total
        given = self._input(call)
        prediction, created = await self._create(call, given, stream=True)
        teller = _Teller(prediction.id, call.target.model, created)
        text = ""
        if prediction.urls.stream:
            try:
                async with contextlib.aclosing(self._pieces(call, prediction)) as pieces:
                    async for piece in pieces:
                        text += piece
                        yield teller.said(piece)
                prediction = await self._settled(call, prediction)
            except BaseException:  # whatever ends the answer early, a caller who left too; raised again
                self._cancel_later(prediction)
                raise
        else:
            # This model cannot stream, so it says all at once.
            async with _Within(until - asyncio.get_running_loop().time()):
                prediction = await self._finished(call, prediction)
            text = wire.text_of(prediction)
            yield teller.said(text)
        usage = wire.read_usage(prediction, str(given.get("prompt", "")), text)
        for frame in teller.end(wire.finish_reason(usage, given.get("max_tokens")), usage):
            yield frame

    async def close(self) -> None:
        """Wait for the cancellations that are still under way."""
        await asyncio.gather(*self._goodbyes, return_exceptions=True)

    def _input(self, call: UpstreamCall) -> dict[str, Any]:
        try:
            return wire.prediction_input(call.fields, self._options.input)
        except InvalidRequest as error:
            raise untranslatable(error) from None

    async def _create(self, call: UpstreamCall, given: dict[str, Any], *, stream: bool) -> tuple[Prediction, int]:
        path, version = _place_of(call.target.model)
        body: dict[str, Any] = {"input": given, **version, **({"stream": True} if stream else {})}
        # Should we be gone before we know its address, it ends by itself.
        headers = {"cancel-after": f"{max(5, math.ceil(call.timeouts.total))}s"}
        if not stream:
            headers["prefer"] = f"wait={self._options.wait_seconds}"
        request = HttpRequest(
            url=f"{self._url}/{path}",
            headers=self._headers | headers,
            body=msgspec.json.encode(body),
            timeouts=call.timeouts.for_whole_answer(),
            own_headers=call.headers,
        )
        response = await self._setup.transport.post(request)
        prediction = self._read(response)
        for url in (prediction.urls.get, prediction.urls.stream, prediction.urls.cancel):
            self._check(url)
        return prediction, read_date(response.headers)

    async def _look(self, call: UpstreamCall, url: str) -> Prediction:
        request = HttpRequest(
            method="GET", url=url, headers=self._headers, body=b"", timeouts=call.timeouts.for_whole_answer()
        )
        return self._read(await self._setup.transport.post(request))

    async def _finished(self, call: UpstreamCall, prediction: Prediction) -> Prediction:
        """Poll until the prediction is done. Raises UpstreamRefused where it failed."""
        url = prediction.urls.get
        try:
            while prediction.is_running:
                if not url:
                    raise BadAnswer("the upstream's prediction has no address to follow")
                await asyncio.sleep(self._options.poll_seconds)
                prediction = await self._look(call, url)
        except BaseException:  # whatever ends the wait, a caller who left too; raised again
            self._cancel_later(prediction)
            raise
        if not prediction.is_done:
            raise _failed()
        return prediction

    async def _settled(self, call: UpstreamCall, prediction: Prediction) -> Prediction:
        """The prediction with its metrics: it may end a moment after its stream. Without them, as it was."""
        try:
            for _ in range(_SETTLE_TRIES):
                seen = await self._look(call, prediction.urls.get) if prediction.urls.get else prediction
                if not seen.is_running:
                    return seen
                await asyncio.sleep(self._options.poll_seconds)
        except UpstreamError:
            return prediction  # The answer is whole; only its count is not known.
        return prediction

    async def _pieces(self, call: UpstreamCall, prediction: Prediction) -> AsyncGenerator[str]:
        headers = self._headers | {"accept": "text/event-stream", "cache-control": "no-store"}
        request = HttpRequest(
            method="GET", url=prediction.urls.stream, headers=headers, body=b"", timeouts=call.timeouts
        )
        async with self._setup.transport.stream(request) as answer:
            await expect_events(answer, self._refusal)
            splitter = EventSplitter()
            async for chunk in answer.chunks():
                for event in events(splitter.feed(chunk)):
                    name, data = _name_of(event), data_of(event) or b""
                    if name == "output":
                        yield data.decode(errors="replace")
                    elif name == "error" or (name == "done" and b'"reason"' in data):
                        raise _failed()
                    elif name == "done":
                        return
        raise StreamCut("the upstream's stream ended before the answer did", hint="try again")

    def _read(self, response: HttpResponse) -> Prediction:
        if response.status >= 400:
            raise self._refusal(response.status, response.headers, response.body)
        prediction = wire.read_prediction(response.body)
        if response.status >= 300:
            raise BadAnswer("the upstream answered with a redirect", status=response.status)
        return prediction

    def _refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamRefused:
        return classify_status(status, body, retry_after=read_retry_after(headers), secret=self._setup.api_key)

    def _check(self, url: str) -> None:
        """An address in an answer gets our key, so it must be Replicate's. Raises BadAnswer."""
        if url and not is_trusted(url, self._url):
            raise BadAnswer(
                "the upstream's prediction points to another server, which was not followed",
                hint="check this provider's base_url",
            )

    def _cancel_later(self, prediction: Prediction) -> None:
        """Cancel a prediction without making anybody wait for it."""
        if not (prediction.is_running and prediction.urls.cancel):
            return
        task = asyncio.create_task(self._cancel(prediction.urls.cancel))
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)

    async def _cancel(self, url: str) -> None:
        try:
            await self._setup.transport.post(HttpRequest(url=url, headers=self._headers, body=b"", timeouts=_GOODBYE))
        except UpstreamError:
            return  # It then ends by `cancel-after`.


class _Within:
    """A bound on several calls together: the time left is theirs, and running out is UpstreamTimeout."""

    def __init__(self, seconds: float) -> None:
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        try:
            await self._timeout.__aexit__(*error)
        except TimeoutError:
            raise UpstreamTimeout("the upstream's prediction took too long", code="upstream_total_timeout") from None


class _Teller:
    """Makes frames of chat chunks."""

    def __init__(self, prediction_id: str, model: str, created: int) -> None:
        self._head: dict[str, Any] = wire.chunk(prediction_id, model=model, created=created, choices=[])
        self._begun = False

    def said(self, text: str) -> Frame:
        role = {} if self._begun else {"role": "assistant"}
        self._begun = True
        return Frame(data=self._event({**role, "content": text}, None), events=1)

    def end(self, finish: str, usage: Usage | None) -> list[Frame]:
        frames = [Frame(data=self._event({}, finish), events=1)]
        if usage is not None:
            data = _event(self._head | {"usage": wire.chat_usage(usage)})
            frames.append(Frame(data=data, usage=usage, closing=True, usage_only=True))
        return [*frames, Frame(data=_DONE, closing=True)]

    def _event(self, delta: dict[str, Any], finish: str | None) -> bytes:
        return _event(self._head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"


def _failed() -> UpstreamRefused:
    # Its words are the model's traceback or parts of the prompt: kept from the caller.
    return UpstreamRefused(
        "the upstream's prediction failed or was cancelled",
        status=500,
        retryable=True,
        code="upstream_failed",
        hint="try again, or look at the prediction at the provider",
    )


def _place_of(model: str) -> tuple[str, dict[str, str]]:
    """The path of a model's predictions, and the version where the body names it."""
    owner, _, name = model.removeprefix("deployments/").partition("/")
    if not name or ":" in name:
        return "predictions", {"version": model}
    kind = "deployments" if model.startswith("deployments/") else "models"
    return f"{kind}/{quote(owner, safe='')}/{quote(name, safe='')}/predictions", {}


def is_trusted(url: str, base_url: str) -> bool:
    """It is where the configuration points, or under replicate.com over https."""
    try:
        parts, base = urlsplit(url), urlsplit(base_url)
        place, home = (parts.scheme, parts.hostname, parts.port), (base.scheme, base.hostname, base.port)
    except ValueError:
        return False
    if not url.isascii() or not url.isprintable() or "@" in parts.netloc or "\\" in url:
        return False
    is_its_own = parts.scheme == "https" and parts.port in {None, 443} and (parts.hostname or "").endswith(_ITS_DOMAIN)
    return place == home or is_its_own


def _name_of(event: bytes) -> str:
    names = [line[6:].removeprefix(b" ") for line in event.splitlines() if line.startswith(b"event:")]
    return names[-1].decode(errors="replace") if names else ""
