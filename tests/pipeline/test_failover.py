"""Who is asked next, who is waited for, and what the caller is told when nobody answered."""

from typing import Any

import pytest

from homeport.core.errors import (
    BadAnswer,
    ConnectFailed,
    HomeportError,
    StreamCut,
    UpstreamError,
    UpstreamRefused,
    UpstreamTimeout,
)
from homeport.core.types import Outcome
from homeport.pipeline.dispatch import Resilience
from homeport.pipeline.retry import RetryPolicy, may_have_worked
from tests.fakes.house import CHAT, EMBED, MID, OWN, PRIVATE, STREAM, TOP, House, target
from tests.fakes.upstream import Step, counted, said, spoken, whole

BOTH = pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])

LIMITED = UpstreamRefused("slow down", status=429, retryable=True, code="upstream_rate_limited")
RETRYABLE: list[UpstreamError] = [
    ConnectFailed("refused"),
    UpstreamTimeout("late", code="upstream_first_token_timeout"),
    UpstreamRefused("broken", status=500, retryable=True, code="upstream_failed"),
    LIMITED,
    BadAnswer("not JSON"),
    StreamCut("cut"),
]
FINAL = UpstreamRefused("too long", status=400, retryable=False, code="upstream_rejected_request")


def answering(body: dict[str, Any]) -> Any:
    return spoken("Clause 9.") if body is STREAM else whole()


def attempts(house: House) -> list[tuple[str, str]]:
    return [(attempt.target, attempt.error) for attempt in house.event.attempts]


@BOTH
@pytest.mark.parametrize("error", RETRYABLE, ids=repr)
async def test_another_answers(error: UpstreamError, body: dict[str, Any]) -> None:
    house = House(MID, TOP)
    house.upstreams["mid"].script(error)
    house.upstreams["top"].script(answering(body))
    caller = await house.ask(body)
    assert caller.status == 200
    assert caller.headers["x-homeport-model"] == caller.headers["x-homeport-tier"] == "top"
    assert caller.headers["x-homeport-reason"] == f"failover:mid:{error.code}"
    assert house.calls() == ["mid", "top"]
    assert house.upstreams["mid"].ended == house.upstreams["top"].ended == 1
    assert attempts(house) == [("mid", error.code), ("top", "")]
    event = house.event
    assert (event.outcome, event.target, event.reason) == (Outcome.COMPLETED, "top", f"failover:mid:{error.code}")
    assert event.cost == 1_250_000 + event.attempts[0].cost
    assert event.attempts[0].cost == (8_000 if may_have_worked(error) else 0), "a prompt that was worked on is paid"


@BOTH
async def test_all_fail_and_each_was_asked_once(body: dict[str, Any]) -> None:
    house = House(MID, TOP)
    house.upstreams["mid"].script(ConnectFailed("no"))
    house.upstreams["top"].script(LIMITED)
    caller = await house.ask(body)
    assert (caller.status, caller.error["code"]) == (429, "upstream_unavailable")
    assert caller.error["attempts"] == ["mid: upstream_unreachable", "top: upstream_rate_limited"]
    assert "x-homeport-model" not in caller.headers
    assert house.calls() == ["mid", "top"]
    event = house.event
    assert (event.outcome, event.status, event.target, event.cost) == (Outcome.FAILED, 429, "", 0)


@BOTH
async def test_a_callers_mistake_is_not_repeated_elsewhere(body: dict[str, Any]) -> None:
    house = House(MID, TOP)
    house.upstreams["mid"].script(FINAL)
    caller = await house.ask(body)
    assert (caller.status, caller.error["code"]) == (400, "upstream_rejected_request")
    assert house.calls() == ["mid"]
    assert attempts(house) == [("mid", "upstream_rejected_request")]


@pytest.mark.parametrize("begun", [[said("Clause")], [counted()]], ids=["text", "usage"])
async def test_nobody_else_is_asked_after_the_first_frame(begun: list[Step]) -> None:
    house = House(MID, TOP)
    house.upstreams["mid"].script([*begun, StreamCut("cut")])
    house.upstreams["top"].script(spoken("Clause 9."))
    caller = await house.ask(STREAM)
    assert house.calls() == ["mid"]
    assert b"upstream_stream_cut" in caller.pieces[-1]


async def test_an_empty_stream_is_no_answer() -> None:
    house = House(MID, TOP)
    house.upstreams["mid"].script([])
    house.upstreams["top"].script(spoken("Clause 9."))
    await house.ask(STREAM)
    assert attempts(house) == [("mid", "upstream_stream_cut"), ("top", "")]


STATUSES: dict[str, tuple[UpstreamError, int]] = {
    "unreachable": (ConnectFailed("no"), 503),
    "limited": (LIMITED, 429),
    "bad answer": (BadAnswer("no"), 502),
    "cut": (StreamCut("no"), 502),
    "timeout": (UpstreamTimeout("no"), 504),
    "first token": (UpstreamTimeout("no", code="upstream_first_token_timeout"), 504),
    "stalled": (UpstreamTimeout("no", code="upstream_stalled"), 504),
    "our key": (UpstreamRefused("no", status=401, retryable=True, code="upstream_auth_failed"), 503),
    "their fault": (UpstreamRefused("no", status=500, retryable=True, code="upstream_failed"), 503),
}


@pytest.mark.parametrize("case", STATUSES)
async def test_the_status_is_that_of_the_last_attempt(case: str) -> None:
    error, status = STATUSES[case]
    house = House(MID, TOP)
    house.upstreams["mid"].script(BadAnswer("first"))
    house.upstreams["top"].script(error)
    caller = await house.ask()
    assert (caller.status, caller.error["type"]) == (status, "upstream_error")
    assert caller.headers.get("retry-after") == ("1" if status in {429, 503} else None)


async def test_what_waiting_does_not_mend_is_not_told_to_wait() -> None:
    house = House(MID, TOP)
    house.upstreams["mid"].script(UpstreamRefused("no", status=401, retryable=True, code="upstream_auth_failed"))
    house.upstreams["top"].script(UpstreamRefused("no", status=404, retryable=True, code="upstream_model_missing"))
    caller = await house.ask()
    assert (caller.status, caller.error["code"]) == (502, "upstream_unavailable")
    assert caller.error["attempts"] == ["mid: upstream_auth_failed", "top: upstream_model_missing"]
    assert "mend" in caller.error["hint"]
    assert "retry-after" not in caller.headers


async def test_an_engine_that_is_down_is_passed_over() -> None:
    house = House(OWN, MID)
    house.health.down = {"at-own"}
    house.upstreams["mid"].script(whole())
    caller = await house.ask()
    assert caller.headers["x-homeport-reason"] == "failover:own:not_ready"
    assert house.calls() == ["mid"]
    assert house.health.waited == []
    assert attempts(house) == [("own", "not_ready"), ("mid", "")]


@BOTH
async def test_an_engine_is_waited_for_when_nobody_else_answers(body: dict[str, Any]) -> None:
    house = House(OWN, MID, resilience=Resilience(retry=RetryPolicy(rounds=1), restart_wait=7))
    house.health.down = house.health.restarting = {"at-own"}
    house.upstreams["own"].script(answering(body))
    house.upstreams["mid"].script(LIMITED)
    caller = await house.ask(body)
    assert caller.status == 200
    assert caller.headers["x-homeport-model"] == "own"
    assert caller.headers["x-homeport-reason"] == "restarted:own:not_ready"
    assert house.health.waited == [("at-own", 7)]
    assert attempts(house) == [("own", "not_ready"), ("mid", "upstream_rate_limited"), ("own", "")]


async def test_an_engine_that_just_died_is_reported_and_asked_again() -> None:
    house = House(OWN)
    house.health.restarting = {"at-own"}
    house.upstreams["own"].script(ConnectFailed("died"), whole())
    caller = await house.ask()
    assert caller.status == 200
    assert house.health.reported == ["at-own"]
    assert attempts(house) == [("own", "upstream_unreachable"), ("own", "")]


@BOTH
async def test_an_engine_is_not_billed_for_what_others_took(body: dict[str, Any]) -> None:
    house = House(MID, OWN)
    house.clock.advance(10**15)
    house.upstreams["mid"].working = lambda: house.clock.advance(500_000_000_000)
    house.upstreams["mid"].script(ConnectFailed("no"))
    house.upstreams["own"].working = lambda: house.clock.advance(2_000_000_000)
    house.upstreams["own"].script(answering(body))
    await house.ask(body)
    # 2 s of one of two slots at 0.36 USD an hour.
    assert (house.event.target, house.event.cost) == ("own", 100_000)
    durations = [attempt.ended_ns - attempt.started_ns for attempt in house.event.attempts]
    assert durations == [500_000_000_000, 2_000_000_000]
    assert house.event.latency_ns == 502_000_000_000


async def test_an_engine_that_does_not_come_back() -> None:
    house = House(OWN)
    house.health.down = {"at-own"}
    caller = await house.ask()
    assert (caller.status, caller.error["attempts"]) == (503, ["own: not_ready"])
    assert house.calls() == []


async def test_an_engine_that_fails_again_is_not_asked_a_third_time() -> None:
    house = House(OWN)
    house.health.restarting = {"at-own"}
    house.upstreams["own"].script(ConnectFailed("died"))
    caller = await house.ask()
    assert caller.status == 503
    assert house.calls() == ["own", "own"]


async def test_a_mistake_after_a_restart_is_told_as_one() -> None:
    house = House(OWN)
    house.health.restarting = {"at-own"}
    house.upstreams["own"].script(ConnectFailed("died"), FINAL)
    caller = await house.ask()
    assert (caller.status, caller.error["code"]) == (400, "upstream_rejected_request")


@pytest.mark.parametrize("leak", [ConnectionResetError("secret"), TimeoutError(), OSError("secret")])
async def test_what_an_adapter_leaks_is_no_caller_who_left(leak: OSError) -> None:
    house = House(MID, TOP)
    house.upstreams["mid"].script(leak)
    house.upstreams["top"].script(whole())
    caller = await house.ask()
    assert caller.status == 200
    assert attempts(house) == [("mid", "upstream_failed"), ("top", "")]
    assert b"secret" not in caller.body


async def test_only_what_may_be_a_dead_engine_is_reported() -> None:
    house = House(OWN)
    house.upstreams["own"].script(UpstreamRefused("busy", status=503, retryable=True, code="upstream_failed"))
    await house.ask()
    assert (house.health.reported, house.health.waited) == ([], [])


async def test_a_remote_api_is_not_waited_for() -> None:
    house = House(MID)
    house.upstreams["mid"].script(ConnectFailed("no"))
    await house.ask()
    assert house.health.waited == []


@pytest.mark.parametrize("error", RETRYABLE, ids=repr)
async def test_embeddings_stay_with_one_model(error: HomeportError) -> None:
    """Vectors of two models do not mix, so the second model is no answer to a failure of the first."""
    house = House(OWN, target("own2", tier="home", local=True), MID)
    house.upstreams["own"].script(error)
    caller = await house.ask(EMBED, surface="embeddings")
    assert caller.status >= 429
    assert set(house.calls()) == {"own"}


async def test_a_pinned_model_has_no_stand_in() -> None:
    house = House(MID, TOP)
    house.upstreams["mid"].script(ConnectFailed("no"))
    caller = await house.ask({**CHAT, "model": "mid"})
    assert caller.status == 503
    assert house.calls() == ["mid"]


@pytest.mark.parametrize(
    ("asked", "reason"), [("mid", "pinned:mid"), ("alias", "pinned:alias"), ("auto", "static:mid")]
)
async def test_reasons(asked: str, reason: str) -> None:
    house = House(MID, TOP, aliases={"alias": "mid"})
    house.upstreams["mid"].script(whole())
    caller = await house.ask({**CHAT, "model": asked})
    assert caller.headers["x-homeport-reason"] == reason == house.event.reason
    assert house.event.requested_model == asked


async def test_a_tier_tries_its_own_models_only() -> None:
    house = House(target("a", tier="t"), target("b", tier="t"), TOP)
    house.upstreams["a"].script(LIMITED)
    house.upstreams["b"].script(BadAnswer("no"))
    caller = await house.ask({**CHAT, "model": "t"})
    assert (caller.status, house.calls()) == (502, ["a", "b"])


@BOTH
async def test_private_data_waits_at_home_and_is_refused_there(body: dict[str, Any]) -> None:
    house = House(OWN, MID)
    house.upstreams["own"].script(BadAnswer("no"))
    caller = await house.ask(body, token=PRIVATE)
    assert (caller.status, caller.error["code"]) == (503, "private_tier_unavailable")
    assert "own: upstream_bad_answer" in caller.error["message"]
    assert house.calls() == ["own"]
    assert (house.event.outcome, house.event.data_class) == (Outcome.FAILED, "private")


@pytest.mark.parametrize(("lasted_ns", "cost"), [(10_000_000, 0), (30_000_000_000, 8_000)])
async def test_a_connection_that_ends_without_an_answer_is_paid_where_its_server_had_worked(
    lasted_ns: int, cost: int
) -> None:
    house = House(MID, TOP)
    house.upstreams["mid"].working = lambda: house.clock.advance(lasted_ns)
    house.upstreams["mid"].script(StreamCut("closed", code="upstream_disconnected"))
    house.upstreams["top"].script(whole())
    assert (await house.ask()).status == 200
    assert house.event.attempts[0].cost == cost
