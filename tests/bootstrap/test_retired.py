"""Upstreams of a former configuration are closed when the last request that uses them is over."""

import asyncio
import logging

import pytest
from tests.fakes.house import MID, STREAM, House
from tests.fakes.upstream import Hang, ScriptedUpstream, said

from homeport.bootstrap.retired import Retired
from homeport.pipeline.occupancy import Occupancy


async def settled() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_one_that_nobody_uses_is_closed_at_once() -> None:
    retired, upstream = Retired(), ScriptedUpstream()
    retired.add([upstream], Occupancy())
    await settled()
    assert upstream.closed


async def test_an_open_stream_keeps_its_upstream() -> None:
    house, retired = House(MID), Retired()
    upstream = house.upstreams["mid"]
    upstream.script([said("Clause "), Hang()])
    caller = house.caller(STREAM)
    answering = asyncio.create_task(caller.call(house.app))
    await upstream.hanging.wait()
    retired.add([upstream], house.use)
    await settled()
    closed_early = upstream.closed
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)
    await settled()
    assert (closed_early, upstream.closed) == (False, True)
    assert upstream.ended == 1


async def test_the_end_of_the_process_waits_for_nobody_and_closes_each_once() -> None:
    retired, used, use = Retired(), ScriptedUpstream(), Occupancy()
    with use:
        retired.add([used], use)
        await retired.close()
        assert used.closed
        used.closed = False
    await settled()
    assert not used.closed, "it was closed twice"


async def test_one_that_cannot_be_closed_keeps_no_other_open(caplog: pytest.LogCaptureFixture) -> None:
    class Stuck(ScriptedUpstream):
        async def close(self) -> None:
            raise OSError("no")

    retired, other = Retired(), ScriptedUpstream()
    with caplog.at_level(logging.ERROR):
        retired.add([Stuck(), other], Occupancy())
        await retired.close()
    assert other.closed
    assert "could not be closed: OSError" in caplog.text
