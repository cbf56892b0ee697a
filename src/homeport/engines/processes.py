"""All children of one `homeport up`: started one by one, told apart by name, stopped in an order."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import msgspec

from homeport.core.errors import EngineError, HomeportError
from homeport.engines.supervisor import Child, ChildSpec

RESTARTS_BEFORE_GIVING_UP = 4


class Process:
    """A child and what keeps it running."""

    def __init__(self, child: Child, running: asyncio.Task[None]) -> None:
        self.child = child
        self.running = running

    @property
    def name(self) -> str:
        return self.child.spec.name

    def raise_failure(self, restarts: int = RESTARTS_BEFORE_GIVING_UP) -> None:
        """Say why it will not come up.

        Raises:
            HomeportError: it could not be started, or ended by itself as often as that.
        """
        if self.running.done() and not self.running.cancelled() and (error := self.running.exception()):
            raise error
        if self.child.restarts >= restarts:
            raise EngineError(
                f"{self.name} does not start; its last words:\n  " + "\n  ".join(self.child.last_lines),
                hint=f"the whole log is {self.child.spec.log}",
            )

    async def stop(self) -> None:
        """As `Child.stop`; it is over when this returns."""
        await self.child.stop()
        await asyncio.gather(self.running, return_exceptions=True)


class Processes:
    """Starts children and writes down their process ids.

    Args:
        pids: the file of the process ids, by name.
        on_exit: told of a child that ended by itself, its return code and the seconds until it is started again.
        on_failure: told of a child that stays down, and why.
    """

    def __init__(
        self,
        pids: Path,
        *,
        on_exit: Callable[[str, int, float], None],
        on_failure: Callable[[str, HomeportError], None],
    ) -> None:
        self._pids_file = pids
        self._on_exit = on_exit
        self._on_failure = on_failure
        self._pids: dict[str, int] = {}
        self._all: dict[str, Process] = {}

    @property
    def all(self) -> tuple[Process, ...]:
        return tuple(self._all.values())

    def start(self, spec: ChildSpec, before_start: Callable[[], Awaitable[None]] | None = None) -> Process:
        """Start a child and keep it running; its name is its own."""
        child = Child(spec, before_start=before_start, on_start=self._note_start, on_exit=self._on_exit)
        process = Process(child, asyncio.create_task(child.run(), name=spec.name))
        process.running.add_done_callback(self._ended)
        self._all[spec.name] = process
        return process

    async def stop(self, processes: Iterable[Process]) -> None:
        """Stop some of them, side by side."""
        chosen = tuple(processes)
        await asyncio.gather(*(process.stop() for process in chosen))
        for process in chosen:
            self._all.pop(process.name, None)
            self._pids.pop(process.name, None)
        self._write_pids()

    def _note_start(self, name: str, pid: int) -> None:
        self._pids[name] = pid
        self._write_pids()

    def _write_pids(self) -> None:
        with contextlib.suppress(OSError):  # a full disk: who wants to know finds them late, and no child is lost
            self._pids_file.write_bytes(msgspec.json.encode(self._pids))

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and isinstance(error := task.exception(), HomeportError):
            self._on_failure(task.get_name(), error)
