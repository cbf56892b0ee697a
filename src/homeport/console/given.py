"""Orders to engines that were given from the console: which are under way, and how the last ones ended.

They are kept in a folder that all gateway processes of a state folder look into, so that a page shows the same
whichever of them answers; and an order makes a process adopt a new configuration, so what is known of it outlives one.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from homeport.api.admin import off_the_loop
from homeport.console.works import Orders
from homeport.core.errors import CapacityError, HomeportError

_SOON_S = 2.0
"""An order that takes longer is carried out all the same; the page shows how it goes."""
_TRIES = 20
_PAUSE_S = 0.01
"""Whoever looks whether a lock is held holds it for a moment."""


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """The last order of an engine. Times are nanoseconds since the epoch.

    Attributes:
        by: who gave it.
        told: how it ended; "" while that is not known.
        running: it is being carried out, by whichever process.
    """

    engine: str
    command: str
    by: str
    at: int
    told: str = ""
    ended_at: int = 0
    running: bool = False


class Given:
    """The orders of one state folder.

    Args:
        folder: two files for each engine that was given an order; made when the first one is.
        wall_ns: nanoseconds since the epoch.
    """

    def __init__(self, folder: Path, wall_ns: Callable[[], int]) -> None:
        self._folder = folder
        self._wall_ns = wall_ns
        self._tasks: set[asyncio.Task[None]] = set()

    def every(self) -> Sequence[Ordered]:
        """The last order of each engine that had one, by the engine's name. What cannot be read is left out."""
        found = []
        for path in self._folder.glob("*.json"):
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                ordered = msgspec.json.decode(path.read_bytes(), type=Ordered)
                found.append(msgspec.structs.replace(ordered, running=_is_held(path.with_suffix(".lock"))))
        return sorted(found, key=lambda one: one.engine)

    async def give(self, orders: Orders, command: str, engine: str, by: str) -> None:
        """Begin, and wait a moment for the end.

        Raises:
            CapacityError: engine_busy; the engine has an order already.
            OSError: the folder cannot be written.
        """
        path = self._folder / hashlib.sha256(engine.encode()).hexdigest()[:32]
        lock = await self._locked(path.with_suffix(".lock"), engine)
        ordered = Ordered(engine=engine, command=command, by=by, at=self._wall_ns())
        await off_the_loop(lambda: _write(path, ordered))
        order = orders.drain if command == "drain" else orders.restart
        task = asyncio.create_task(self._carry_out(order(engine), path, ordered, lock))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({task}, timeout=_SOON_S)

    async def _carry_out(self, order: Awaitable[None], path: Path, ordered: Ordered, lock: int) -> None:
        try:
            ended = msgspec.structs.replace(ordered, told=await _end(order), ended_at=self._wall_ns())
            await off_the_loop(lambda: _write(path, ended))
        finally:
            os.close(lock)

    async def _locked(self, path: Path, engine: str) -> int:
        """The lock's descriptor; the kernel lets go of it however this process ends."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        for _ in range(_TRIES):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            await asyncio.sleep(_PAUSE_S)
        os.close(lock)
        raise CapacityError(f"{engine} is carrying out an order", code="engine_busy", hint="look again in a moment")


async def _end(order: Awaitable[None]) -> str:
    try:
        await order
    except HomeportError as error:
        return error.message
    return "done"


def _write(path: Path, ordered: Ordered) -> None:
    draft = path.with_suffix(".draft")
    draft.write_bytes(msgspec.json.encode(ordered))
    draft.replace(path.with_suffix(".json"))


def _is_held(path: Path) -> bool:
    lock = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
