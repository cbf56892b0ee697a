"""Orders from a process that serves: carried out, refused with their reason, and never waited for in vain."""

from collections.abc import Callable
from pathlib import Path

import pytest

from homeport.bootstrap.control import Order, taking_orders
from homeport.bootstrap.orders import give
from homeport.config.home import Home
from homeport.core.errors import EngineError, HomeportError


async def handle(asked: Order, tell: Callable[[str], None]) -> object:
    if asked.command == "refuse":
        raise EngineError("no", code="swap_failed", hint="look")
    tell("on it")
    return [asked.command, asked.engine, "x" * 200_000]


def home(folder: Path) -> Home:
    made = Home(folder)
    made.create()
    return made


async def test_an_order_is_carried_out(tmp_path: Path) -> None:
    house = home(tmp_path)
    async with taking_orders(house.control, handle):
        command, engine, long = await give(house.control, "drain", "own")
        assert (command, engine, len(long)) == ("drain", "own", 200_000)


async def test_an_order_is_refused_with_its_reason(tmp_path: Path) -> None:
    house = home(tmp_path)
    async with taking_orders(house.control, handle):
        with pytest.raises(HomeportError) as refused:
            await give(house.control, "refuse")
    assert (refused.value.code, refused.value.message, refused.value.hint) == ("swap_failed", "no", "look")


PLACES = (None, b"", b"{}", b"\xff", b'{"port": 1, "token": "t"}', b'{"port": 99999, "token": ""}')


@pytest.mark.parametrize("written", PLACES)
async def test_nobody_takes_orders(tmp_path: Path, written: bytes | None) -> None:
    house = home(tmp_path)
    if written is not None:
        house.control.write_bytes(written)
    with pytest.raises(HomeportError) as refused:
        await give(house.control, "list")
    assert refused.value.code == "gateway_not_running"
