"""Giving orders to the running `homeport up` from a process that serves: what `control` takes, without waiting."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import msgspec

from homeport.bootstrap.control import Order, Place, Told
from homeport.core.errors import HomeportError

_CONNECT_S = 5.0
_MOST_BYTES = 16 << 20
_LONGEST_S = 900.0
"""An engine that is started has a bound of its own, which is shorter."""


async def give(path: Path, command: str, engine: str = "") -> Any:
    """Give an order and wait until it is carried out; what became of it.

    Args:
        path: of the file that says where orders are taken.

    Raises:
        HomeportError: gateway_not_running, order_cut_short, or what refused the order.
    """
    try:
        async with asyncio.timeout(_LONGEST_S):
            return await _told(path, command, engine)
    except (OSError, TimeoutError, ValueError, OverflowError, msgspec.MsgspecError):
        raise HomeportError(
            "no homeport up takes orders here",
            code="gateway_not_running",
            hint="this gateway was started apart from its engines; start all of it: homeport up",
        ) from None


async def _told(path: Path, command: str, engine: str) -> Any:
    place = msgspec.json.decode(await asyncio.to_thread(path.read_bytes), type=Place)
    async with asyncio.timeout(_CONNECT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port, limit=_MOST_BYTES)
    try:
        writer.write(msgspec.json.encode(Order(token=place.token, command=command, engine=engine)) + b"\n")
        async for line in reader:
            told = msgspec.json.decode(line, type=Told)
            if told.error is not None:
                code, message, hint = told.error
                raise HomeportError(message, code=code, hint=hint)
            if not told.progress:
                return told.done
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    raise HomeportError(
        "homeport ended before the order was carried out",
        code="order_cut_short",
        hint="start it again, and look: homeport engine list",
    )
