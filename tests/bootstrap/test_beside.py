"""What runs beside the requests ends with them, and not before."""

import asyncio

import pytest

from homeport.bootstrap.beside import beside


async def test_a_defect_is_told_and_the_task_begins_again(caplog: pytest.LogCaptureFixture) -> None:
    begun: list[int] = []
    well = asyncio.Event()

    async def fails_twice() -> None:
        begun.append(1)
        if len(begun) < 3:
            raise ZeroDivisionError
        well.set()

    async with beside(fails_twice, again_s=0):
        await well.wait()
    assert len(begun) == 3
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError] * 2


async def test_the_end_of_the_block_is_theirs() -> None:
    ended: list[str] = []

    async def runs() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("runs")

    async def is_done() -> None:
        ended.append("is done")

    async with beside(runs, is_done):
        await asyncio.sleep(0)
    assert ended == ["is done", "runs"]
