"""Faults as they are written, the queue and the dice."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import InvalidRequest
from homeport.sim.faults import KINDS, parse
from homeport.sim.reply import Request
from homeport.sim.script import Script, Step
from homeport.sim.server import SimServer
from homeport.sim.settings import Settings
from tests.fakes.sim import CHAT, ask


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        (" ; ", {}),
        ("status", {"status": 500}),
        ("status=429;retry-after=2", {"status": 429, "retry-after": 2}),
        (" Status = 429 , retry_after=2 ", {"status": 429, "retry-after": 2}),
        ("stall=0.5;stall=1", {"stall": 1}),
        ("model=gpt=x", {"model": "gpt=x"}),
        ("model", {"model": "swapped"}),
    ],
)
def test_faults_are_read(text: str, found: dict[str, Any]) -> None:
    assert parse(text) == found


@pytest.mark.parametrize("text", ["x", "status=", "status=abc", "status=200", "stall=-1", "stall=inf", "big=1e12"])
def test_faults_that_cannot_be(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(text)
    assert caught.value.code == "sim_fault_invalid"
    assert caught.value.hint


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(InvalidRequest):
        assert set(parse(text)) <= set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_defaults_are_in_their_own_bounds(name: str) -> None:
    assert parse(name) == {name: KINDS[name].default}


def fates(settings: Settings, many: int = 400) -> list[dict[str, Any]]:
    script = Script(settings)
    return [dict(script.next("/", "").faults) for _ in range(many)]


def test_dice_fall_the_same_way_for_the_same_seed() -> None:
    rates: dict[str, Any] = {"error_rate": 0.2, "stall_rate": 0.1, "cut_rate": 0.1, "missing_usage_rate": 0.3}
    one = fates(Settings(seed=1, **rates))
    assert one == fates(Settings(seed=1, **rates)) != fates(Settings(seed=2, **rates))
    for name, rate in (("status", 0.2), ("stall", 0.1), ("reset", 0.1), ("missing-usage", 0.3)):
        assert sum(name in faults for faults in one) / len(one) == pytest.approx(rate, abs=0.07)


def test_another_rate_does_not_move_the_other_dice() -> None:
    one, two = fates(Settings(error_rate=0.2)), fates(Settings(error_rate=0.2, cut_rate=0.5))
    assert ["status" in faults for faults in one] == ["status" in faults for faults in two]


def test_a_share_of_requests_gets_the_faults() -> None:
    some = fates(Settings(faults="status=503;retry-after=1", fault_rate=0.25))
    assert {tuple(faults) for faults in some} == {(), ("status", "retry-after")}
    assert sum(bool(faults) for faults in some) / len(some) == pytest.approx(0.25, abs=0.07)


def test_the_model_is_swapped_after_so_many() -> None:
    assert ["model" in faults for faults in fates(Settings(swap_model_after=2), 4)] == [False, False, True, True]


def test_latency_has_the_percentiles_asked_for() -> None:
    script = Script(Settings())
    rolls = sorted(script.next("/", "").sigmas for _ in range(4000))
    assert rolls[2000] == pytest.approx(0, abs=0.1)
    assert rolls[3960] == pytest.approx(2.326, abs=0.3)


def test_steps_of_no_requests_are_dropped() -> None:
    script = Script(Settings())
    script.add([Step(faults="status", times=0), Step(faults="status", times=-3)])
    assert script.queued == []


async def test_requests_a_minute() -> None:
    async with SimServer(Settings(rpm=2)) as sim:
        replies = [await ask(sim, CHAT) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert [reply.headers["x-ratelimit-remaining-requests"] for reply in replies] == ["1", "0", "0"]
    assert 1 <= int(replies[2].headers["retry-after"]) <= 60
    assert replies[2].headers["x-ratelimit-limit-requests"] == "2"


async def test_tokens_a_minute() -> None:
    async with SimServer(Settings(tpm=60)) as sim:
        replies = [await ask(sim, CHAT) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[2].headers["x-ratelimit-remaining-tokens"] == "0"
    assert "retry-after" not in replies[0].headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer no"}, 401),
        ({"authorization": "Bearer k"}, 200),
        ({"authorization": "bearer k"}, 200),
        ({"x-api-key": "k"}, 200),
        ({"x-goog-api-key": "k"}, 200),
        ({"api-key": "k"}, 200),
    ],
)
async def test_a_key_can_be_asked_for(headers: dict[str, str], status: int) -> None:
    async with SimServer(Settings(api_key="k")) as sim:
        assert (await ask(sim, CHAT, headers=headers)).status == status


async def test_only_some_models() -> None:
    async with SimServer(Settings(models=("m",), only_models=True)) as sim:
        assert (await ask(sim, CHAT)).status == 200
        reply = await ask(sim, {**CHAT, "model": "other"})
    assert (reply.status, reply.fields["error"]["code"]) == (404, "model_not_found")


def test_a_bad_query_is_no_harm() -> None:
    assert Request(method="GET", path="/", query="%ff=%fe&&=").parameters is not None
