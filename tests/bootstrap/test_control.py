"""Orders come from whoever can read the state folder, and from nobody else."""

import asyncio
import errno
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from homeport.bootstrap.control import Order, Place, Told, taking_orders
from homeport.cli.control_client import order
from homeport.config.home import Home
from homeport.core.errors import EngineError, HomeportError


async def handle(asked: Order, tell: Callable[[str], None]) -> object:
    if asked.command == "refuse":
        raise EngineError("no", code="swap_failed", hint="look")
    if asked.command == "fill":
        raise OSError(errno.ENOSPC, "No space left on device")
    tell("on it")
    return {"engine": asked.engine, "version": asked.version}


def home(folder: Path) -> Home:
    made = Home(folder)
    made.create()
    return made


async def say(place: Place, line: bytes) -> list[Told]:
    reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
    writer.write(line)
    writer.write_eof()
    told = [msgspec.json.decode(answer, type=Told) for answer in (await reader.read()).splitlines()]
    writer.close()
    await writer.wait_closed()
    return told


async def test_an_order_is_carried_out_and_told_of(tmp_path: Path) -> None:
    house, said = home(tmp_path), list[str]()
    async with taking_orders(house.control, handle):
        assert stat.S_IMODE(house.control.stat().st_mode) == 0o600
        done = await asyncio.to_thread(order, house, "swap", "own", "2", tell=said.append)
        assert (done, said) == ({"engine": "own", "version": "2"}, ["on it"])
        with pytest.raises(HomeportError) as refused:
            await asyncio.to_thread(order, house, "refuse", tell=said.append)
        assert (refused.value.code, refused.value.message, refused.value.hint) == ("swap_failed", "no", "look")
        with pytest.raises(HomeportError, match="No space left") as full:
            await asyncio.to_thread(order, house, "fill", tell=said.append)
        assert full.value.code == "engine_failed"
    assert not house.control.exists()
    with pytest.raises(HomeportError) as alone:
        order(house, "swap", tell=said.append)
    assert alone.value.code == "gateway_not_running"


async def test_who_has_no_token_is_told_nothing(tmp_path: Path) -> None:
    house = home(tmp_path)
    async with taking_orders(house.control, handle):
        place = msgspec.json.decode(house.control.read_bytes(), type=Place)
        for token in ("", "wrong", place.token[:-1], "é"):
            line = msgspec.json.encode(Order(token=token, command="swap")) + b"\n"
            assert await say(place, line) == []


async def test_what_is_no_order_changes_nothing(tmp_path: Path) -> None:
    house = home(tmp_path)
    async with taking_orders(house.control, handle):
        place = msgspec.json.decode(house.control.read_bytes(), type=Place)
        for line in (b"", b"\n", b"{}\n", b"\xff\xfe\n", b"[" * 70_000, b'{"token": 1}\n', b"GET / HTTP/1.1\r\n\r\n"):
            assert await say(place, line) == []
        whole = msgspec.json.encode(Order(token=place.token, command="swap", engine="own")) + b"\n"
        assert [told.done for told in await say(place, whole)] == [None, {"engine": "own", "version": ""}]


async def test_an_order_in_progress_is_given_up_at_the_end(tmp_path: Path) -> None:
    house, begun, given_up = home(tmp_path), asyncio.Event(), asyncio.Event()

    async def forever(asked: Order, tell: Callable[[str], None]) -> object:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()
        return None

    async with taking_orders(house.control, forever):
        waiting = asyncio.create_task(asyncio.to_thread(order, house, "swap", tell=lambda _: None))
        await begun.wait()
    assert given_up.is_set()
    with pytest.raises(HomeportError) as cut:
        await waiting
    assert cut.value.code == "order_cut_short"
