"""Asks a model for an audit: through the gateway, as everybody does, or its provider or engine directly."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from homeport.api.auth import read_pepper
from homeport.api.purposes import HEADER, claim
from homeport.bootstrap.answerer import read_answer
from homeport.bootstrap.endpoints import read_endpoints
from homeport.bootstrap.experiments import pause_of, refusal
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import BadAnswer, ConfigError, HomeportError, UpstreamError
from homeport.core.purposes import DRIFT_PROBE
from homeport.core.types import Timeouts
from homeport.drift.asking import Question, Reply
from homeport.evaluation.answers import Answer
from homeport.transport.http import HttpRequest, HttpResponse, Transport
from homeport.transport.pool import PooledTransport

_TIMEOUTS = Timeouts(connect=10.0, first_token=120.0, between_tokens=60.0, total=180.0)
_FATAL = frozenset({401, 403, 404, 405})
_REFUSED = frozenset({400, 422})
_NO_MONEY = frozenset({"budget_exceeded", "price_unknown_for_budget"})
_LATER = frozenset({429, 500, 502, 503, 504})
_TRIES = 3
_PAUSE = 1.0
_LONGEST = 400

_WAYS: tuple[tuple[int, bool], ...] = ((20, True), (5, True), (0, True), (20, False), (5, False), (0, False))
"""Log-probabilities asked for, and whether temperature 0 is: where a model refuses one way, it may take the next."""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where questions go.

    Attributes:
        url: ends with /v1 or the like.
        proof: that they are ours, for the gateway alone; "" where a provider is asked directly, which is told nothing.
    """

    url: str
    key: str
    model: str
    proof: str = ""

    @property
    def headers(self) -> Mapping[str, str]:
        """A provider gets those that every request has."""
        sent = {"content-type": "application/json", **({"authorization": f"Bearer {self.key}"} if self.key else {})}
        return {**sent, "cache-control": "no-store", HEADER: self.proof} if self.proof else sent

    def __repr__(self) -> str:
        # The key and the proof belong in no log.
        return f"Address({self.url}, {self.model})"


class Prober:
    """A `drift.asking.Respondent` over HTTP. What it can mend by waiting it waits for; a wrong key ends it."""

    def __init__(
        self,
        transport: Transport,
        address: Address,
        now_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._transport, self._address = transport, address
        self._now_ns, self._sleep = now_ns, sleep
        self._first = 0

    async def __call__(self, question: Question) -> Reply:
        """See `Respondent`."""
        reply = Reply()
        for number in range(self._first, len(_WAYS)):
            reply, refused = await self._ask(question, *_WAYS[number])
            if not refused:
                self._first = number if not reply.error else self._first
                return reply
        return reply

    async def _ask(self, question: Question, tops: int, greedy: bool) -> tuple[Reply, bool]:
        """What came, and whether it was refused in this way."""
        request, reply = self._request(question, tops, greedy), Reply()
        for tried in range(1, _TRIES + 1):
            began, wait = self._now_ns(), _PAUSE * 2**tried
            try:
                response = await self._transport.post(request)
            except UpstreamError as error:
                reply = Reply(error=error.code, why=error.message[:_LONGEST])
            else:
                if response.status == 200:
                    return _reply(response, (self._now_ns() - began) / 1e9, sampled=not greedy), False
                reply = _failed(response)
                if response.status not in _LATER:
                    return reply, response.status in _REFUSED
                wait = pause_of(response, wait)
            if tried < _TRIES:
                await self._sleep(wait)
        return reply, False

    def _request(self, question: Question, tops: int, greedy: bool) -> HttpRequest:
        body: dict[str, Any] = {
            "model": self._address.model,
            "messages": [{"role": "user", "content": question.prompt}],
            "max_tokens": question.tokens,
            **({"logprobs": True, "top_logprobs": tops} if tops and question.sure else {}),
            **({"temperature": 0} if greedy else {}),
        }
        url = self._address.url.rstrip("/") + "/chat/completions"
        return HttpRequest(url=url, headers=self._address.headers, body=msgspec.json.encode(body), timeouts=_TIMEOUTS)


@asynccontextmanager
async def open_prober(settings: Settings, home: Home, model: str, via: str = "") -> AsyncIterator[Prober]:
    """Who answers for a model, until it is left.

    Args:
        via: a provider or an engine of the configuration that is asked directly; "" for the running gateway.

    Raises:
        HomeportError: gateway_not_running.
        ConfigError: probe_upstream_unknown.
    """
    address = address_of(settings, home, model, via)
    transport = PooledTransport()
    try:
        yield Prober(transport, address)
    finally:
        await transport.close()


def address_of(settings: Settings, home: Home, model: str, via: str) -> Address:
    """Where a model is asked; see `open_prober`."""
    return _direct(settings, home, model, via) if via else _gateway(home, model)


def _gateway(home: Home, model: str) -> Address:
    try:
        url, key = home.address.read_text().strip(), home.local_key.read_text().strip()
    except OSError as error:
        raise HomeportError(
            "no gateway runs with this state folder", code="gateway_not_running", hint="start one: homeport up"
        ) from error
    return Address(url=f"{url}/v1", key=key, model=model, proof=claim(read_pepper(home.pepper), DRIFT_PROBE))


def _direct(settings: Settings, home: Home, name: str, via: str) -> Address:
    """Where an upstream is, and what it calls the model."""
    targets = [target for tier in settings.tiers for target in tier.targets]
    called = next((one.model for one in targets if one.public_name == name and one.upstream == via), name)
    provider, endpoint = settings.providers.get(via), read_endpoints(home).get(via)
    if provider is not None and provider.base_url is not None:
        key = provider.api_key.get_secret_value() if provider.api_key is not None else ""
        return Address(url=str(provider.base_url), key=key, model=called)
    engine = settings.engines.get(via)
    if engine is not None and engine.url is not None:
        return Address(url=str(engine.url), key=engine.api_key.get_secret_value(), model=called)
    if endpoint is not None:
        return Address(url=endpoint.url, key=endpoint.api_key, model=called)
    raise ConfigError(
        f"{via[:80]!r} is no provider with a base_url, and no engine that runs",
        code="probe_upstream_unknown",
        hint="ask it through the gateway: leave --via out",
    )


def _failed(response: HttpResponse) -> Reply:
    """Raises HomeportError where no question can be answered."""
    said = refusal(response)
    if response.status in _FATAL or said.code in _NO_MONEY:
        raise HomeportError(said.message, code=said.code, hint=said.hint)
    return Reply(error=said.code, why=said.message)


def _reply(response: HttpResponse, seconds: float, *, sampled: bool) -> Reply:
    try:
        body = msgspec.json.decode(response.body, type=dict[str, Any])
        answer = read_answer(body)
    except (BadAnswer, msgspec.DecodeError, RecursionError, UnicodeError):
        return Reply(error="upstream_bad_answer", why="the answer cannot be read")
    usage = body.get("usage")
    told: Mapping[str, Any] = usage if isinstance(usage, dict) else {}
    return Reply(
        text=answer.text,
        logprobs=_first_token(answer),
        sampled=sampled,
        model=_text(body.get("model")),
        fingerprint=_text(body.get("system_fingerprint")),
        input_tokens=answer.prompt_tokens,
        output_tokens=_count(told.get("completion_tokens")),
        seconds=seconds,
        request_id=_text(response.headers.get("x-homeport-request-id")),
    )


def _first_token(answer: Answer) -> dict[str, float]:
    """Log-probabilities of the first token; those that are none are left out."""
    if not answer.tokens:
        return {}
    first = answer.tokens[0]
    told = {first.text: first.logprob, **{other.token: other.logprob for other in first.runners}}
    return {text: min(value, 0.0) for text, value in told.items() if math.isfinite(value)}


def _text(value: object) -> str:
    return value[:200] if isinstance(value, str) else ""


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
