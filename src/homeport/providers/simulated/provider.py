"""The simulated provider: an `Upstream` without a network, and its chaos."""

import asyncio
import math
import random
from collections import deque
from collections.abc import AsyncGenerator
from typing import Annotated, Any

import msgspec

from homeport.core.errors import StreamCut, UpstreamRefused, UpstreamTimeout
from homeport.core.types import Completion, Frame, Surface, Timeouts, UpstreamCall, Usage
from homeport.providers.base import ProviderSetup, classify_status, option_error, read_options
from homeport.providers.simulated.draft import draft
from homeport.providers.simulated.openai import Answer, Embeddings, read_chat, read_completion

SURFACES = frozenset({Surface.CHAT, Surface.COMPLETION, Surface.EMBEDDING})
SPOKEN = SURFACES

_MINUTE_S = 60.0
_P99_SIGMAS = 2.3263478740408408

_Rate = Annotated[float, msgspec.Meta(ge=0, le=1)]
_NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class SimulatedOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options. Rates are shares of requests, 0 to 1.

    Attributes:
        latency_ms: median time to the first token; `latency_p99_ms` its 99th percentile (log-normal between).
        tokens_per_second: pace of the output; 0 means all at once.
        output_tokens: length of an answer, unless the request allows less.
        error_rate: refused with `error_status`.
        rate_limit_tpm: tokens a minute, beyond which requests get a 429 with a Retry-After; 0 means no limit.
        stall_rate: stop mid-answer until the timeout.
        cut_rate: end mid-answer.
        missing_usage_rate: report no usage.
        swap_model_after: after this many requests another model answers, silently; 0 means never.
    """

    latency_ms: _NotNegative = 30.0
    latency_p99_ms: _NotNegative | None = None
    tokens_per_second: _NotNegative = 400.0
    output_tokens: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 48
    error_rate: _Rate = 0.0
    error_status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 500
    rate_limit_tpm: Annotated[int, msgspec.Meta(ge=0)] = 0
    stall_rate: _Rate = 0.0
    cut_rate: _Rate = 0.0
    missing_usage_rate: _Rate = 0.0
    swap_model_after: Annotated[int, msgspec.Meta(ge=0)] = 0


def connect(setup: ProviderSetup) -> "Simulated":
    """See `ProviderModule.connect`. Address, key and transport are not used."""
    options = read_options(setup, SimulatedOptions)
    if options.latency_p99_ms is not None and not 0 < options.latency_ms <= options.latency_p99_ms:
        raise option_error(setup, SimulatedOptions, "`latency_p99_ms` must be at least `latency_ms`, and that above 0")
    return Simulated(setup, options)


class Simulated:
    """An `Upstream` without a network."""

    def __init__(self, setup: ProviderSetup, options: SimulatedOptions) -> None:
        self._seed = setup.seed
        self._options = options
        self._dice = random.Random(setup.seed)  # noqa: S311  chaos that can be repeated, not a secret
        self._requests = 0
        self._spent: deque[tuple[float, int]] = deque()

    async def complete(self, call: UpstreamCall) -> Completion:
        """See `Upstream.complete`."""
        plan = self._plan(call)
        pace = _Pace(call.timeouts, self._options.tokens_per_second)
        await self._admit(plan, pace)
        await pace.finish_step(plan.last_step)
        if plan.breaks:
            await pace.break_off(plan.breaks)
        body = msgspec.json.encode(plan.answer.body(usage=plan.reports_usage))
        return Completion(body=body, usage=_usage(plan.answer) if plan.reports_usage else None)

    async def stream(self, call: UpstreamCall) -> AsyncGenerator[Frame]:
        """See `Upstream.stream`."""
        plan = self._plan(call)
        pace = _Pace(call.timeouts, self._options.tokens_per_second)
        await self._admit(plan, pace)
        for step, chunks in enumerate(plan.answer.steps[: plan.last_step]):
            await pace.finish_step(step)
            for chunk in chunks:
                yield Frame(data=_event(chunk), events=1)
        if plan.breaks:
            await pace.break_off(plan.breaks)
        for chunk in plan.answer.last_chunks():
            yield Frame(data=_event(chunk), events=1)
        if plan.reports_usage:
            usage = _event(plan.answer.usage_chunk())
            yield Frame(data=usage, usage=_usage(plan.answer), closing=True, usage_only=True)
        yield Frame(data=b"data: [DONE]\n\n", closing=True)

    async def close(self) -> None:
        """Nothing is open."""

    def _plan(self, call: UpstreamCall) -> "_Plan":
        """Decide all of a request's fate at once: each request takes as many rolls, whatever it asks."""
        self._requests += 1
        options, dice = self._options, self._dice
        latency = latency_s(options.latency_ms, options.latency_p99_ms, dice.gauss(0.0, 1.0))
        fails, stalls, cuts, mute = (dice.random() for _ in range(4))
        swapped = 0 < options.swap_model_after < self._requests
        answer = _answer(call, self._seed, options.output_tokens, swapped=swapped)
        breaks = "stall" if stalls < options.stall_rate else "cut" if cuts < options.cut_rate else ""
        return _Plan(
            latency=latency,
            fails=fails < options.error_rate,
            breaks=breaks,
            reports_usage=mute >= options.missing_usage_rate,
            last_step=len(answer.steps) // 2 if breaks else len(answer.steps),
            answer=answer,
        )

    async def _admit(self, plan: "_Plan", pace: "_Pace") -> None:
        """Let the time to the first token pass, or refuse."""
        self._check_rate(plan.answer.input_tokens + plan.answer.output_tokens)
        await pace.first_token(plan.latency)
        if plan.fails:
            raise _refusal(self._options.error_status)

    def _check_rate(self, tokens: int) -> None:
        now = asyncio.get_running_loop().time()
        while self._spent and self._spent[0][0] <= now - _MINUTE_S:
            self._spent.popleft()
        used = sum(spent for _, spent in self._spent)
        if 0 < self._options.rate_limit_tpm <= used:
            raise _refusal(429, retry_after=max(1, math.ceil(self._spent[0][0] + _MINUTE_S - now)))
        if self._options.rate_limit_tpm:
            self._spent.append((now, tokens))


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What will happen to one request. `breaks` is "", "stall" or "cut", after `last_step`."""

    latency: float
    fails: bool
    breaks: str
    reports_usage: bool
    last_step: int
    answer: Answer | Embeddings


class _Pace:
    """The timing of one answer, inside its timeouts. Times are on the event loop's clock, in seconds."""

    def __init__(self, timeouts: Timeouts, tokens_per_second: float) -> None:
        self._timeouts = timeouts
        self._gap = 1 / tokens_per_second if tokens_per_second else 0.0
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + timeouts.total
        self._begun = 0.0

    async def first_token(self, latency: float) -> None:
        await self._wait(latency, self._timeouts.first_token, "upstream_first_token_timeout")
        self._begun = self._loop.time()

    async def finish_step(self, step: int) -> None:
        """Wait until step `step` is due, counted from the first token so that delays do not add up."""
        due = self._begun + step * self._gap
        bound = math.inf if self._gap <= self._timeouts.between_tokens else self._timeouts.between_tokens
        await self._wait(due - self._loop.time(), bound, "upstream_stalled")

    async def break_off(self, how: str) -> None:
        """Stop in the middle of the answer."""
        if how == "stall":
            await self._wait(math.inf, self._timeouts.between_tokens, "upstream_stalled")
        raise StreamCut("the simulated upstream ended its answer in the middle", hint="this is its cut_rate at work")

    async def _wait(self, seconds: float, bound: float, code: str) -> None:
        left = self._end - self._loop.time()
        if left < min(seconds, bound):
            await asyncio.sleep(max(0.0, left))
            raise _timeout("upstream_total_timeout")
        if seconds > 0:
            await asyncio.sleep(min(seconds, bound))
        if seconds > bound:
            raise _timeout(code)


def latency_s(p50_ms: float, p99_ms: float | None, sigmas: float) -> float:
    """A log-normal time, in seconds.

    Args:
        p50_ms: its median, in milliseconds.
        p99_ms: its 99th percentile; None for the median always.
        sigmas: a roll of the standard normal distribution.
    """
    if p99_ms is None or p50_ms == 0:
        return p50_ms / 1000
    return p50_ms / 1000 * math.exp(sigmas * math.log(p99_ms / p50_ms) / _P99_SIGMAS)


def _answer(call: UpstreamCall, seed: int, length: int, *, swapped: bool) -> Answer | Embeddings:
    fields = {name: _value(raw) for name, raw in call.fields.items()}
    surface, model = call.surface, f"{call.target.model}-swapped" if swapped else call.target.model
    if surface is Surface.EMBEDDING:
        return Embeddings(fields, model, seed)
    ask = read_chat(fields, model) if surface is Surface.CHAT else read_completion(fields, model)
    price = call.target.price
    note = f"This text is priced as {price.source if price else 'nothing'}."
    return Answer(draft(ask, seed, length, note), fields, chat=surface is Surface.CHAT)


def _value(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _usage(answer: Answer | Embeddings) -> Usage:
    return Usage(input_tokens=answer.input_tokens, output_tokens=answer.output_tokens)


def _refusal(status: int, retry_after: int = 0) -> UpstreamRefused:
    body = msgspec.json.encode({"error": {"message": "the simulated upstream refuses on purpose", "type": "simulated"}})
    return classify_status(status, body, retry_after=retry_after)


def _timeout(code: str) -> UpstreamTimeout:
    return UpstreamTimeout("the simulated upstream was too slow", code=code, hint="see its options, or raise timeouts")


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"
