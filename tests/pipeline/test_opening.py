"""A stream that is held back: one reader at a time, and nothing twice."""

import asyncio
from collections.abc import AsyncGenerator

from homeport.core.types import Frame
from homeport.pipeline.opening import Opening
from tests.fakes.upstream import said


def same(data: bytes) -> bytes:
    return data


async def test_who_listens_gets_all_of_what_somebody_else_had_begun_to_read() -> None:
    """Two who read would each take a frame from the other."""
    gate = asyncio.Event()

    async def rest() -> AsyncGenerator[Frame, None]:
        yield said("b")
        await gate.wait()
        for text in "cdef":
            yield said(text)

    opening = Opening(said("a"), rest())
    opening.read_on()
    while opening.events < 2:
        await asyncio.sleep(0)
    flow = opening.flow(same)
    told = [(await anext(flow)).data]
    assert told == [said("a").data + said("b").data], "what was read is one piece"
    gate.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(opening.frames) == 2, "nothing is read that nobody has asked for"
    told += [frame.data async for frame in flow]
    assert told[1:] == [said(text).data for text in "cdef"]
    assert asyncio.all_tasks() == {asyncio.current_task()}
