"""A request from top to bottom."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from homeport.core.errors import (
    BudgetExceeded,
    HomeportError,
    InternalError,
    StorageError,
    UpstreamError,
)
from homeport.core.events import RequestFinished
from homeport.core.money import Nano
from homeport.core.ports import Clock, KeyRing, Limiter, Observer, Pricing, Recorder
from homeport.core.tracing import CURRENT, AnswerFacts, Traced
from homeport.core.types import Key, Outcome, Usage
from homeport.ledger.pricing import price_source
from homeport.pipeline.admission import Admission
from homeport.pipeline.attribution import end_user, trace_id
from homeport.pipeline.authenticate import authenticate, permit, scope_of
from homeport.pipeline.billing import billable
from homeport.pipeline.caching import CacheStage, Hit
from homeport.pipeline.capture import Capture
from homeport.pipeline.cascade import Cascade
from homeport.pipeline.deadline import seconds_left
from homeport.pipeline.dispatch import Dispatcher
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.hindsight import Hindsight, LookBack
from homeport.pipeline.limits import expected_tokens
from homeport.pipeline.loops import LoopStage
from homeport.pipeline.occupancy import Occupancy
from homeport.pipeline.privacy import PrivacyStage
from homeport.pipeline.redaction import restored
from homeport.pipeline.routing import RouteStage
from homeport.pipeline.spending import UNKNOWN_PRICE, Spending, Tab, reason_of
from homeport.pipeline.stream import relay
from homeport.pipeline.trail import CHECKED, LOOKED, PAID, READ, ROUTED, Tracer
from homeport.pipeline.visit import refuse_unkept
from homeport.protocols.answers.facts import stream_facts, whole_facts

logger = logging.getLogger(__name__)

_FREE = Nano(0)


class Stages(msgspec.Struct, frozen=True, kw_only=True):
    """What the request path is made of; put together in bootstrap.py.

    Attributes:
        spending: None where there are no budgets.
        cascade: None where no answer is looked at.
        cache: None where nothing is cached.
        capture: None where no request is kept whole.
        tracer: None where no spans are sent.
        holder: the name of this process in records and leases.
        use: entered by each request, for as long as it may need an upstream.
        hindsight: what is kept of a request that has ended, beside its bill.
    """

    keys: KeyRing
    admission: Admission
    limiter: Limiter
    recorder: Recorder
    routing: RouteStage
    dispatcher: Dispatcher
    pricing: Pricing
    observers: Sequence[Observer]
    clock: Clock
    loops: LoopStage
    privacy: PrivacyStage
    longest_s: float
    spending: Spending | None = None
    cascade: Cascade | None = None
    cache: CacheStage | None = None
    capture: Capture | None = None
    tracer: Tracer | None = None
    holder: str = ""
    use: Occupancy = msgspec.field(default_factory=Occupancy)
    hindsight: LookBack = msgspec.field(default_factory=LookBack)


class Runner(Protocol):
    """What answers requests: a pipeline, or whatever pipeline there is at the moment."""

    async def run(self, exchange: Exchange) -> None: ...


class Pipeline:
    def __init__(self, stages: Stages) -> None:
        self._stages = stages

    async def run(self, exchange: Exchange) -> None:
        """Answer one request.

        It is settled exactly once, before its last byte leaves, however it ends. A cancelled task
        means that the caller is gone: the upstream is cancelled and what it produced is billed.
        """
        exchange.started_ns = self._stages.clock.monotonic_ns()
        exchange.started_at = self._stages.clock.wall_ns()
        if self._stages.tracer is not None:
            exchange.trail = self._stages.tracer.begin(exchange.attribution, exchange.started_ns)
            CURRENT.set(exchange.trail.context)  # of this task, which has one request at a time
        try:
            with self._stages.use:
                await self._answer(exchange)
        except HomeportError as error:
            exchange.fail(error)
        except (asyncio.CancelledError, OSError):
            exchange.outcome = Outcome.CANCELLED
            exchange.status = 499
            raise
        except Exception:  # a defect must neither end the process nor tell the caller about our insides
            logger.exception("unexpected error in request %s", exchange.request_id)
            exchange.fail(InternalError("an unexpected error happened; it was logged"))
        finally:
            self._stages.dispatcher.release(exchange)
            try:
                self._settle(exchange)
            finally:  # whoever waits for the same answer must not wait for ever
                if self._stages.cache is not None:
                    self._stages.cache.leave(exchange)
        await exchange.finish()

    async def _answer(self, exchange: Exchange) -> None:
        exchange.key = key = authenticate(self._stages.keys, exchange.token)
        exchange.data_class = self._stages.privacy.said(key, None).data_class
        permit(key, scope_of(exchange.surface))
        exchange.data_class = self._stages.privacy.said(key, exchange.data_class_header).data_class
        seconds = seconds_left(exchange.timeout_header, self._stages.longest_s)
        exchange.deadline_ns = exchange.started_ns + round(seconds * 1e9)
        with self._stages.admission.admit(key):
            self._stages.recorder.check_room()
            if key.limits is not None:
                exchange.ticket = self._stages.limiter.enter(key)
            await self._decode(exchange)
            self._reached(exchange, READ)
            await self._stages.privacy.assess(exchange)
            if self._stages.capture is not None:
                self._stages.capture.begin(exchange)
            await self._stages.loops.check(exchange)
            self._reached(exchange, CHECKED)
            self._decide(exchange, key)
            self._reached(exchange, ROUTED)
            kept = await self._look(exchange)
            self._reached(exchange, LOOKED)
            if kept is None:
                await self._reserve_money(exchange, key)
                self._reached(exchange, PAID)
            await self._dispatch(exchange, kept)

    def _reached(self, exchange: Exchange, what: str) -> None:
        if exchange.trail is not None:
            exchange.trail.reached(what, self._stages.clock.monotonic_ns())

    async def _look(self, exchange: Exchange) -> Hit | None:
        if self._stages.cache is not None:
            return await self._stages.cache.look(exchange)
        refuse_unkept(exchange.cache_headers)
        return None

    async def _decode(self, exchange: Exchange) -> None:
        exchange.inference = exchange.dialect.decode(exchange.surface, await exchange.read_body())
        exchange.end_user = end_user(exchange.attribution, exchange.inference.fields)
        exchange.trace_id = trace_id(exchange.attribution)
        if exchange.ticket is not None:
            exchange.ticket.charge(*expected_tokens(exchange.inference))

    def _decide(self, exchange: Exchange, key: Key) -> None:
        assert exchange.inference is not None
        routing = self._stages.routing
        decide = routing.consider if exchange.purpose else routing.decide  # nothing is learned from what we ask
        route = decide(exchange.inference, key, exchange.data_class, exchange.told_to)
        exchange.route, exchange.decision, exchange.reason = route, route.decision, route.decision.reason

    async def _reserve_money(self, exchange: Exchange, key: Key) -> None:
        """Hold for the first call, where a budget applies; a budget may leave only what is at home to choose from."""
        if self._stages.spending is None:
            return
        assert exchange.inference is not None
        assert exchange.decision is not None
        assert exchange.deadline_ns is not None
        exchange.tab = self._stages.spending.open(
            key,
            exchange.inference,
            exchange.decision,
            end_user=exchange.end_user,
            trace_id=exchange.trace_id,
            deadline_ns=exchange.deadline_ns,
        )
        if exchange.tab is not None:
            try:
                decision = await exchange.tab.admit(exchange.decision)
            except BudgetExceeded as error:
                exchange.reason = reason_of(error.budget)  # so that the record says which
                raise
            if decision is not exchange.decision:
                exchange.decision, exchange.reason = decision, decision.reason

    async def _dispatch(self, exchange: Exchange, kept: Hit | None) -> None:
        assert exchange.inference is not None
        assert exchange.decision is not None
        cascade, decision = self._stages.cascade, exchange.decision
        calls = cascade if cascade is not None and decision.cascade else self._stages.dispatcher
        dispatch = kept or calls
        if exchange.inference.stream:
            first, rest = await dispatch.stream(exchange, decision)
            try:
                await relay(exchange, first, rest, self._stages.clock.monotonic_ns)
            except UpstreamError as error:
                self._stages.dispatcher.broke(exchange, error)
                raise
        else:
            answer = await dispatch.complete(exchange, decision)
            # Only now it is known whose answer it is, and how it is put right.
            exchange.completion = restored(exchange.restoration, answer)
            exchange.usage = exchange.completion.usage
            if exchange.hearing is not None:
                exchange.hearing.hear(answer.body)
            exchange.body = exchange.writer.whole(exchange.completion)
            if exchange.sequel is not None:
                exchange.sequel.tell(exchange.body)

    def _settle(self, exchange: Exchange) -> None:
        """Price the request, make it durable, tell the observers. Nobody to bill: nothing to record."""
        if exchange.key is None:
            return
        now = self._stages.clock.monotonic_ns()
        usage = exchange.billed = billable(exchange, now)
        if exchange.is_hit:
            exchange.cost, exchange.price_source = _FREE, "cache"
        elif exchange.target is not None:
            cost = self._stages.pricing.cost(exchange.target, usage, now - exchange.dispatched_ns)
            if exchange.tab is not None and (ceiling := exchange.tab.ceiling(exchange.target)) is not None:
                cost, exchange.price_source = ceiling, UNKNOWN_PRICE
            exchange.cost = Nano(cost + _lost(exchange))
        self._stages.loops.finished(exchange)
        if exchange.ticket is not None:
            exchange.ticket.leave(usage.input_tokens + usage.output_tokens)
        known = Hindsight() if exchange.purpose else self._stages.hindsight.of(exchange, usage)
        event = _finished(exchange, exchange.key, usage, now, self._stages.holder, known)
        total = exchange.cost
        try:
            self._stages.recorder.record(event)
        except StorageError as error:
            logger.error("request %s could not be recorded: %s", exchange.request_id, error.message)
            exchange.fail(error)
            event = _finished(exchange, exchange.key, usage, now, self._stages.holder, Hindsight())
            exchange.cost = None
        if exchange.tab is not None:
            # Only now: money is not free again before its record is kept.
            _pay(exchange, exchange.tab, total)
        if self._stages.capture is not None:
            self._stages.capture.end(exchange)
        self._tell_who_answered(exchange)
        for observer in self._stages.observers:
            observer.observe(event)

    def _tell_who_answered(self, exchange: Exchange) -> None:
        is_told = exchange.outcome is Outcome.COMPLETED and not exchange.purpose
        if not is_told or exchange.route is None or exchange.target is None:
            return
        exchange.route.answered_by(exchange.target, exchange.hearing)
        if self._stages.cascade is not None and not exchange.is_hit:
            self._stages.cascade.answered(exchange.route, exchange.target)


def _of_the_cache(exchange: Exchange) -> dict[str, Any]:
    """What the cache had to do with a request; nothing where it had not."""
    visit = exchange.visit
    if visit is None or exchange.purpose:
        return {}
    is_whole = exchange.outcome is Outcome.COMPLETED
    judged = exchange.decision is not None and exchange.decision.cascade
    return {
        "cache": visit.kind.value,
        "cache_entry": visit.entry(exchange.target, judged=judged) if is_whole or visit.found is not None else "",
        "saved_cost": visit.saved if is_whole and visit.found is not None else 0,
    }


def _traced(exchange: Exchange) -> Traced | None:
    """What the spans are made of; None where none are sent."""
    trail = exchange.trail
    if trail is None or not trail.context.sampled:
        return None
    answered = AnswerFacts()
    if exchange.completion is not None:
        answered = whole_facts(exchange.completion.body)
    elif trail.heard:
        answered = stream_facts(trail.heard)
    return trail.traced(exchange.inference, answered, exchange.purpose)


def _lost(exchange: Exchange) -> int:
    """Nano-dollars of calls that gave no answer and may be billed all the same."""
    return sum(attempt.cost for attempt in exchange.attempts)


def _pay(exchange: Exchange, tab: Tab, total: Nano | None) -> None:
    """Settle what the calls of remote models cost, and learn from an answer that came to its end."""
    cost: int = sum(attempt.cost for attempt in exchange.attempts if attempt.target in tab.remote)
    if exchange.target is not None and not exchange.target.local:
        cost += (total or 0) - _lost(exchange)
        if exchange.outcome is Outcome.COMPLETED and exchange.usage is not None and not exchange.usage.estimated:
            tab.learn(exchange.target, exchange.usage)
    tab.settle(cost)


def _finished(exchange: Exchange, key: Key, usage: Usage, now: int, holder: str, known: Hindsight) -> RequestFinished:
    target, inference, cost = exchange.target, exchange.inference, exchange.cost
    latency, lost = now - exchange.started_ns, _lost(exchange)
    first_byte = exchange.first_byte_ns - exchange.started_ns if exchange.first_byte_ns else 0
    return RequestFinished(
        request_id=exchange.request_id,
        started_at=exchange.started_at,
        key_id=key.id,
        surface=exchange.surface,
        requested_model=inference.model[:160] if inference else "",
        tier=target.tier if target else "",
        target=target.name if target else "",
        upstream=target.origin if target else "",
        model=target.model if target else "",
        local=bool(target and target.local),
        data_class=exchange.data_class,
        stream=bool(inference and inference.stream),
        outcome=exchange.outcome,
        status=exchange.status,
        error=exchange.error.code if exchange.error else "",
        reason=(exchange.purpose or exchange.reason)[:160],
        input_tokens=usage.input_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        estimated=usage.estimated or lost > exchange.told,
        cost=Nano((cost or Nano(0)) if target else lost),
        price_source=exchange.price_source or (price_source(target, usage)[:160] if target else ""),
        latency_ns=latency,
        ttft_ns=latency if exchange.completion is not None else first_byte,
        attempts=tuple(exchange.attempts),
        project=key.project,
        end_user=exchange.end_user,
        trace_id=exchange.trace_id,
        batch=exchange.batch,
        engine_ns=usage.engine_ns,
        holder=holder,
        traced=_traced(exchange),
        **_of_the_cache(exchange),
        **msgspec.structs.asdict(known),
    )
