"""Streams of a cascade: the beginning is held back, and no byte of one answer is in another."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from homeport.core.errors import ConnectFailed, StreamCut
from homeport.core.types import Frame, Outcome, UpstreamCall
from homeport.pipeline.cascade import CascadePolicy
from homeport.pipeline.dispatch import Resilience
from homeport.pipeline.hedge import HedgePolicy
from homeport.pipeline.retry import RetryPolicy
from tests.fakes.bank import budget
from tests.fakes.cascading import SetJudge, answering, climbing_house, streamed, text_of
from tests.fakes.house import MID, PROMPT, STREAM, TOP
from tests.fakes.upstream import Hang, ScriptedUpstream, spoken

USD = 1_000_000_000
COST = 1_250_000
"""Of one answer of the scripted APIs, in nano-dollars."""


async def test_a_stream_that_breaks_before_it_is_judged_is_a_failure_like_any_other() -> None:
    it = climbing_house(good=("own",))
    it.upstreams["own"].script([*spoken("Clause")[:1], StreamCut("x")])
    it.upstreams["mid"].script(spoken("Clause 9."))
    caller = await it.ask(STREAM)
    assert text_of(STREAM, caller) == "Clause 9."
    assert caller.headers["x-homeport-reason"] == "failover:own:upstream_stream_cut"
    assert "x-homeport-escalation" not in caller.headers
    assert [attempt.error for attempt in it.event.attempts] == ["upstream_stream_cut", ""]


async def test_a_stream_that_breaks_with_nobody_left_to_ask_is_told_as_before() -> None:
    it = climbing_house(good=("own", "mid"))
    for name in ("own", "mid"):
        it.upstreams[name].script([*spoken("Clause")[:1], StreamCut("x")])
    caller = await it.ask(STREAM)
    assert caller.status == 200
    assert b"upstream_stream_cut" in caller.body


class Slow(ScriptedUpstream):
    """Answers when something has happened."""

    def __init__(self, happened: asyncio.Event, answer: Any) -> None:
        super().__init__(answer)
        self._happened = happened

    async def stream(self, call: UpstreamCall) -> AsyncGenerator[Frame, None]:
        await self._happened.wait()
        async for frame in super().stream(call):
            yield frame


async def test_an_open_stream_is_read_on_and_closed_when_a_better_one_begins() -> None:
    it = climbing_house(MID, TOP, budgets=[budget(limit=USD)], looks=CascadePolicy(commit_tokens=2))
    it.upstreams["mid"].script([*spoken("a", "b", "c", "d")[:4], Hang()])

    it.serve("at-top", Slow(it.upstreams["mid"].hanging, spoken("Clause 9.")))
    caller = await it.ask(STREAM)
    assert text_of(STREAM, caller) == "Clause 9."
    lower = it.upstreams["mid"]
    assert (lower.produced, lower.ended, lower.cancelled) == (4, 1, 1)
    attempt = it.event.attempts[0]
    assert attempt.error == "escalated_low_confidence"
    assert attempt.cost >= 8 * 1_000 + 4 * 4_000, "its prompt and four tokens, and what nobody saw"
    assert it.event.estimated
    await it.balanced()


async def test_an_open_stream_goes_on_where_no_better_one_comes() -> None:
    it = climbing_house(MID, TOP, budgets=[budget(limit=USD)], looks=CascadePolicy(commit_tokens=1))
    it.upstreams["mid"].script(spoken("a", "b", "c", "d"))
    it.upstreams["top"].script(ConnectFailed("x"))
    caller = await it.ask(STREAM)
    assert text_of(STREAM, caller) == "abcd"
    assert caller.headers["x-homeport-escalation"] == "kept:mid:low_confidence:0.42<0.55"
    assert (it.event.cost, it.event.estimated) == (COST, False)
    assert it.upstreams["mid"].cancelled == 0
    await it.balanced()


class Gated(ScriptedUpstream):
    """Says one word, and the others when a gate is opened."""

    def __init__(self, gate: asyncio.Event, answer: Any) -> None:
        super().__init__(answer)
        self._gate = gate

    async def stream(self, call: UpstreamCall) -> AsyncGenerator[Frame, None]:
        async for frame in super().stream(call):
            yield frame
            await self._gate.wait()


async def test_who_reads_on_for_nobody_stops_when_somebody_listens() -> None:
    it, gate = climbing_house(MID, TOP, looks=CascadePolicy(commit_tokens=1)), asyncio.Event()
    it.serve("at-mid", Gated(gate, spoken("a", "b", "c")))
    it.upstreams["top"].script(ConnectFailed("x"))
    caller = it.caller(STREAM)
    task = caller.start(it.app)
    while not caller.pieces:
        await asyncio.sleep(0.001)
    gate.set()
    await task
    assert text_of(STREAM, caller) == "abc"


async def test_an_open_stream_that_breaks_after_all_is_told() -> None:
    it = climbing_house(MID, TOP, looks=CascadePolicy(commit_tokens=1))
    it.upstreams["mid"].script([*spoken("a", "b")[:2], StreamCut("x")])
    it.upstreams["top"].script(ConnectFailed("x"))
    caller = await it.ask(STREAM)
    assert caller.status == 200
    assert b"upstream_stream_cut" in caller.body
    assert it.event.outcome is Outcome.FAILED


async def test_a_caller_who_leaves_while_the_beginning_is_held_back_pays_for_it() -> None:
    it = climbing_house(MID, TOP)
    it.upstreams["mid"].script([*spoken("a", "b")[:2], Hang()])
    caller = it.caller(STREAM)
    task = caller.start(it.app)
    await it.upstreams["mid"].hanging.wait()
    caller.leave()
    await task
    event = it.event
    assert (event.outcome, event.target, event.output_tokens) == (Outcome.CANCELLED, "mid", 2)
    assert event.cost == -(-len(PROMPT) // 4) * 1_000 + 2 * 4_000
    assert it.upstreams["mid"].cancelled == 1
    assert (caller.status, caller.pieces) == (0, [])


async def test_a_beginning_that_does_not_come_is_judged_as_it_is() -> None:
    judge = SetJudge("own")
    it = climbing_house(judge=judge, looks=CascadePolicy(commit_tokens=9, commit_seconds=0.01))
    it.upstreams["own"].script([*spoken("a", "b")[:2], Hang()])
    caller = it.caller(STREAM)
    task = caller.start(it.app)
    while not caller.pieces:
        await asyncio.sleep(0.005)
    caller.leave()
    await task
    [(_, answer)] = judge.seen
    assert (answer.text, answer.whole) == ("ab", False)
    assert caller.body.count(b"data: ") == 2


@pytest.mark.parametrize("commit", range(1, 8))
async def test_streams_of_every_length_of_beginning(commit: int) -> None:
    texts = ["Clause", " nine", " ends", " it."]
    for good in ((), ("own",)):
        judge = SetJudge(*good)
        it = climbing_house(judge=judge, looks=CascadePolicy(commit_tokens=commit))
        it.upstreams["own"].script(streamed(*texts))
        it.upstreams["mid"].script(streamed("Better."))
        caller = await it.ask(STREAM)
        assert text_of(STREAM, caller) == ("".join(texts) if good else "Better.")
        [(_, answer)] = judge.seen
        assert answer.text == "".join(texts[:commit])
        assert answer.whole == (commit > 4), "four tokens, and the chunk that says why it ended"
        assert caller.body.endswith(b"data: [DONE]\n\n")


async def test_the_first_byte_is_counted_when_it_is_sent() -> None:
    it = climbing_house(good=("own",))
    it.upstreams["own"].script(spoken("a", "b"))
    it.upstreams["own"].working = lambda: it.clock.advance(7_000)
    await it.ask(STREAM)
    assert it.event.ttft_ns >= 7_000
    assert it.event.output_tokens == 100


async def test_a_stream_without_its_probabilities_is_as_if_they_were_never_asked_for() -> None:
    it = climbing_house(good=("own",), looks=CascadePolicy(commit_tokens=2))
    it.upstreams["own"].script(streamed("a", "b", "c", logprob=-0.1))
    caller = await it.ask(STREAM)
    assert b"logprob" not in caller.body
    assert text_of(STREAM, caller) == "abc"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_hedge_inside_a_tier_is_paid_beside_the_escalation(stream: bool) -> None:
    hedging = Resilience(retry=RetryPolicy(rounds=1), hedge=HedgePolicy(quantile=0.95, budget=1.0))
    it = climbing_house(MID, TOP, resilience=hedging, budgets=[budget(limit=USD)])
    for _ in range(20):
        it.deployments.of(MID).began(1_000_000, 0)
    body = {**STREAM, "stream": stream}
    it.upstreams["mid"].script(Hang(), answering(body, "mid"))
    it.upstreams["top"].script(answering(body, "top"))
    caller = await it.ask(body)
    assert text_of(body, caller) == "top"
    assert it.calls() == ["mid", "mid", "top"]
    codes = [(attempt.target, attempt.error) for attempt in it.event.attempts]
    assert codes == [("mid", "escalated_low_confidence"), ("mid", "hedge_lost"), ("top", "")]
    assert it.event.cost == sum(attempt.cost for attempt in it.event.attempts) + COST
    assert it.deployments.of(MID).outstanding == it.deployments.of(TOP).outstanding == 0
    await it.balanced()
