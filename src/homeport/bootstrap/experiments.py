"""Whom an experiment asks: a running gateway over HTTP, or a package on an engine that is started for it."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from homeport.bootstrap.answerer import EngineAnswerer, read_answer
from homeport.bootstrap.evaluate import default_engine
from homeport.bootstrap.packages import verify_package
from homeport.bootstrap.trial import on_trial, trial_engine
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import BadAnswer, HomeportError, UpstreamError
from homeport.core.money import Nano, parse_usd
from homeport.core.types import Timeouts
from homeport.evaluation.experiments import Ask, Reply
from homeport.packages.base import Progress
from homeport.transport.http import HttpRequest, HttpResponse, Transport

_TIMEOUTS = Timeouts(connect=10.0, first_token=600.0, between_tokens=600.0, total=900.0)
_TRIES = 4
_LONGEST_PAUSE = 60.0
_FIRST_PAUSE = 0.5
_FATAL_STATUSES = frozenset({401, 403, 404, 405})
_FATAL_CODES = frozenset({"budget_exceeded", "price_unknown_for_budget", "surface_not_supported"})
_LATER = frozenset({429, 500, 502, 503, 504})
_OF_THE_QUESTION = frozenset({"content_blocked", "private_model_is_remote"})
"""Other questions may be let in."""

Sleep = Callable[[float], Any]


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """An error as the gateway tells it."""

    code: str
    message: str
    hint: str = ""


class GatewayRespondent:
    """Asks a gateway, by a key. What it can mend by waiting, it waits for; what is wrong with one question is told.

    Args:
        url: with /v1, such as http://127.0.0.1:8080/v1.
        fields: of every request: the model, and how it samples.
        headers: of every request, such as `cache-control`.
        seed: of the first epoch; later ones have the next. None to send none.
    """

    def __init__(
        self,
        transport: Transport,
        url: str,
        key: str,
        fields: Mapping[str, Any],
        *,
        headers: Mapping[str, str] | None = None,
        seed: int | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._transport = transport
        self._url = url.rstrip("/")
        self._headers = {
            "content-type": "application/json",
            "authorization": f"Bearer {key}",
            **(headers or {}),
        }
        self._fields = fields
        self._seed = seed
        self._now_ns = now_ns
        self._sleep = sleep

    async def __call__(self, ask: Ask) -> Reply:
        """See `Respondent`."""
        request = self._request(ask)
        for tried in range(1, _TRIES + 1):
            reply, pause = await self._try(request, _FIRST_PAUSE * 2**tried)
            if pause is None or tried == _TRIES:
                break
            await self._sleep(pause)
        return reply

    async def _try(self, request: HttpRequest, pause: float) -> tuple[Reply, float | None]:
        """What came, and after how many seconds it may be another; None where waiting does not help."""
        began = self._now_ns()
        try:
            response = await self._transport.post(request)
        except UpstreamError as error:
            return Reply(error=error.code, why=error.message), pause
        if response.status == 200:
            return _reply(response, (self._now_ns() - began) / 1e6), None
        failed = refusal(response)
        fatal = response.status in _FATAL_STATUSES or failed.code in _FATAL_CODES
        if fatal and failed.code not in _OF_THE_QUESTION:
            raise HomeportError(failed.message, code=failed.code, hint=failed.hint)
        later = pause_of(response, pause) if response.status in _LATER else None
        return Reply(error=failed.code, why=failed.message), later

    def _request(self, ask: Ask) -> HttpRequest:
        question = ask.question
        body: dict[str, Any] = {**self._fields, "max_tokens": question.max_tokens, **question.fields}
        if self._seed is not None:
            body["seed"] = self._seed + ask.epoch
        if question.messages:
            path, body["messages"] = "/chat/completions", question.messages
        else:
            path, body["prompt"] = "/completions", question.prompt
        return HttpRequest(
            url=self._url + path, headers=self._headers, body=msgspec.json.encode(body), timeouts=_TIMEOUTS
        )


class EngineRespondent:
    """Asks an engine on trial, greedily. It answers one question after the other: what it costs is its time."""

    def __init__(self, answer: EngineAnswerer, name: str, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._answer = answer
        self._name = name
        self._now_ns = now_ns

    async def __call__(self, ask: Ask) -> Reply:
        began = self._now_ns()
        try:
            answer = await self._answer(ask.question)
        except UpstreamError as error:
            return Reply(error=error.code, why=error.message)
        latency = (self._now_ns() - began) / 1e6
        return Reply(text=answer.text, latency_ms=latency, finish=answer.finish, model=self._name)


@asynccontextmanager
async def engine_respondent(
    settings: Settings, home: Home, package: str, engine: str, progress: Progress
) -> AsyncIterator[EngineRespondent]:
    """A package on an engine, started for this.

    Raises:
        PackageError: the package cannot be used.
        ConfigError: engine_unknown, or a wrong option.
        EngineError: the engine does not start.
    """
    wanted = trial_engine(settings, engine or default_engine(settings, package))
    stored = verify_package(settings, home, package, progress)
    async with on_trial(home, wanted.advised(stored), stored, progress) as trial:
        yield EngineRespondent(EngineAnswerer(trial), stored.name)


def _reply(response: HttpResponse, latency_ms: float) -> Reply:
    headers = response.headers
    try:
        answer = read_answer(msgspec.json.decode(response.body, type=dict[str, Any]))
    except (BadAnswer, msgspec.DecodeError, RecursionError, UnicodeError):
        return Reply(error="upstream_bad_answer", why="the answer cannot be read")
    return Reply(
        text=answer.text,
        cost=_cost(headers.get("x-homeport-cost", "")),
        latency_ms=latency_ms,
        finish=answer.finish[:256],
        model=headers.get("x-homeport-model", "")[:256],
        tier=headers.get("x-homeport-tier", "")[:256],
        request_id=headers.get("x-homeport-request-id", "")[:256],
        cached=headers.get("x-homeport-cache", "")[:256],
    )


def _cost(told: str) -> Nano | None:
    """None where another server than ours answered, or nobody knows the price."""
    try:
        return Nano(max(0, parse_usd(told)))
    except ValueError:
        return None


def refusal(response: HttpResponse) -> Refusal:
    """What an answer that is none says."""
    try:
        told = msgspec.json.decode(response.body, type=dict[str, Any]).get("error")
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        told = None
    error = told if isinstance(told, dict) else {}
    hint = str(error.get("hint") or "")
    message = str(error.get("message") or f"the gateway answered {response.status}").removesuffix(f"; {hint}")
    return Refusal(code=str(error.get("code") or "gateway_refused")[:256], message=message[:400], hint=hint[:400])


def pause_of(response: HttpResponse, otherwise: float) -> float:
    """Seconds to wait; what is asked for, where it is a number of seconds and not too many."""
    try:
        asked = float(response.headers.get("retry-after", ""))
    except ValueError:
        return otherwise
    return otherwise if math.isnan(asked) else min(max(asked, 0.0), _LONGEST_PAUSE)
