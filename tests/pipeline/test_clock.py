"""The wall clock steps back and forward, as time servers make it; everything that is a span is measured by another."""

import pytest

from homeport.core.errors import UpstreamError
from tests.fakes.house import CHAT, MID, STREAM, House
from tests.fakes.upstream import DONE, counted, said, whole

HOUR = 3_600 * 10**9
JUMPS = pytest.mark.parametrize("jump", [-24 * HOUR, -1, 24 * HOUR, 365 * 24 * HOUR])


@JUMPS
@pytest.mark.parametrize("stream", [False, True])
async def test_a_wall_clock_that_jumps_changes_no_time_and_no_deadline(jump: int, stream: bool) -> None:
    """The row begins when the caller asked, by the clock of then, and lasts as long as it did."""
    house = House(MID)
    began = house.clock.wall

    def work() -> None:
        house.clock.monotonic += 3 * 10**9
        house.clock.wall += jump

    house.upstreams["mid"].working = work
    house.upstreams["mid"].script([said("a"), counted(), DONE] if stream else whole())
    caller = await house.ask(STREAM if stream else CHAT, headers=[("x-homeport-timeout", "10")])
    assert caller.status == 200
    event = house.event
    assert (event.started_at, event.latency_ns) == (began, 3 * 10**9)
    (attempt,) = event.attempts
    assert attempt.ended_ns - attempt.started_ns == 3 * 10**9
    assert house.upstreams["mid"].calls[0].timeouts.total == pytest.approx(10)


@JUMPS
async def test_a_wall_clock_that_jumps_opens_and_closes_no_circuit(jump: int) -> None:
    house = House(MID)
    house.upstreams["mid"].script(*[UpstreamError("no")] * 5, whole())
    for _ in range(5):
        await house.ask()
    house.clock.wall += jump
    assert (await house.ask()).error["attempts"] == ["mid: circuit_open"]
    house.clock.monotonic += 6 * 10**9
    assert (await house.ask()).status == 200
