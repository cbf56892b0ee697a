"""What a request's spans say: made of the events that the real request path leaves."""

import asyncio
from typing import Any

import msgspec

from homeport.config.cache import CacheSettings
from homeport.core.budgets import Budget, ScopeKind, Window
from homeport.core.errors import ConnectFailed, UpstreamError, UpstreamRefused
from homeport.core.money import Nano
from homeport.pipeline.dispatch import Resilience
from homeport.pipeline.hedge import HedgePolicy
from homeport.pipeline.retry import RetryPolicy
from homeport.pipeline.trail import TracePolicy
from homeport.telemetry import semconv as names
from homeport.telemetry.spans import Kind, Place, Span, spans_of
from tests.fakes.cascading import Climbing, SetJudge, sure, unsure
from tests.fakes.house import CHAT, MID, OWN, STREAM, TOP, House
from tests.fakes.upstream import USAGE, Hang, said, spoken, whole

ALL = TracePolicy()
DOWN = ConnectFailed("nobody is there")
REPEATING = Resilience(retry=RetryPolicy(rounds=2, base=0.01, longest_wait=1.0, budget=1.0))


class Map:
    """`Atlas` of the house's targets."""

    def model(self, target: str) -> str:
        return f"{target}-1"

    def upstream(self, target: str) -> str:
        return f"at-{target}"

    def place(self, upstream: str) -> Place:
        return Place("openai", f"{upstream}.example", 443)


def house_of(*targets: Any, **more: Any) -> House:
    return House(*(targets or (MID,)), traces=ALL, **more)


def spans(house: House) -> list[Span]:
    return spans_of(house.event, Map())


def named(found: list[Span], name: str) -> list[Span]:
    return [span for span in found if span.name == name]


def happened(span: Span) -> list[str]:
    return [event.name for event in span.events if event.name != names.ROUTE_EVENT]


async def test_a_chat_has_a_span_of_ours_and_one_of_its_call() -> None:
    house = house_of(MID)
    house.upstreams["mid"].script(sure(usage=USAGE))
    house.upstreams["mid"].working = lambda: house.clock.advance(7_000_000)
    await house.ask({**CHAT, "temperature": 0.2, "max_completion_tokens": 9, "n": 1})
    request, call = spans(house)
    event = house.event
    assert (request.name, request.kind, request.error) == ("POST /v1/chat/completions", Kind.SERVER, "")
    assert (call.name, call.kind, call.parent_id) == ("chat mid-1", Kind.CLIENT, request.span_id)
    assert call.trace_id == request.trace_id
    assert request.started_at == event.started_at
    assert (request.ended_at - request.started_at, call.ended_at - call.started_at) == (7_000_000, 7_000_000)
    assert request.attributes == {
        names.METHOD: "POST",
        names.ROUTE: "/v1/chat/completions",
        names.PATH: "/v1/chat/completions",
        names.STATUS: 200,
        names.REQUEST_ID: event.request_id,
        names.KEY_ID: "key_open",
        names.PROJECT: "default",
        names.REQUESTED_MODEL: "auto",
        names.TIER: "mid",
        names.TARGET: "mid",
        names.REASON: "static:mid",
        names.OUTCOME: "completed",
        names.DATA_CLASS: "open",
        names.COST: event.cost / 1e9,
    }
    assert call.attributes == {
        names.OPERATION: "chat",
        names.PROVIDER: "openai",
        names.REQUEST_MODEL: "mid-1",
        names.TEMPERATURE: 0.2,
        names.MAX_TOKENS: 9,
        names.RESPONSE_ID: "c1",
        names.FINISH_REASONS: ("stop",),
        names.INPUT_TOKENS: 1000,
        names.OUTPUT_TOKENS: 100,
        names.CACHE_READ_TOKENS: 200,
        names.REASONING_TOKENS: 40,
        names.SERVER_ADDRESS: "at-mid.example",
        names.SERVER_PORT: 443,
        names.TARGET: "mid",
        names.UPSTREAM: "at-mid",
        names.ATTEMPT: 1,
        names.ATTEMPT_RESULT: "answered",
        names.COST: event.cost / 1e9,
    }
    [route] = request.events
    assert (route.name, route.attributes[names.REASON]) == (names.ROUTE_EVENT, "static:mid")


async def test_a_stream_ends_with_the_request_and_tells_its_first_part() -> None:
    house = house_of(MID)
    house.upstreams["mid"].script(spoken("Clause", " 9."))
    house.upstreams["mid"].working = lambda: house.clock.advance(3_000_000)
    await house.ask(STREAM)
    request, call = spans(house)
    assert call.ended_at == request.ended_at
    assert call.attributes[names.STREAM] is True
    assert call.attributes[names.FIRST_CHUNK] == 0.003


async def test_a_caller_who_names_its_run_is_told_of_it() -> None:
    house = house_of(MID)
    house.upstreams["mid"].script(whole())
    await house.ask(headers=[("x-homeport-trace", "run-7")])
    assert spans(house)[0].attributes[names.CONVERSATION] == "run-7"


async def test_a_retry_and_a_failover_are_calls_and_events() -> None:
    again = house_of(MID, resilience=REPEATING)
    again.upstreams["mid"].script(UpstreamRefused("no", status=503, retryable=True), whole())
    await again.ask()
    request, first, second = spans(again)
    assert happened(request) == [names.RETRY_EVENT]
    assert (first.error, first.attributes[names.ERROR]) == ("upstream_refused", "upstream_refused")
    assert (second.error, second.attributes[names.ATTEMPT]) == ("", 2)
    other = house_of(MID, TOP)
    other.upstreams["mid"].script(DOWN)
    other.upstreams["top"].script(whole())
    await other.ask()
    request, first, second = spans(other)
    assert happened(request) == [names.FAILOVER_EVENT]
    turn = request.events[-1]
    assert turn.attributes == {names.FROM: "mid", names.TARGET: "top", names.ERROR: "upstream_unreachable"}
    assert [first.name, second.name] == ["chat mid-1", "chat top-1"]
    assert names.INPUT_TOKENS not in first.attributes


async def test_a_hedge_is_a_second_call_of_which_one_is_lost() -> None:
    resilience = Resilience(retry=RetryPolicy(rounds=1), hedge=HedgePolicy(quantile=0.95, budget=1.0))
    house = house_of(MID, resilience=resilience)
    house.upstreams["mid"].script(whole())
    house.upstreams["mid"].working = lambda: house.clock.advance(10_000_000)
    for _ in range(20):
        await house.ask()
    house.recorder.events.clear()
    house.observed.events.clear()
    house.upstreams["mid"].script(Hang(), whole())
    await house.ask()
    request, first, second = spans(house)
    assert happened(request) == [names.HEDGE_EVENT]
    assert [one.attributes[names.ATTEMPT_RESULT] for one in (first, second)] == ["hedge_lost", "answered"]
    assert [one.attributes.get(names.HEDGE) for one in (first, second)] == [None, True]
    assert first.error == second.error == ""


async def test_a_cascade_shows_the_answer_that_was_not_good_enough() -> None:
    house = house_of(OWN, MID, policy=Climbing(), judge=SetJudge())
    house.upstreams["own"].script(unsure())
    house.upstreams["own"].working = lambda: house.clock.advance(40_000_000)
    house.upstreams["mid"].script(sure())
    await house.ask()
    request, first, second = spans(house)
    assert happened(request) == [names.ESCALATION_EVENT]
    assert request.events[-1].attributes[names.ERROR] == "escalated_low_confidence"
    assert [one.attributes[names.ATTEMPT_RESULT] for one in (first, second)] == ["escalated", "answered"]
    assert first.error == "", "it did what it was asked to do"
    assert first.attributes[names.COST] > 0  # type: ignore[operator]  # a number


async def test_a_kept_answer_has_a_lookup_and_no_call() -> None:
    house = house_of(MID, cache=CacheSettings(exact=True))
    house.upstreams["mid"].script(sure())
    await house.ask()
    miss = spans_of(house.recorder.events[0], Map())
    assert [span.name for span in miss] == ["POST /v1/chat/completions", "cache lookup", "chat mid-1"]
    assert miss[1].attributes == {names.CACHE: "miss"}
    house.recorder.events.clear()
    house.observed.events.clear()
    await house.ask()
    request, lookup = spans(house)
    assert (lookup.name, lookup.kind, lookup.parent_id) == ("cache lookup", Kind.INTERNAL, request.span_id)
    assert lookup.attributes[names.CACHE] == request.attributes[names.CACHE] == "hit"
    assert request.attributes[names.SAVED] > 0  # type: ignore[operator]  # a number
    assert request.attributes[names.COST] == 0
    assert lookup.span_id not in (request.span_id, miss[1].span_id)


async def test_a_budget_that_refuses_is_told() -> None:
    budget = Budget(id="bud_1", name="tiny", kind=ScopeKind.ALL, scope="", window=Window.DAY, limit=Nano(1))
    house = house_of(MID, budgets=[budget])
    await house.ask()
    [request] = spans(house)
    assert happened(request) == [names.BUDGET_EVENT]
    assert request.events[-1].attributes[names.BUDGET] == "tiny"
    assert request.attributes[names.ERROR] == "budget_exceeded"
    assert request.error == "", "the caller's to mend, so no failure of ours"


async def test_what_could_not_be_called_is_told_as_such() -> None:
    house = house_of(MID, TOP)
    house.upstreams["mid"].script(DOWN)
    house.upstreams["top"].script(DOWN)
    await house.ask()
    found = spans(house)
    assert found[0].error == "upstream_unavailable"
    assert [span.error for span in named(found, "chat mid-1")] == ["upstream_unreachable"]


async def test_a_stream_that_broke_is_the_fault_of_its_call() -> None:
    house = house_of(MID)
    house.upstreams["mid"].script([said("Clause"), UpstreamError("cut", code="upstream_stream_cut")])
    await house.ask(STREAM)
    request, call = spans(house)
    assert request.error == call.error == "upstream_stream_cut"


async def test_waiting_for_a_place_is_a_span() -> None:
    house = house_of(OWN)
    house.upstreams["own"].script(whole())
    await house.ask()
    event = house.event
    assert [span.name for span in spans(house)] == ["POST /v1/chat/completions", "chat own-1"]
    [attempt] = event.attempts
    waited = msgspec.structs.replace(attempt, waited_ns=2_000_000, started_ns=attempt.started_ns + 5_000_000)
    late = msgspec.structs.replace(event, attempts=(waited,))
    [wait] = named(spans_of(late, Map()), "queue wait")
    assert wait.ended_at - wait.started_at == 2_000_000
    assert wait.attributes == {names.TARGET: "own", names.UPSTREAM: "at-own"}


async def test_content_is_with_what_answered() -> None:
    house = house_of(MID)
    house.upstreams["mid"].script(whole())
    await house.ask()
    found = spans_of(house.event, Map(), {names.INPUT_MESSAGES: "[]"})
    assert [names.INPUT_MESSAGES in span.attributes for span in found] == [False, True]


async def test_what_is_not_traced_has_no_spans() -> None:
    house = House(MID)
    house.upstreams["mid"].script(whole())
    await house.ask()
    assert spans(house) == []


async def test_a_call_that_its_caller_did_not_wait_for_is_told() -> None:
    house = house_of(MID)
    house.upstreams["mid"].script(Hang())
    caller = house.caller()
    task = asyncio.create_task(caller.call(house.app))
    await house.upstreams["mid"].hanging.wait()
    caller.leave()
    await asyncio.gather(task, return_exceptions=True)
    request, call = spans(house)
    assert request.attributes[names.STATUS] == 499
    assert (call.attributes[names.ATTEMPT_RESULT], call.error) == ("cancelled", "")
    assert house.upstreams["mid"].calls[0].headers == {}
