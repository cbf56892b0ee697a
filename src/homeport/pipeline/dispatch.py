"""Executing a decision: candidates in order until one answers.

Another candidate is tried only while the caller has seen nothing. An own engine that is restarting
is waited for when nothing else could answer: it is back in seconds.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import TypeVar

from homeport.core.errors import (
    ConnectFailed,
    InternalError,
    NoAnswer,
    PrivateTierUnavailable,
    StreamCut,
    UpstreamError,
)
from homeport.core.ports import Clock, Health, Upstream
from homeport.core.types import Attempt, Completion, DataClass, Decision, Frame, Target, UpstreamCall
from homeport.pipeline.exchange import Exchange

Answer = TypeVar("Answer")
Call = Callable[[Upstream, UpstreamCall], Awaitable[Answer]]

NOT_READY = "not_ready"
_STATUS_OF_LAST_ERROR = {"upstream_rate_limited": 429, "upstream_bad_answer": 502, "upstream_stream_cut": 502}


class Dispatcher:
    """Calls upstreams.

    Args:
        upstreams: by name.
        restart_wait: seconds to wait for an own engine when no other candidate answered.
    """

    def __init__(self, upstreams: Mapping[str, Upstream], health: Health, clock: Clock, restart_wait: float) -> None:
        self._upstreams = upstreams
        self._health = health
        self._clock = clock
        self._restart_wait = restart_wait

    async def complete(self, exchange: Exchange, decision: Decision) -> Completion:
        """A whole answer from the first candidate that gives one."""
        return await self._first_answer(exchange, decision, lambda upstream, call: upstream.complete(call))

    async def stream(self, exchange: Exchange, decision: Decision) -> tuple[Frame, AsyncGenerator[Frame, None]]:
        """The first frame, and the rest, from the first candidate that begins to answer."""
        return await self._first_answer(exchange, decision, _open)

    async def _first_answer(self, exchange: Exchange, decision: Decision, call: Call[Answer]) -> Answer:
        waiting: list[Target] = []
        for target in decision.candidates:
            if not self._health.ready(target.upstream):
                self._note(exchange, target, NOT_READY, self._clock.monotonic_ns())
                waiting.append(target)
                continue
            try:
                return await self._attempt(exchange, target, call)
            except UpstreamError as error:
                if not error.retryable:
                    raise
                if isinstance(error, ConnectFailed | StreamCut):
                    self._health.report_failure(target.upstream)
                    waiting.append(target)
        for target in waiting:
            if target.local and await self._health.wait_ready(target.upstream, self._restart_wait):
                try:
                    return await self._attempt(exchange, target, call)
                except UpstreamError as error:
                    if not error.retryable:
                        raise
        raise _no_answer(exchange)

    async def _attempt(self, exchange: Exchange, target: Target, call: Call[Answer]) -> Answer:
        assert exchange.inference is not None
        if exchange.data_class is DataClass.PRIVATE and not target.local:
            # Policies may be a third party's; this is the last door before the data is out.
            raise InternalError("a policy chose a remote model for private data, so it was not sent")
        exchange.target = target
        request = exchange.call_of(target)
        started = exchange.dispatched_ns = self._clock.monotonic_ns()
        if exchange.attempts:
            first = exchange.attempts[0]
            how = "restarted" if first.target == target.name else "failover"
            exchange.reason = f"{how}:{first.target}:{first.error}"
        try:
            answer = await _keeping_the_contract(call(self._upstreams[target.upstream], request))
        except UpstreamError as error:
            self._note(exchange, target, error.code, started)
            exchange.target = None
            raise
        self._note(exchange, target, "", started)
        return answer

    def _note(self, exchange: Exchange, target: Target, error: str, started: int) -> None:
        ended = self._clock.monotonic_ns()
        exchange.attempts.append(Attempt(target=target.name, error=error, started_ns=started, ended_ns=ended))


async def _keeping_the_contract(answer: Awaitable[Answer]) -> Answer:
    """An adapter may be a third party's: an OSError it lets through must not look like a caller who left."""
    try:
        return await answer
    except OSError as error:
        raise UpstreamError(f"the upstream's adapter failed: {type(error).__name__}", code="upstream_failed") from error


async def _open(upstream: Upstream, call: UpstreamCall) -> tuple[Frame, AsyncGenerator[Frame, None]]:
    frames = upstream.stream(call)
    try:
        return await anext(frames), frames
    except StopAsyncIteration:
        raise StreamCut("the upstream ended the stream before it began") from None
    except BaseException:  # a cancelled caller too: whatever ends the wait closes the upstream; raised again
        await frames.aclose()
        raise


def _no_answer(exchange: Exchange) -> NoAnswer | PrivateTierUnavailable:
    attempts = tuple(f"{attempt.target}: {attempt.error}" for attempt in exchange.attempts)
    if exchange.data_class is DataClass.PRIVATE:
        return PrivateTierUnavailable(
            f"this request is private and no model at home could answer it ({'; '.join(attempts)})",
            hint="homeport status shows the engines; the request was not sent elsewhere",
        )
    last = exchange.attempts[-1].error
    status = 504 if "timeout" in last or last == "upstream_stalled" else _STATUS_OF_LAST_ERROR.get(last, 503)
    return NoAnswer(
        f"no model could answer ({'; '.join(attempts)})",
        attempts=attempts,
        status=status,
        hint="try again; homeport status shows what is up",
    )
