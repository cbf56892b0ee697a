"""Two calls race: the caller gets the first answer, both are paid, nothing is left open."""

import asyncio
import math
import random
from typing import Any

import pytest

from homeport.core.errors import ConnectFailed, UpstreamError, UpstreamTimeout
from homeport.core.types import Frame, Outcome
from homeport.pipeline.breaker import BreakerPolicy
from homeport.pipeline.deployments import Deployment
from homeport.pipeline.dispatch import Resilience
from homeport.pipeline.hedge import HedgeBudget, HedgePolicy, race
from homeport.pipeline.retry import RetryPolicy
from tests.fakes.house import CHAT, MID, STREAM, House
from tests.fakes.upstream import Hang, spoken, whole

BOTH = pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
HEDGING = Resilience(retry=RetryPolicy(rounds=1), hedge=HedgePolicy(quantile=0.95, budget=1.0))


def answering(body: dict[str, Any]) -> Any:
    return spoken("Clause 9.") if body is STREAM else whole()


async def warm(body: dict[str, Any], resilience: Resilience = HEDGING) -> House:
    """A house that knows how long the first token takes: about 10 ms."""
    house = House(MID, resilience=resilience)
    house.upstreams["mid"].script(answering(body))
    house.upstreams["mid"].working = lambda: house.clock.advance(10_000_000)
    for _ in range(20):
        await house.ask(body)
    house.recorder.events.clear()
    house.observed.events.clear()
    house.upstreams["mid"].calls.clear()
    return house


@BOTH
async def test_the_second_call_answers_and_both_are_paid(body: dict[str, Any]) -> None:
    house = await warm(body)
    house.upstreams["mid"].script(Hang(), answering(body))
    caller = await house.ask(body)
    assert caller.status == 200
    assert caller.headers["x-homeport-reason"] == "hedge:mid"
    assert house.calls() == ["mid", "mid"]
    assert house.upstreams["mid"].cancelled == 1
    assert [attempt.error for attempt in house.event.attempts] == ["", "hedge_lost"]
    lost = house.event.attempts[1]
    assert lost.cost == 8_000, "a prompt of 31 characters at 1,000,000 pico-dollars a token"
    assert house.event.cost == 1_250_000 + lost.cost
    assert house.event.estimated
    assert house.deployments.of(MID).outstanding == 0


@BOTH
async def test_a_quick_answer_starts_no_second_call(body: dict[str, Any]) -> None:
    house = await warm(body)
    await house.ask(body)
    assert house.calls() == ["mid"]
    assert [attempt.error for attempt in house.event.attempts] == [""]


async def test_without_a_budget_nothing_is_hedged() -> None:
    house = await warm(CHAT, Resilience(hedge=HedgePolicy(quantile=0.95, budget=0.0)))
    house.upstreams["mid"].script(whole())
    budget = HedgeBudget(HedgePolicy(budget=0.0))
    assert [budget.withdraw() for _ in range(3)] == [True, False, False], "one is there at the start"


@BOTH
async def test_a_caller_who_leaves_cancels_both(body: dict[str, Any]) -> None:
    house = await warm(body)
    house.upstreams["mid"].script(Hang())
    caller = house.caller(body)
    task = asyncio.create_task(caller.call(house.app))
    while len(house.upstreams["mid"].calls) < 2:
        await asyncio.sleep(0.005)
    caller.leave()
    await task
    assert house.upstreams["mid"].cancelled == 2
    assert house.event.outcome is Outcome.CANCELLED
    assert [attempt.error for attempt in house.event.attempts] == ["hedge_lost"]
    assert house.event.cost == 2 * 8_000


async def test_an_answer_that_comes_too_late_is_closed() -> None:
    """Both answer in one turn of the event loop."""
    closed: list[str] = []
    both = asyncio.Event()

    async def first() -> str:
        await both.wait()
        return "first"

    async def second() -> str:
        both.set()
        return "second"

    async def discard(name: str) -> None:
        closed.append(name)

    answer, second_won = await race(first, second, wait=0, may_hedge=lambda: True, discard=discard)
    assert {answer, *closed} == {"first", "second"}
    assert second_won == (answer == "second")


async def fails() -> Frame:
    raise ConnectFailed("no")


async def hangs() -> Frame:
    await asyncio.Event().wait()
    raise AssertionError


async def says() -> Frame:
    return Frame(data=b"x")


async def nothing(_: Frame) -> None: ...


async def test_one_failure_does_not_end_the_race() -> None:
    async def fails_late() -> Frame:
        await asyncio.sleep(0.02)
        return await fails()

    async def says_later() -> Frame:
        await asyncio.sleep(0.04)
        return await says()

    answer, second_won = await race(fails_late, says_later, wait=0.001, may_hedge=lambda: True, discard=nothing)
    assert (answer.data, second_won) == (b"x", True)


async def test_a_first_call_that_fails_before_the_second_began_ends_it() -> None:
    with pytest.raises(UpstreamError):
        await race(fails, says, wait=1, may_hedge=lambda: True, discard=nothing)


def first_slow_then_quick(house: House) -> None:
    """The next call takes 400 ms of the clock, the one after it 10 ms."""
    waits = iter([400, 10])
    house.upstreams["mid"].working = lambda: house.clock.advance(next(waits) * 1_000_000)


@BOTH
async def test_a_call_that_lost_counts_as_a_late_one(body: dict[str, Any]) -> None:
    house = await warm(body)
    house.upstreams["mid"].script(Hang(), answering(body))
    first_slow_then_quick(house)
    await house.ask(body)
    assert house.event.reason == "hedge:mid"
    latest = house.deployments.of(MID).quantile_s(0.999)
    assert latest == pytest.approx(0.41), "it was given up after 410 ms, when the second answered"


@BOTH
async def test_a_call_that_timed_out_counts_as_a_late_one(body: dict[str, Any]) -> None:
    house = await warm(body, Resilience(retry=RetryPolicy(rounds=1), hedge=HedgePolicy(quantile=0.95, budget=0.0)))
    late = UpstreamTimeout("no", code="upstream_first_token_timeout")
    house.upstreams["mid"].script(late)
    house.upstreams["mid"].working = lambda: house.clock.advance(400_000_000)
    await house.ask(body)
    assert house.deployments.of(MID).quantile_s(0.999) == pytest.approx(0.4)


@BOTH
async def test_a_caller_who_leaves_early_says_nothing_about_the_upstream(body: dict[str, Any]) -> None:
    house = await warm(body)
    house.upstreams["mid"].script(Hang())
    house.upstreams["mid"].working = lambda: None
    caller = house.caller(body)
    task = asyncio.create_task(caller.call(house.app))
    await house.upstreams["mid"].hanging.wait()
    caller.leave()
    await task
    assert house.deployments.of(MID).quantile_s(0.0) == pytest.approx(0.01), "no sample of 0 ms"


@pytest.mark.parametrize(("stalled", "p99_ms"), [(0.05, 600), (0.02, 400), (0.0, 350)])
def test_the_wait_stays_where_one_call_in_twenty_is_late(stalled: float, p99_ms: int) -> None:
    """A long run of races against log-normal first tokens (p50 80 ms, p99 300 ms), some of which take 3 s more."""
    dice = random.Random(5)
    deployment, budget = Deployment(BreakerPolicy()), HedgeBudget(HedgePolicy(quantile=0.95))
    seen, second_calls = [], 0

    def first_token() -> float:
        return (3.0 if dice.random() < stalled else 0.0) + dice.lognormvariate(math.log(0.08), 0.568)

    for _ in range(5_000):
        budget.deposit()
        wait, first, second = deployment.quantile_s(0.95), first_token(), first_token()
        seconds = first
        if wait is not None and first > wait and budget.withdraw():
            second_calls += 1
            if wait + second < first:
                seconds = wait + second
                deployment.outlasted(round(seconds * 1e9))
                first = second
        deployment.began(round(first * 1e9), 0)
        seen.append(seconds)
    assert 0.045 * len(seen) < second_calls < 0.065 * len(seen)
    assert sorted(seen)[round(0.99 * len(seen))] * 1e3 < p99_ms
