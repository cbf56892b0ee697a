"""Requests at a gated engine: the place is held to the last byte, what has none goes on, and nobody is told wrong."""

import asyncio
from typing import Any

import pytest

from homeport.core.errors import ConnectFailed
from homeport.core.types import Outcome
from homeport.pipeline.dispatch import Resilience
from homeport.pipeline.gate import Asker, GatePolicy, Place
from homeport.pipeline.gates import EngineGate
from homeport.pipeline.hedge import HedgePolicy
from homeport.pipeline.limit import Bounds
from homeport.pipeline.retry import RetryPolicy
from tests.fakes.cascading import answering, climbing_house, unsure
from tests.fakes.house import CHAT, MID, OPEN, OWN, PRIVATE, STREAM, TOP, House, target
from tests.fakes.upstream import Hang, said, spoken, whole

BOTH = pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
NOBODY_WAITS = GatePolicy(bounds=Bounds(least=1, most=1, first=1), queue=0)
ONE_WAITS = GatePolicy(bounds=Bounds(least=1, most=1, first=1), queue=1)


def gated(*targets: Any, policy: GatePolicy = NOBODY_WAITS, **more: Any) -> House:
    return House(*targets, gates={"at-own": EngineGate(policy=policy)}, **more)


def answer(body: dict[str, Any]) -> Any:
    return spoken("Clause 9.") if body is STREAM else whole()


async def busy(house: House, body: dict[str, Any] = CHAT) -> "asyncio.Task[Any]":
    """Somebody whose answer does not end."""
    house.upstreams["own"].script([said("a"), Hang()] if body is STREAM else Hang())
    task = asyncio.create_task(house.ask(body))
    await house.upstreams["own"].hanging.wait()
    return task


def in_use(house: House) -> int:
    standing = house.gates.standing(OWN)
    assert standing is not None
    return standing.in_use


async def leave(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@BOTH
async def test_a_place_is_held_to_the_end_of_the_answer(body: dict[str, Any]) -> None:
    house = gated(OWN)
    first = await busy(house, body)
    assert in_use(house) == 1
    await leave(first)
    assert in_use(house) == 0
    house.upstreams["own"].script(answer(body))
    for _ in range(3):
        assert (await house.ask(body)).status == 200
    assert in_use(house) == 0


@BOTH
async def test_what_has_no_place_goes_to_the_next_candidate(body: dict[str, Any]) -> None:
    house = gated(OWN, MID)
    first = await busy(house)
    house.upstreams["mid"].script(answer(body))
    caller = await house.ask(body)
    assert (caller.status, caller.headers["x-homeport-model"]) == (200, "mid")
    assert caller.headers["x-homeport-reason"] == "failover:own:engine_full"
    await leave(first)


@BOTH
async def test_private_data_stays_and_its_caller_is_told_when_to_come_back(body: dict[str, Any]) -> None:
    house = gated(OWN, MID)
    first = await busy(house)
    caller = await house.ask(body, token=PRIVATE)
    assert (caller.status, caller.error["code"]) == (503, "engine_full")
    assert int(caller.headers["retry-after"]) >= 1
    assert "private" in caller.error["message"]
    assert house.calls() == ["own"]
    await leave(first)


async def test_nothing_is_repeated_and_nothing_is_waited_for_where_there_is_no_place() -> None:
    house = gated(OWN, resilience=Resilience(retry=RetryPolicy(rounds=3)))
    first = await busy(house)
    caller = await house.ask()
    assert caller.status == 503
    assert caller.error["attempts"] == ["own: engine_full"]
    assert house.slept == []
    await leave(first)


async def test_a_full_engine_does_not_open_its_circuit() -> None:
    house = gated(OWN)
    first = await busy(house)
    for _ in range(20):
        assert (await house.ask()).error["code"] == "engine_full"
    await leave(first)
    house.upstreams["own"].script(whole())
    assert (await house.ask()).status == 200


async def test_a_replica_with_room_is_asked_and_that_is_no_failure() -> None:
    other = target("own", tier="home", local=True, price=OWN.price, upstream="at-other")
    house = House(OWN, other, gates={name: EngineGate(policy=NOBODY_WAITS) for name in ("at-own", "at-other")})
    upstream = house.upstreams["own"]
    house.serve("at-own", upstream)
    house.serve("at-other", upstream)
    first = await busy(house)
    upstream.hanging.clear()
    second = asyncio.create_task(house.ask())
    await upstream.hanging.wait()
    caller = await house.ask()
    assert caller.error["attempts"] == ["own: engine_full", "own: engine_full"]
    await leave(first)
    upstream.script(whole())
    caller = await house.ask()
    assert (caller.status, caller.headers["x-homeport-reason"]) == (200, "static:home")
    await leave(second)


async def test_a_caller_who_leaves_the_queue_pays_nothing() -> None:
    house = gated(OWN, policy=ONE_WAITS)
    first = await busy(house)
    second = asyncio.create_task(house.ask())
    while not house.gates.standings()["at-own"].waiting:
        await asyncio.sleep(0)
    await leave(second)
    event = house.event
    assert (event.outcome, event.cost, event.target) == (Outcome.CANCELLED, 0, "")
    assert house.gates.standings()["at-own"].waiting == 0
    await leave(first)
    assert in_use(house) == 0


async def test_a_call_that_fails_gives_its_place_back() -> None:
    house = gated(OWN, MID)
    house.upstreams["own"].script(ConnectFailed("no"))
    house.upstreams["mid"].script(whole())
    assert (await house.ask()).status == 200
    assert in_use(house) == 0


async def test_a_key_that_has_its_share_gets_429_and_others_503() -> None:
    house = gated(OWN, policy=GatePolicy(bounds=Bounds(least=3, most=3, first=3), queue=0))
    mine = [await busy(house)]
    house.upstreams["own"].hanging.clear()
    mine.append(await busy(house))
    gate = house.gates._of(OWN)
    assert gate is not None
    others = gate.ask(Asker(key_id="key_b", flow="key_b"), house.clock.monotonic_ns())
    assert isinstance(others, Place)
    for token, status, code in ((OPEN, 429, "engine_share_used"), (PRIVATE, 503, "engine_full")):
        caller = await house.ask(token=token)
        assert (caller.status, caller.error["code"]) == (status, code)
        assert int(caller.headers["retry-after"]) >= 1
    others.leave(house.clock.monotonic_ns())
    for task in mine:
        await leave(task)
    assert in_use(house) == 0


@BOTH
async def test_an_answer_that_is_set_aside_keeps_its_place_until_it_ends(body: dict[str, Any]) -> None:
    house = climbing_house(OWN, TOP, good=("top",), gates={"at-own": EngineGate(policy=NOBODY_WAITS)})
    house.upstreams["own"].script(unsure() if body is CHAT else spoken("Clause 3?"))
    house.upstreams["top"].script(answering(body, "Clause 9."))
    for _ in range(3):
        assert (await house.ask(body)).status == 200
    assert in_use(house) == 0


async def test_an_engine_without_a_gate_is_asked_as_often_as_requests_come() -> None:
    house = House(OWN)
    first = await busy(house)
    assert house.gates.standing(OWN) is None
    house.upstreams["own"].script(whole())
    assert (await house.ask()).status == 200
    await leave(first)


@BOTH
async def test_an_answer_that_is_given_after_all_is_load_until_its_end(body: dict[str, Any]) -> None:
    house = climbing_house(OWN, TOP, good=("top",), gates={"at-own": EngineGate(policy=NOBODY_WAITS)})
    house.upstreams["own"].script(unsure() if body is CHAT else spoken("Clause 3?"))
    house.upstreams["top"].script(ConnectFailed("no"))
    for _ in range(2):
        caller = await house.ask(body)
        assert (caller.status, caller.headers["x-homeport-model"]) == (200, "own")
    assert in_use(house) == 0


async def test_a_stream_that_was_set_aside_before_its_end_and_is_given_after_all_has_its_place_to_its_end() -> None:
    house = climbing_house(OWN, TOP, good=("top",), gates={"at-own": EngineGate(policy=NOBODY_WAITS)})
    beginning = [said("word ") for _ in range(40)]  # more than is held back, so it is judged before its end
    house.upstreams["top"].script(ConnectFailed("no"))
    house.upstreams["own"].script([*beginning, Hang()])
    first = asyncio.create_task(house.ask(STREAM))
    await house.upstreams["own"].hanging.wait()
    assert (in_use(house), house.deployments.of(OWN).outstanding > 0) == (1, True)
    assert (await house.ask(STREAM)).status == 503
    await leave(first)
    for _ in range(2):
        house.upstreams["own"].script([*beginning, *spoken("end")])
        caller = await house.ask(STREAM)
        assert (caller.status, caller.headers["x-homeport-model"]) == (200, "own")
        assert (in_use(house), house.deployments.of(OWN).outstanding) == (0, 0)


@BOTH
@pytest.mark.parametrize("leaves", ["leave", "cancel"])
async def test_at_whatever_moment_a_caller_leaves_its_place_is_the_next_ones(body: dict[str, Any], leaves: str) -> None:
    gates = {"at-own": EngineGate(policy=GatePolicy(bounds=Bounds(least=4, most=4, first=4)))}
    hedging = Resilience(hedge=HedgePolicy(quantile=0.5, budget=1.0))
    hedged = House(OWN, gates=gates, resilience=hedging)
    climbing = climbing_house(OWN, TOP, good=("top",), gates=gates, resilience=hedging)
    climbing.upstreams["top"].script(answering(body, "Clause 9."))
    answered = 0
    for house in (hedged, climbing):
        house.upstreams["own"].script(unsure() if body is CHAT else spoken("Clause 3?"))
        for _ in range(24):  # after which it is known how long an answer takes, so that they are hedged
            await house.ask(body)
        for turns in range(80):
            caller = house.caller(body)
            task = asyncio.create_task(caller.call(house.app))
            for _ in range(turns):
                await asyncio.sleep(0)
            caller.leave() if leaves == "leave" else task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            answered += caller.finished
            assert (in_use(house), house.deployments.of(OWN).outstanding) == (0, 0), f"left after {turns} turns"
    assert 0 < answered < 160, "some leave before the end, and some after it"


async def test_a_call_that_cannot_be_put_together_gives_its_place_back() -> None:
    own = target("own", tier="home", local=True, price=OWN.price, salted_by="key")
    house = House(own, salter=None, gates={"at-own": EngineGate(policy=NOBODY_WAITS)})
    assert (await house.ask()).status == 500
    assert in_use(house) == 0


async def test_asking_another_replica_is_no_repetition_where_the_first_had_no_place() -> None:
    other = target("own", tier="home", local=True, price=OWN.price, upstream="at-other")
    no_repetitions = Resilience(retry=RetryPolicy(rounds=1, budget=0, reserve=0))
    gates = {name: EngineGate(policy=NOBODY_WAITS) for name in ("at-own", "at-other")}
    house = House(OWN, other, gates=gates, resilience=no_repetitions)
    upstream = house.upstreams["own"]
    for name in gates:
        house.serve(name, upstream)
    upstream.script(whole())
    full = house.gates._of(OWN)
    assert full is not None
    full.ask(Asker(key_id="key_b", flow="key_b"), 0)
    for _ in range(20):
        assert (await house.ask()).status == 200, "whichever replica it is sent to first"
