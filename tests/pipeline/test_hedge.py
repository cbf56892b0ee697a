"""Two calls race: the caller gets the first answer, both are paid, nothing is left open."""

import asyncio
from typing import Any

import pytest

from homeport.core.errors import ConnectFailed, UpstreamError
from homeport.core.types import Frame, Outcome
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
