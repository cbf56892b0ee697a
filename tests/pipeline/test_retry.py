"""The same upstream again: when, after how long, and how often at most."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import BadAnswer, ConnectFailed, StreamCut, UpstreamError, UpstreamRefused, UpstreamTimeout
from homeport.pipeline.dispatch import Resilience
from homeport.pipeline.retry import RetryBudget, RetryPolicy, pause_s, worth_repeating
from tests.fakes.house import CHAT, MID, OWN, STREAM, TOP, House
from tests.fakes.upstream import spoken, whole

BOTH = pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
PATIENT = Resilience(retry=RetryPolicy(rounds=3))


def refused(status: int, retry_after: int = 0) -> UpstreamRefused:
    return UpstreamRefused("no", status=status, retryable=True, code="upstream_failed", retry_after=retry_after)


def answering(body: dict[str, Any]) -> Any:
    return spoken("Clause 9.") if body is STREAM else whole()


@BOTH
@pytest.mark.parametrize(
    "error", [ConnectFailed("no"), refused(500), refused(503), refused(529), StreamCut("cut")], ids=repr
)
async def test_a_moment_later_it_may_do_better(error: UpstreamError, body: dict[str, Any]) -> None:
    house = House(MID, resilience=PATIENT)
    house.health.keep_ready = True
    house.upstreams["mid"].script(error, error, answering(body))
    caller = await house.ask(body)
    assert caller.status == 200
    assert house.calls() == ["mid"] * 3
    assert len(house.slept) == 2
    assert all(0 <= slept <= 0.2 for slept in house.slept)
    assert caller.headers["x-homeport-reason"] == f"again:mid:{error.code}"


@BOTH
@pytest.mark.parametrize(
    "error",
    [UpstreamTimeout("late", code="upstream_first_token_timeout"), BadAnswer("?"), refused(401), refused(404)],
    ids=repr,
)
async def test_what_would_fail_again_is_not_repeated(error: UpstreamError, body: dict[str, Any]) -> None:
    house = House(MID, resilience=PATIENT)
    house.upstreams["mid"].script(error)
    await house.ask(body)
    assert house.calls() == ["mid"]
    assert house.slept == []


async def test_retry_after_is_waited_for() -> None:
    house = House(MID, resilience=PATIENT)
    house.upstreams["mid"].script(refused(429, retry_after=3), whole())
    assert (await house.ask()).status == 200
    assert house.slept == [pytest.approx(3.0)]


async def test_a_timer_that_is_early_is_set_again() -> None:
    """The loop's timers count in milliseconds; the upstream would be asked too early, or not at all."""
    house = House(MID, resilience=PATIENT)
    house.early_ns = 400_000
    house.upstreams["mid"].script(refused(429, retry_after=3), whole())
    assert (await house.ask()).status == 200
    assert house.slept == [pytest.approx(3.0), pytest.approx(0.0014)]


async def test_a_long_retry_after_is_passed_on() -> None:
    house = House(MID, resilience=PATIENT)
    limited = UpstreamRefused("no", status=429, retryable=True, code="upstream_rate_limited", retry_after=40)
    house.upstreams["mid"].script(limited)
    caller = await house.ask()
    assert (caller.status, caller.headers["retry-after"]) == (429, "40")
    assert house.calls() == ["mid"]
    again = await house.ask()
    assert (again.status, again.error["attempts"]) == (429, ["mid: cooling_down"])
    assert house.calls() == ["mid"], "who said when to come back is not asked before"


async def test_the_deadline_ends_the_retries() -> None:
    house = House(MID, resilience=PATIENT)
    house.upstreams["mid"].script(refused(429, retry_after=3))
    caller = await house.ask(headers=[("x-homeport-timeout", "2.5")])
    assert caller.status == 503
    assert house.calls() == ["mid"]
    [call] = house.upstreams["mid"].calls
    assert call.timeouts.total == pytest.approx(2.5)
    assert call.timeouts.first_token == pytest.approx(2.5)


@BOTH
async def test_nobody_is_asked_when_the_deadline_has_passed(body: dict[str, Any]) -> None:
    """It would get the prompt, and bill it, and could not answer in time."""
    house = House(MID, TOP, resilience=PATIENT)
    house.upstreams["mid"].working = lambda: house.clock.advance(2_000_000_000)
    house.upstreams["mid"].script(UpstreamTimeout("late", code="upstream_total_timeout"))
    house.upstreams["top"].script(answering(body))
    caller = await house.ask(body, headers=[("x-homeport-timeout", "2")])
    assert house.calls() == ["mid"]
    assert caller.status == 504
    assert caller.error["attempts"] == ["mid: upstream_total_timeout", "top: deadline_exceeded"]


async def test_an_engine_that_restarts_too_late_is_not_asked() -> None:
    house = House(OWN, resilience=PATIENT)
    house.upstreams["own"].working = lambda: house.clock.advance(2_000_000_000)
    house.upstreams["own"].script(StreamCut("cut"), whole())
    house.health.restarting.add("at-own")
    caller = await house.ask(headers=[("x-homeport-timeout", "2")])
    assert house.calls() == ["own"]
    assert caller.status == 502


@pytest.mark.parametrize("value", ["", "0", "-1", "nan", "inf", "1e3", "two", "1 2", "9" * 20, "\x1f3", "3\x0c"])
async def test_a_deadline_that_is_none(value: str) -> None:
    house = House(MID)
    caller = await house.ask(headers=[("x-homeport-timeout", value)])
    assert (caller.status, caller.error["code"]) == (400, "timeout_invalid")
    assert house.calls() == []


async def test_others_are_asked_before_the_same_again() -> None:
    house = House(MID, TOP, resilience=PATIENT)
    house.upstreams["mid"].script(refused(500))
    house.upstreams["top"].script(whole())
    await house.ask()
    assert house.calls() == ["mid", "top"]
    assert house.slept == []


async def test_the_budget_bounds_repetitions_but_not_failover() -> None:
    house = House(MID, resilience=Resilience(retry=RetryPolicy(rounds=3, budget=0.2, reserve=2)))
    house.deployments.of(MID).breaker.allows = lambda now: True  # type: ignore[method-assign]  # the budget alone is under test
    house.upstreams["mid"].script(refused(500))
    for _ in range(10):
        await house.ask()
    repeated = len(house.calls()) - 10
    assert repeated <= 2 + 10 * 0.2

    other = House(MID, TOP, resilience=Resilience(retry=RetryPolicy(rounds=1, budget=0, reserve=0)))
    other.upstreams["mid"].script(refused(500))
    other.upstreams["top"].script(whole())
    assert [(await other.ask()).status for _ in range(4)] == [200] * 4


async def test_an_open_circuit_answers_at_once_and_says_when() -> None:
    house = House(MID)
    house.upstreams["mid"].script(refused(500))
    for _ in range(5):
        await house.ask()
    caller = await house.ask()
    assert house.calls() == ["mid"] * 5
    assert (caller.status, caller.error["attempts"]) == (503, ["mid: circuit_open"])
    assert caller.headers["retry-after"] == "5"
    house.clock.advance(5_000_000_000)
    house.upstreams["mid"].script(whole())
    assert (await house.ask()).status == 200


async def test_nobody_waits_for_an_open_circuit() -> None:
    house = House(MID, resilience=PATIENT)
    house.upstreams["mid"].script(refused(500))
    for _ in range(3):
        await house.ask()
    assert house.deployments.of(MID).breaker.is_open
    house.slept.clear()
    caller = await house.ask()
    assert (caller.status, house.slept) == (503, [])


async def test_a_callers_mistakes_open_no_circuit() -> None:
    house = House(MID)
    house.upstreams["mid"].script(UpstreamRefused("bad", status=400, retryable=False))
    for _ in range(20):
        assert (await house.ask()).status == 400
    assert len(house.calls()) == 20


async def test_streams_that_break_open_the_circuit() -> None:
    house = House(MID)
    house.upstreams["mid"].script([*spoken("Clause")[:1], StreamCut("cut")])
    for _ in range(5):
        await house.ask(STREAM)
    assert house.deployments.of(MID).breaker.is_open


async def test_load_is_given_back_however_a_request_ends() -> None:
    house = House(MID, OWN)
    for answer in (whole(), refused(500), BadAnswer("?"), UpstreamRefused("bad", status=400, retryable=False)):
        house.upstreams["mid"].script(answer)
        house.upstreams["own"].script(whole())
        await house.ask()
    house.upstreams["mid"].script([*spoken("Clause")[:1], StreamCut("cut")])
    await house.ask(STREAM)
    assert house.deployments.of(MID).outstanding == house.deployments.of(OWN).outstanding == 0


@given(st.integers(0, 9), st.floats(0, 100), st.floats(0, 1))
def test_pauses(number: int, retry_after: float, dice: float) -> None:
    policy = RetryPolicy()
    pause = pause_s(policy, number, retry_after, dice)
    assert retry_after <= pause <= max(retry_after, policy.base * 2**number)


@given(st.lists(st.booleans(), max_size=200))
def test_a_budget_is_never_overdrawn(asks: list[bool]) -> None:
    policy = RetryPolicy(budget=0.2, reserve=5)
    budget, taken, deposits = RetryBudget(policy), 0, 0
    for ask in asks:
        if ask:
            taken += budget.withdraw()
        else:
            budget.deposit()
            deposits += 1
    assert taken <= policy.reserve + policy.budget * deposits + 1e-6


def test_who_may_be_asked_again() -> None:
    assert worth_repeating(refused(408))
    assert not worth_repeating(refused(403))
