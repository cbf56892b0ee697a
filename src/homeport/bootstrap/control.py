"""Where a running `homeport up` takes orders from the commands of the same user.

A loopback port that asks for a token, both written to a file of the state folder that only its owner can read. Unlike
a file that is watched it answers: what is refused is told at once with its code and hint, what takes long tells how
far it is, and a command that asks while nothing runs knows it. Unlike a Unix socket its address is never too long for
the state folder it is in. One order a connection: a line of JSON, answered by lines of JSON; the last has `done` or
`error`.
"""

import asyncio
import contextlib
import hmac
import os
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec

from homeport.core.errors import EngineError, HomeportError

_MOST_BYTES = 65_536
_FIRST_LINE_S = 10.0

Handle = Callable[["Order", Callable[[str], None]], Coroutine[Any, Any, object]]


class Place(msgspec.Struct, frozen=True):
    """Where orders are taken, and the token that they must bring."""

    port: int
    token: str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order. `engine` and `version` are "" where it needs none."""

    token: str
    command: str
    engine: str = ""
    version: str = ""


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of an answer.

    Attributes:
        progress: what is being done now.
        done: what became of it; JSON of the order's own kind.
        error: its code, message and hint.
    """

    progress: str = ""
    done: Any = None
    error: tuple[str, str, str] | None = None


@contextlib.asynccontextmanager
async def taking_orders(path: Path, handle: Handle) -> AsyncIterator[None]:
    """Take orders until the end of the block; the file is gone then, and orders in progress are given up."""
    token = secrets.token_urlsafe(32)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await _answer(reader, writer, token, handle)
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=_MOST_BYTES)
    try:
        _write(path, Place(server.sockets[0].getsockname()[1], token))
        yield
    finally:
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - one small file, at the very end
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str, handle: Handle) -> None:
    with contextlib.suppress(OSError):  # who asked may leave: the order is carried out all the same
        try:
            order = await _read(reader)
            if order is not None and hmac.compare_digest(order.token.encode(), token.encode()):
                _tell(writer, await _carried_out(handle(order, lambda said: _tell(writer, Told(progress=said)))))
        finally:
            writer.close()
            await writer.wait_closed()


async def _carried_out(order: Coroutine[Any, Any, object]) -> Told:
    try:
        return Told(done=await order)
    except HomeportError as error:
        return Told(error=(error.code, error.message, error.hint))
    except OSError as error:
        told = EngineError(
            f"the order was not carried out: {error.strerror or error}",
            hint="free disk space, or check the owner and mode of the state folder; then look: homeport engine list",
        )
        return Told(error=(told.code, told.message, told.hint))


async def _read(reader: asyncio.StreamReader) -> Order | None:
    """None for what is no order; nobody is told why."""
    try:
        async with asyncio.timeout(_FIRST_LINE_S):
            return msgspec.json.decode(await reader.readuntil(b"\n"), type=Order)
    except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, msgspec.MsgspecError, UnicodeError):
        return None


def _tell(writer: asyncio.StreamWriter, told: Told) -> None:
    if not writer.is_closing():
        writer.write(msgspec.json.encode(told) + b"\n")


def _write(path: Path, place: Place) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(place))
