"""One engine as a child of this process, without `homeport up`: for tools, benchmarks and the Python API."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from typing import IO

from homeport.core.errors import EngineError
from homeport.engines.base import Launch
from homeport.engines.client import EngineClient
from homeport.engines.supervisor import seen_of

_TAIL_BYTES = 4096
_TAIL_LINES = 12
_POLL_SECONDS = 0.05
_GRACE_SECONDS = 10.0


class Standalone:
    """A started engine; one that already runs elsewhere is only reached.

    What it prints goes to a file without a name, so nothing is left of it.
    """

    def __init__(self, name: str, launch: Launch) -> None:
        self.name = name
        self.endpoint = launch.endpoint
        self.client = EngineClient(launch.endpoint)
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `stop`
        self._process: subprocess.Popen[bytes] | None = None
        if launch.argv:
            try:
                self._process = _start(name, launch, self._log)
            except EngineError:
                self._log.close()
                raise

    @property
    def pid(self) -> int | None:
        """Of the child; None where nothing was started."""
        return self._process.pid if self._process else None

    def wait_ready(self, seconds: float) -> None:
        """Until it answers.

        Raises:
            EngineError: engine_failed; it ended, or does not answer in this time. Its last lines are told.
        """
        end = time.monotonic() + seconds
        while not self.client.healthy():
            if self._process and self._process.poll() is not None:
                raise self._failure(f"{self.name} ended with exit code {self._process.returncode}")
            if time.monotonic() > end:
                raise self._failure(f"{self.name} did not answer within {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """End it and all that it started. Safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)
        self._log.close()

    def _failure(self, why: str) -> EngineError:
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - _TAIL_BYTES))
        lines = [line for data in self._log.read().split(b"\n") if (line := seen_of(data))][-_TAIL_LINES:]
        self.stop()
        told = "; its last words:\n  " + "\n  ".join(lines) if lines else ""
        return EngineError(
            f"{why}{told}", hint="`homeport check` looks at the configuration; docs/reference/engines.md"
        )


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
    with contextlib.suppress(OSError):
        process.stdin.close()  # type: ignore[union-attr]  # it is a pipe
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _start(name: str, launch: Launch, log: IO[bytes]) -> "subprocess.Popen[bytes]":
    try:
        process = subprocess.Popen(  # noqa: S603 - what an adapter rendered
            launch.argv, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
        )
    except OSError as error:
        raise EngineError(
            f"{name} cannot be started: {launch.argv[0]}: {error.strerror}",
            hint="run `make engines`, or name a Python that is there in its `profile: {python: ...}`",
        ) from error
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it ended already; `wait_ready` says how
        process.stdin.write(launch.stdin)
        process.stdin.flush()
    return process
