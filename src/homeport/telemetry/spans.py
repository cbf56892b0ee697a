"""The spans of a request, made of the event that says what became of it. Pure: the same event, the same spans."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Protocol

import msgspec

from homeport.core.budgets import OF_BUDGET
from homeport.core.errors import BudgetExceeded
from homeport.core.events import RequestFinished
from homeport.core.money import NANO_PER_USD
from homeport.core.tracing import Traced
from homeport.core.types import Attempt, Outcome
from homeport.telemetry import semconv as names

Value = str | bool | int | float | tuple[str, ...]

_SHORTEST_NS = 1_000_000
_SERVERS_FAULT = 500
_ESCALATED, _SAMPLED = "escalated_", "sampled"
_GIVEN_UP = frozenset({"hedge_lost", "cancelled"})
_ASKED = {
    "temperature": names.TEMPERATURE,
    "top_p": names.TOP_P,
    "top_k": names.TOP_K,
    "max_tokens": names.MAX_TOKENS,
    "max_completion_tokens": names.MAX_TOKENS,
    "max_output_tokens": names.MAX_TOKENS,
    "seed": names.SEED,
    "n": names.CHOICE_COUNT,
    "frequency_penalty": names.FREQUENCY_PENALTY,
    "presence_penalty": names.PRESENCE_PENALTY,
}
_REACHED_ROUTE, _REACHED_CACHE, _REACHED_MONEY = "routed", "looked", "paid"


class Kind(IntEnum):
    """As OTLP counts them."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3


class SpanEvent(msgspec.Struct, frozen=True):
    """Something that happened in a span, at nanoseconds since the epoch."""

    name: str
    at: int
    attributes: Mapping[str, Value]


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One span. Times are nanoseconds since the epoch; `error` is a stable code, "" where all went well."""

    name: str
    kind: Kind
    trace_id: str
    span_id: str
    parent_id: str
    state: str
    started_at: int
    ended_at: int
    attributes: Mapping[str, Value]
    events: tuple[SpanEvent, ...] = ()
    error: str = ""


class Place(msgspec.Struct, frozen=True):
    """Where an upstream is, and whose API it speaks; "" and 0 where that is not known."""

    provider: str = ""
    address: str = ""
    port: int = 0


class Atlas(Protocol):
    """What the configuration knows of models and upstreams."""

    def model(self, target: str) -> str:
        """What its upstream calls a target; the target's own name where it is not known."""

    def upstream(self, target: str) -> str:
        """Which engine or provider has a target; "" where it is not known."""

    def place(self, upstream: str) -> Place:
        """Where an upstream or one of its replicas is."""


def spans_of(event: RequestFinished, atlas: Atlas, content: Mapping[str, Value] | None = None) -> list[Span]:
    """The spans of a request, its own first; none where it is not traced.

    Args:
        content: attributes of the span of what answered.
    """
    if event.traced is None:
        return []
    return _Spans(event, event.traced, atlas).all(content or {})


class _Spans:
    """Of one event."""

    def __init__(self, event: RequestFinished, traced: Traced, atlas: Atlas) -> None:
        self._event = event
        self._traced = traced
        self._atlas = atlas
        called = {one.span_id: one for one in (*traced.left, *event.attempts) if one.span_id}
        self._calls = sorted(called.values(), key=lambda one: one.started_ns)
        self._reached = dict(traced.reached)

    def all(self, content: Mapping[str, Value]) -> list[Span]:
        calls = [self._call(number, attempt) for number, attempt in enumerate(self._calls, 1)]
        answering = next((place for place, one in enumerate(self._calls) if not one.error), None)
        request = self._request()
        if answering is None:
            request = _with(request, content)
        else:
            calls[answering] = _with(calls[answering], content)
        return [request, *self._steps(), *calls]

    def _request(self) -> Span:
        event, traced = self._event, self._traced
        own = bool(event.batch or traced.purpose)
        failed = event.outcome is Outcome.FAILED or event.status >= _SERVERS_FAULT
        return Span(
            name=f"POST /v1/{event.surface}",
            kind=Kind.INTERNAL if own else Kind.SERVER,
            trace_id=traced.trace_id,
            span_id=traced.span_id,
            parent_id=traced.parent_id,
            state=traced.state,
            started_at=event.started_at,
            ended_at=event.started_at + event.latency_ns,
            attributes=_told(self._about()),
            events=tuple(sorted(self._events(), key=lambda one: one.at)),
            error=event.error if failed else "",
        )

    def _about(self) -> Mapping[str, Value | None]:
        event, traced = self._event, self._traced
        route = f"/v1/{event.surface}"
        return {
            names.METHOD: "POST",
            names.ROUTE: route,
            names.PATH: route,
            names.STATUS: event.status,
            names.ERROR: event.error,
            names.CONVERSATION: "" if event.trace_id == traced.trace_id else event.trace_id,
            names.REQUEST_ID: event.request_id,
            names.KEY_ID: event.key_id,
            names.PROJECT: event.project,
            names.REQUESTED_MODEL: event.requested_model,
            names.TIER: event.tier,
            names.TARGET: event.target,
            names.REASON: event.reason,
            names.OUTCOME: event.outcome.value,
            names.DATA_CLASS: event.data_class,
            names.BATCH: event.batch or None,
            names.PURPOSE: traced.purpose,
            names.CACHE: event.cache,
            names.SAVED: event.saved_cost / NANO_PER_USD if event.saved_cost else None,
            names.COST: event.cost / NANO_PER_USD,
        }

    def _events(self) -> Iterator[SpanEvent]:
        event = self._event
        if _REACHED_ROUTE in self._reached:
            about = {
                names.REASON: event.reason,
                names.DECIDED: event.decided or event.tier,
                names.ROUTER_VERSION: event.router_version or None,
                names.SCORE: event.score,
            }
            yield SpanEvent(names.ROUTE_EVENT, self._since(_REACHED_ROUTE), _told(about))
        yield from self._turns()
        for attempt in event.attempts:
            if not attempt.span_id:
                about = {names.TARGET: attempt.target, names.ERROR: attempt.error}
                yield SpanEvent(names.SKIP_EVENT, self._at(attempt.started_ns), _told(about))
        if event.error == BudgetExceeded.default_code:
            budget = event.reason.removeprefix(OF_BUDGET) if event.reason.startswith(OF_BUDGET) else ""
            at = event.started_at + event.latency_ns
            yield SpanEvent(names.BUDGET_EVENT, at, _told({names.BUDGET: budget, names.ERROR: event.error}))

    def _turns(self) -> Iterator[SpanEvent]:
        """Why each call but the first was made."""
        for number, attempt in enumerate(self._calls[1:], 1):
            before = _before(self._calls[:number])
            about = {names.FROM: before.target, names.TARGET: attempt.target, names.ERROR: before.error}
            yield SpanEvent(_turn(before, attempt), self._at(attempt.started_ns), _told(about))

    def _steps(self) -> Iterator[Span]:
        """What happened before a call, where it took a while."""
        event, looked = self._event, self._reached.get(_REACHED_CACHE)
        if event.cache and looked is not None:
            about = {names.CACHE: event.cache, names.CACHE_ENTRY: event.cache_entry if event.saved_cost else ""}
            began = self._reached.get(_REACHED_ROUTE, 0)
            yield self._inner(names.CACHE_SPAN, names.CACHE_SPAN, began, looked, _told(about))
        held = self._reached.get(_REACHED_MONEY)
        if held is not None and looked is not None and held - looked >= _SHORTEST_NS:
            yield self._inner(names.HOLD_SPAN, names.HOLD_SPAN, looked, held, {})
        for attempt in self._calls:
            if attempt.waited_ns >= _SHORTEST_NS:
                ended = attempt.started_ns - self._traced.started_ns
                about = {names.TARGET: attempt.target, names.UPSTREAM: attempt.upstream}
                seed = f"{names.QUEUE_SPAN} {attempt.span_id}"
                yield self._inner(names.QUEUE_SPAN, seed, ended - attempt.waited_ns, ended, _told(about))

    def _inner(self, name: str, seed: str, began: int, ended: int, about: Mapping[str, Value]) -> Span:
        """A step of the request, from nanoseconds since it began to others."""
        traced, started_at = self._traced, self._event.started_at
        return Span(
            name=name,
            kind=Kind.INTERNAL,
            trace_id=traced.trace_id,
            span_id=hashlib.blake2b(f"{traced.span_id} {seed}".encode(), digest_size=8).hexdigest(),
            parent_id=traced.span_id,
            state=traced.state,
            started_at=started_at + max(0, began),
            ended_at=started_at + ended,
            attributes=about,
        )

    def _call(self, number: int, attempt: Attempt) -> Span:
        event, traced = self._event, self._traced
        place, model = self._atlas.place(attempt.upstream), self._atlas.model(attempt.target)
        operation = names.OPERATIONS.get(event.surface, event.surface)
        answered = not attempt.error
        error = (event.error if event.outcome is Outcome.FAILED else "") if answered else _failure(attempt)
        about: dict[str, Value | None] = {
            names.OPERATION: operation,
            names.PROVIDER: place.provider,
            names.REQUEST_MODEL: model,
            names.STREAM: event.stream or None,
            **{_ASKED[name]: value for name, value in traced.asked.items() if not (name == "n" and value == 1)},
            names.SERVER_ADDRESS: place.address,
            names.SERVER_PORT: place.port or None,
            names.ERROR: error,
            names.TARGET: attempt.target,
            names.UPSTREAM: attempt.upstream,
            names.ATTEMPT: number,
            names.ATTEMPT_RESULT: _result(attempt),
            names.HEDGE: attempt.hedge or None,
            names.COST: attempt.cost / NANO_PER_USD if attempt.cost else None,
            **(self._answer(attempt) if answered else {}),
        }
        return Span(
            name=f"{operation} {model}",
            kind=Kind.CLIENT,
            trace_id=traced.trace_id,
            span_id=attempt.span_id,
            parent_id=traced.span_id,
            state=traced.state,
            started_at=self._at(attempt.started_ns),
            ended_at=self._end(attempt),
            attributes=_told(about),
            error=error,
        )

    def _answer(self, attempt: Attempt) -> Mapping[str, Value | None]:
        """What the answer that the caller got says of itself, and what it cost but for the calls before it."""
        event, facts = self._event, self._traced.answer
        lost = sum(one.cost for one in event.attempts)
        first = (attempt.ended_ns - attempt.started_ns) / 1e9 if event.stream else None
        return {
            names.RESPONSE_ID: facts.id,
            names.RESPONSE_MODEL: facts.model,
            names.FINISH_REASONS: facts.finish_reasons or None,
            names.FINGERPRINT: facts.fingerprint,
            names.FIRST_CHUNK: first,
            names.INPUT_TOKENS: event.input_tokens,
            names.OUTPUT_TOKENS: event.output_tokens,
            names.CACHE_READ_TOKENS: event.cached_input_tokens or None,
            names.CACHE_WRITE_TOKENS: event.cache_write_tokens or None,
            names.REASONING_TOKENS: event.reasoning_tokens or None,
            names.COST: max(0, event.cost - lost) / NANO_PER_USD,
        }

    def _end(self, attempt: Attempt) -> int:
        """A call of a stream is noted when it begins to answer; it ends with the request."""
        if self._event.stream and not attempt.error:
            return self._event.started_at + self._event.latency_ns
        return self._at(attempt.ended_ns)

    def _at(self, monotonic_ns: int) -> int:
        return self._event.started_at + max(0, monotonic_ns - self._traced.started_ns)

    def _since(self, what: str) -> int:
        return self._event.started_at + self._reached[what]


def _with(span: Span, content: Mapping[str, Value]) -> Span:
    return msgspec.structs.replace(span, attributes={**span.attributes, **content}) if content else span


def _told(about: Mapping[str, Value | None]) -> dict[str, Value]:
    """Those that say something."""
    return {name: value for name, value in about.items() if value is not None and value != ""}


def _before(calls: Sequence[Attempt]) -> Attempt:
    """The call that another follows: the last one that did not race another."""
    return next((one for one in reversed(calls) if not one.hedge), calls[-1])


def _turn(before: Attempt, attempt: Attempt) -> str:
    if attempt.hedge:
        return names.HEDGE_EVENT
    if attempt.error.startswith(_SAMPLED):
        return names.SAMPLE_EVENT
    if before.error.startswith((_ESCALATED, _SAMPLED)):
        return names.ESCALATION_EVENT
    return names.RETRY_EVENT if before.target == attempt.target else names.FAILOVER_EVENT


def _result(attempt: Attempt) -> str:
    if not attempt.error:
        return "answered"
    if attempt.error.startswith(_ESCALATED):
        return "escalated"
    if attempt.error.startswith(_SAMPLED):
        return "sampled"
    return attempt.error if attempt.error in _GIVEN_UP else "failed"


def _failure(attempt: Attempt) -> str:
    """The code of a call that failed; "" for one that did what was asked of it."""
    return attempt.error if _result(attempt) == "failed" else ""
