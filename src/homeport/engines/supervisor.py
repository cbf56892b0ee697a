"""Child processes that are kept running: engines, and under `homeport up` the gateway and the jobs worker."""

import asyncio
import contextlib
import logging
import os
import signal
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path

import msgspec

from homeport.core.errors import EngineError

_LOG_BYTES = 8 << 20
_FIRST_BACKOFF = 0.1
_MAX_BACKOFF = 30.0
_HEALTHY_AFTER = 20.0
_TAIL_LINES = 12
_LINE_LIMIT = 64 << 10


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
        on_start: told the process id.
        on_exit: told the return code and the seconds until the next start.
    """

    def __init__(
        self,
        spec: ChildSpec,
        *,
        before_start: Callable[[], Awaitable[None]] | None = None,
        on_start: Callable[[str, int], None] | None = None,
        on_exit: Callable[[str, int, float], None] | None = None,
    ) -> None:
        self.spec = spec
        self.restarts = 0
        self._before_start = before_start
        self._on_start = on_start
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
            if self._on_exit:
                self._on_exit(self.spec.name, returncode, backoff)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(backoff):
                    await self._stopping.wait()
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
            async with asyncio.timeout(self.spec.grace):
                await process.wait()
        except TimeoutError:
            _kill_group(process.pid)
            await process.wait()

    async def _run_once(self) -> int:
        if self._before_start:
            await self._before_start()
        try:
            log = RotatingFileHandler(self.spec.log, maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8")
        except OSError as error:
            raise EngineError(
                f"the log of {self.spec.name} cannot be written: {error.strerror}",
                hint=f"check the folder of {self.spec.log}",
            ) from error
        with contextlib.closing(log):
            process = self._process = await self._spawn()
            if self._on_start:
                self._on_start(self.spec.name, process.pid)
            return await self._attend(process, log)

    async def _spawn(self) -> asyncio.subprocess.Process:
        loop = asyncio.get_running_loop()
        try:
            transport, protocol = await loop.subprocess_exec(
                lambda: _GroupProtocol(_LINE_LIMIT, loop),
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
                f"{self.spec.name} cannot be started: {self.spec.argv[0]}: {error.strerror}",
                hint="see that this program is there; `make engines` makes the interpreter of vllm and transformers",
            ) from error
        return asyncio.subprocess.Process(transport, protocol, loop)

    async def _attend(self, process: asyncio.subprocess.Process, log: logging.Handler) -> int:
        """Keep what it prints until it ends."""
        assert process.stdin is not None
        assert process.stdout is not None
        if self._stopping.is_set():  # `stop` came while there was nothing to stop yet
            _kill_group(process.pid)
        process.stdin.write(self.spec.stdin)
        try:
            await self._keep_output(process.stdout, log)
            return await process.wait()
        finally:
            process.stdin.close()
            if process.returncode is None:
                _kill_group(process.pid)
                await process.wait()

    async def _keep_output(self, stream: asyncio.StreamReader, log: logging.Handler) -> None:
        while line := await _line(stream):
            self._tail.append(line)
            log.emit(logging.makeLogRecord({"msg": line}))


class _GroupProtocol(asyncio.subprocess.SubprocessStreamProtocol):
    """What a child started ends with it; else it would hold our pipes open and hide the child's end."""

    _pid = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._pid = transport.get_pid()

    def process_exited(self) -> None:
        _kill_group(self._pid)
        super().process_exited()


def _kill_group(pid: int) -> None:
    """SIGKILL to a child and all it started; each child leads a session, and so a group, of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses where only zombies are left
        os.killpg(pid, signal.SIGKILL)


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
        if line := seen_of(data):
            return line


def seen_of(line: bytes) -> str:
    """What a terminal would show of a line in the end: of a progress bar, its last state."""
    return line.decode(errors="replace").rstrip().rpartition("\r")[2]
