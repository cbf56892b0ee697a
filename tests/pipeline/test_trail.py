"""Which requests are traced, whom they are told to, and what is noted of them."""

import random
from typing import Any

import msgspec
import pytest

from homeport.core.events import RequestFinished
from homeport.core.tracing import CURRENT
from homeport.core.types import Attempt
from homeport.pipeline.attribution import Attribution
from homeport.pipeline.trail import TracePolicy, Tracer
from tests.fakes.house import CHAT, EMBED, MID, OWN, STREAM, House
from tests.fakes.upstream import DONE, counted, said, vectors, whole

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = ("traceparent", f"00-{TRACE}-{SPAN}-01")
UNSAMPLED = ("traceparent", f"00-{TRACE}-{SPAN}-00")
STATE = ("tracestate", "vendor=abc")
ALL = TracePolicy()


def drawn(policy: TracePolicy, count: int = 2_000) -> float:
    """The share of requests without a parent that is sampled."""
    tracer = Tracer(policy, random.Random(3))
    return sum(tracer.begin(Attribution(), 0).context.sampled for _ in range(count)) / count


@pytest.mark.parametrize(("ratio", "low", "high"), [(0.0, 0.0, 0.0), (0.25, 0.22, 0.28), (1.0, 1.0, 1.0)])
def test_a_share_is_sampled(ratio: float, low: float, high: float) -> None:
    assert low <= drawn(TracePolicy(ratio=ratio)) <= high


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_a_caller_who_says_is_followed_unless_nobody_wants_that(ratio: float) -> None:
    for parent in (PARENT, UNSAMPLED):
        attribution = Attribution(traceparent=parent[1])
        followed = Tracer(TracePolicy(ratio=ratio), random.Random(1)).begin(attribution, 0)
        own = Tracer(TracePolicy(ratio=ratio, follow_caller=False), random.Random(1)).begin(attribution, 0)
        assert followed.context.sampled == (parent == PARENT)
        assert own.context.sampled == (ratio == 1.0)
        assert followed.context.trace_id == own.context.trace_id == TRACE
        assert followed.parent_id == own.parent_id == SPAN


async def asked(body: Any = CHAT, *headers: tuple[str, str], policy: TracePolicy | None = ALL, **more: Any) -> House:
    house = House(OWN, MID, traces=policy)
    house.upstreams["own"].script(more.pop("answer", whole()))
    await house.ask(body, headers=headers)
    return house


async def test_an_own_engine_is_told_and_the_caller_too() -> None:
    house = House(OWN, MID, traces=ALL)
    house.upstreams["own"].script(whole())
    caller = await house.ask(headers=[PARENT, STATE])
    traced = house.event.traced
    assert traced is not None
    assert (traced.trace_id, traced.parent_id, traced.state) == (TRACE, SPAN, "vendor=abc")
    assert caller.headers["x-homeport-trace-id"] == TRACE
    [attempt] = house.event.attempts
    assert house.upstreams["own"].calls[0].headers == {
        "traceparent": f"00-{TRACE}-{attempt.span_id}-01",
        "tracestate": "vendor=abc",
    }
    assert attempt.span_id not in (SPAN, traced.span_id)
    assert attempt.upstream == "at-own"


@pytest.mark.parametrize("tell", [False, True])
async def test_remote_apis_are_told_where_somebody_wants_that_and_never_the_state(tell: bool) -> None:
    house = House(MID, traces=TracePolicy(to_remote=tell))
    house.upstreams["mid"].script(whole())
    await house.ask(headers=[PARENT, STATE, ("baggage", "secret=1")])
    [call] = house.upstreams["mid"].calls
    assert list(call.headers) == (["traceparent"] if tell else [])
    assert "secret" not in repr(call)


async def test_without_traces_nothing_is_told_or_noted() -> None:
    house = await asked(CHAT, PARENT, policy=None)
    assert house.event.traced is None
    assert house.event.trace_id == TRACE
    assert house.upstreams["own"].calls[0].headers == {}
    assert house.event.attempts[0] == Attempt(
        target="own", error="", started_ns=house.event.attempts[0].started_ns, ended_ns=house.clock.monotonic_ns()
    )


async def test_a_trace_that_is_not_sampled_goes_on_without_us() -> None:
    house = House(OWN, traces=ALL)
    house.upstreams["own"].script(whole())
    caller = await house.ask(headers=[UNSAMPLED])
    assert house.event.traced is None
    assert house.event.attempts[0].span_id == ""
    told = house.upstreams["own"].calls[0].headers["traceparent"]
    assert told.startswith(f"00-{TRACE}-")
    assert told.endswith("-00")
    assert caller.headers["x-homeport-trace-id"] == TRACE


@pytest.mark.parametrize("header", ["", "00-zz", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01" * 40])
async def test_an_invalid_parent_begins_a_trace_of_its_own(header: str) -> None:
    house = await asked(CHAT, ("traceparent", header))
    traced = house.event.traced
    assert traced is not None
    assert traced.trace_id not in (TRACE, "0" * 32)
    assert traced.parent_id == ""
    assert house.event.trace_id == ""


async def test_what_was_asked_with_is_noted_and_nothing_of_what_was_said() -> None:
    body = {**CHAT, "temperature": 0.5, "max_tokens": 7, "seed": 3, "top_p": None, "stop": ["\n"], "user": "ada"}
    house = await asked(body)
    traced = house.event.traced
    assert traced is not None
    assert traced.asked == {"temperature": 0.5, "max_tokens": 7, "seed": 3}
    written = msgspec.json.encode(house.event)
    assert b"clause" not in written.lower()
    assert [what for what, _ in traced.reached] == ["read", "checked", "routed", "looked", "paid"]


async def test_the_parts_of_a_stream_are_counted_and_its_end_is_known() -> None:
    last = msgspec.structs.replace(
        said(""), data=b'data: {"id":"c9","model":"own-9","choices":[{"finish_reason":"stop","delta":{}}]}\n\n'
    )
    house = await asked(STREAM, answer=[said("Clause"), said(" 9."), last, counted(), DONE])
    traced = house.event.traced
    assert traced is not None
    assert traced.chunks == 3
    assert (traced.answer.id, traced.answer.model, traced.answer.finish_reasons) == ("c9", "own-9", ("stop",))


async def test_an_answer_that_tells_nothing_of_itself_is_told_all_the_same() -> None:
    house = await asked(EMBED, answer=vectors())
    assert house.event.traced is not None


async def test_log_lines_know_the_span_of_their_request() -> None:
    house = House(OWN, traces=ALL)
    heard: list[str] = []

    def look() -> None:
        current = CURRENT.get()
        assert current is not None
        heard.append(current.trace_id)

    house.upstreams["own"].script(whole())
    house.upstreams["own"].working = look
    await house.ask(headers=[PARENT])
    assert heard == [TRACE]


def test_records_of_before_can_still_be_read() -> None:
    old = {
        "event": "request_finished",
        **dict.fromkeys(("started_at", "status", "input_tokens", "cached_input_tokens", "output_tokens"), 0),
        **dict.fromkeys(("reasoning_tokens", "cost", "latency_ns", "ttft_ns"), 0),
        **dict.fromkeys(("request_id", "key_id", "surface", "requested_model", "tier", "target", "upstream"), ""),
        **dict.fromkeys(("model", "data_class", "error", "reason", "price_source"), ""),
        **dict.fromkeys(("local", "stream", "estimated"), False),
        "outcome": "completed",
        "attempts": [{"target": "own", "error": "", "started_ns": 1, "ended_ns": 2, "cost": 0}],
    }
    event = msgspec.msgpack.decode(msgspec.msgpack.encode(old), type=RequestFinished)
    assert event.traced is None
    assert event.attempts == (Attempt(target="own", error="", started_ns=1, ended_ns=2),)
