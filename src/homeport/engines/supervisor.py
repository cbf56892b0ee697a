"""Child processes that are kept running: engines, and under `homeport up` the gateway and the jobs worker."""

import asyncio
import contextlib
import logging
import signal
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path

import msgspec

from homeport.core.errors import EngineError

logger = logging.getLogger(__name__)

_LOG_BYTES = 8 << 20
_FIRST_BACKOFF = 0.1
_MAX_BACKOFF = 30.0
_HEALTHY_AFTER = 20.0
_TAIL_LINES = 12


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What to run.

    Attributes:
        stdin: written first; the pipe then stays open, so the child can tell that we are gone.
        log: what the child prints goes here, at most 16 MiB with the file before.
        pass_fds: descriptors the child inherits.
        grace: seconds between SIGTERM and SIGKILL at the end.
    """

    name: str
    argv: tuple[str, ...]
    stdin: bytes
    log: Path
    env: Mapping[str, str] | None = None
    pass_fds: tuple[int, ...] = ()
    grace: float = 10.0


class Child:
    """One process, restarted with exponential backoff (0.1 s to 30 s) whenever it ends by itself.

    Args:
        before_start: awaited before every start; an error it raises ends the supervision.
        on_exit: told the return code and the seconds until the next start.
    """

    def __init__(
        self,
        spec: ChildSpec,
        *,
        before_start: Callable[[], Awaitable[None]] | None = None,
        on_exit: Callable[[str, int, float], None] | None = None,
    ) -> None:
        self.spec = spec
        self.restarts = 0
        self._before_start = before_start
        self._on_exit = on_exit
        self._process: asyncio.subprocess.Process | None = None
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._stopping = asyncio.Event()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The end of what the child printed."""
        return tuple(self._tail)

    async def run(self) -> None:
        """Start and restart until `stop`; returns then.

        Raises:
            EngineError: the program cannot be started at all.
        """
        backoff = _FIRST_BACKOFF
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            started = loop.time()
            returncode = await self._run_once()
            if self._stopping.is_set():
                return
            backoff = _FIRST_BACKOFF if loop.time() - started > _HEALTHY_AFTER else backoff
            logger.warning("%s ended with %s; next start in %.1f s", self.spec.name, returncode, backoff)
            if self._on_exit:
                self._on_exit(self.spec.name, returncode, backoff)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), backoff)
            backoff = min(backoff * 2, _MAX_BACKOFF)
            self.restarts += 1

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL after the grace time. Safe to call twice."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), self.spec.grace)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _run_once(self) -> int:
        if self._before_start:
            await self._before_start()
        try:
            process = await asyncio.create_subprocess_exec(
                *self.spec.argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=self.spec.env,
                pass_fds=self.spec.pass_fds,
                start_new_session=True,  # a Ctrl-C in the terminal is ours to hand on
            )
        except OSError as error:
            raise EngineError(
                f"{self.spec.name} cannot be started: {error.strerror}", hint=f"look at {self.spec.log}"
            ) from error
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(self.spec.stdin)
        try:
            await self._keep_output(process.stdout)
            return await process.wait()
        finally:
            process.stdin.close()
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _keep_output(self, stream: asyncio.StreamReader) -> None:
        handler = RotatingFileHandler(self.spec.log, maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8")
        try:
            while line := await _line(stream):
                self._tail.append(line)
                handler.emit(logging.makeLogRecord({"msg": line}))
        finally:
            handler.close()


async def _line(stream: asyncio.StreamReader) -> str:
    """The next line without its end; "" at the end of the stream. Very long lines come in pieces."""
    while True:
        try:
            data = await stream.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            data = error.partial
        except asyncio.LimitOverrunError as error:
            data = await stream.readexactly(error.consumed)
        if not data:
            return ""
        if line := data.decode(errors="replace").rstrip():
            return line
