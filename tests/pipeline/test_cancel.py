"""The caller leaves: the upstream is cancelled at once, and what it did is in the ledger."""

import asyncio
from typing import Any

import pytest

from homeport.core.errors import ConnectFailed
from homeport.core.types import Outcome, UpstreamCall
from tests.fakes.health import SetHealth
from tests.fakes.house import CHAT, EMBED, MID, OWN, PROMPT, STREAM, House
from tests.fakes.upstream import Hang, said
from tests.fakes.wire import Caller

INPUT_TOKENS = -(-len(PROMPT) // 4)


def check_cancelled(house: House, output_tokens: int) -> None:
    event = house.event
    assert (event.outcome, event.status, event.error) == (Outcome.CANCELLED, 499, "")
    assert (event.target, event.estimated) == ("mid", True)
    assert (event.input_tokens, event.output_tokens) == (INPUT_TOKENS, output_tokens)
    assert event.cost == INPUT_TOKENS * 1_000 + output_tokens * 4_000
    upstream = house.upstreams["mid"]
    assert (len(upstream.calls), upstream.ended, upstream.cancelled) == (1, 1, 1)
    assert house.admission.in_flight == 0
    assert b"homeport_requests_in_flight 0.0" in house.metrics.page()


async def gone(house: House, caller: Caller, task: asyncio.Task[Caller]) -> None:
    caller.leave()
    await task
    assert asyncio.all_tasks() == {asyncio.current_task()}, "a task is left"


@pytest.mark.parametrize(
    ("body", "surface"), [(CHAT, "chat/completions"), (STREAM, "chat/completions"), (EMBED, "embeddings")]
)
async def test_while_the_upstream_thinks(body: dict[str, Any], surface: str) -> None:
    house = House(MID)
    house.upstreams["mid"].script(Hang())
    caller = house.caller(body, surface=surface)
    task = caller.start(house.app)
    await house.upstreams["mid"].hanging.wait()
    await gone(house, caller, task)
    check_cancelled(house, output_tokens=0)
    assert (caller.status, caller.pieces) == (0, [])


async def test_in_the_middle_of_a_stream() -> None:
    house = House(MID)
    house.upstreams["mid"].script([said("a"), said("b"), Hang()])
    caller = house.caller(STREAM)
    task = caller.start(house.app)
    await house.upstreams["mid"].hanging.wait()
    await gone(house, caller, task)
    check_cancelled(house, output_tokens=2)
    assert caller.pieces == [said("a").data, said("b").data]
    assert not caller.finished


async def test_while_the_caller_does_not_read() -> None:
    house = House(MID)
    house.upstreams["mid"].script([said("a"), said("b"), said("c")])
    caller = house.caller(STREAM)
    caller.slow = True
    task = caller.start(house.app)
    await caller.writing.wait()
    await gone(house, caller, task)
    check_cancelled(house, output_tokens=1)


async def test_while_sending_the_body() -> None:
    house = House(MID)
    caller = house.caller(b'{"model":', more=True)
    task = caller.start(house.app)
    await caller.listening.wait()
    await gone(house, caller, task)
    event = house.event
    assert (event.outcome, event.status, event.target, event.cost) == (Outcome.CANCELLED, 499, "", 0)
    assert (house.calls(), caller.status) == ([], 0)


async def test_while_waiting_for_an_engine() -> None:
    class Waiting(SetHealth):
        def __init__(self) -> None:
            super().__init__()
            self.asked = asyncio.Event()

        async def wait_ready(self, upstream: str, timeout: float) -> bool:
            self.asked.set()
            await asyncio.Event().wait()
            return True

    health = Waiting()
    house = House(OWN, health=health)
    house.upstreams["own"].script(ConnectFailed("died"))
    caller = house.caller()
    task = caller.start(house.app)
    await health.asked.wait()
    await gone(house, caller, task)
    event = house.event
    assert (event.outcome, event.target, event.cost, event.input_tokens) == (Outcome.CANCELLED, "", 0, 0)
    assert house.admission.in_flight == 0


async def test_a_wire_that_breaks_while_it_is_written_to() -> None:
    house = House(MID)
    house.upstreams["mid"].script([said("a"), said("b")])
    caller = house.caller(STREAM)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise ConnectionResetError("gone")
        await caller.send(message)

    await house.app(caller.scope, caller.receive, send)
    check_cancelled(house, output_tokens=1)


async def test_a_server_that_stops_is_obeyed() -> None:
    """Only the caller's leaving is swallowed; a cancellation from above goes on upward."""
    house = House(MID)
    house.upstreams["mid"].script(Hang())
    task = house.caller().start(house.app)
    await house.upstreams["mid"].hanging.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    check_cancelled(house, output_tokens=0)


async def test_leaving_after_the_answer_changes_nothing() -> None:
    house = House(MID)
    caller = house.caller(b"{}")
    await caller.call(house.app)
    caller.leave()
    await asyncio.sleep(0)
    assert house.event.outcome is Outcome.REJECTED
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_one_caller_leaving_leaves_the_others_alone() -> None:
    house = House(MID)
    taken: list[UpstreamCall] = house.upstreams["mid"].calls
    house.upstreams["mid"].script(Hang(), [said("a")])
    first, second = house.caller(STREAM), house.caller(STREAM)
    task = first.start(house.app)
    await house.upstreams["mid"].hanging.wait()
    await second.call(house.app)
    first.leave()
    await task
    assert len(taken) == 2
    assert [event.outcome for event in house.recorder.events] == [Outcome.COMPLETED, Outcome.CANCELLED]
    assert second.body.endswith(b"[DONE]\n\n")
