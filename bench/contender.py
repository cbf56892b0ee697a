"""What is measured: a proxy in front of the mock upstream, or the mock itself."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from bench.machine import Cores
from bench.native import BenchmarkError, Mock

_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.02


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A proxy that answers.

    Attributes:
        pid: root of its process tree; 0 for the mock itself.
        jobs_pid: of Homeport's jobs worker; 0 for none.
        ready_ms: from the command to its first answer.
        about: version and settings, for the results.
    """

    port: int
    key: str
    pid: int = 0
    jobs_pid: int = 0
    ready_ms: float = 0.0
    about: Mapping[str, object] = {}


Start = Callable[[Mock, Cores, Path], AbstractContextManager[Running]]


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    """Something to measure.

    Attributes:
        start: runs it on `cores.proxy`, in an empty folder, for the length of a `with`.
        rates: requests a second of its open loops; the first is the one its figures are for.
        holds_streams: it is asked to hold 1,000 streams.
    """

    name: str
    start: Start
    rates: tuple[float, ...] = (200.0,)
    holds_streams: bool = True


@contextlib.contextmanager
def start_direct(mock: Mock, _cores: Cores, _folder: Path) -> Iterator[Running]:
    """No proxy: the base line that added latency is counted from."""
    yield Running(port=mock.port, key="none")


@contextlib.contextmanager
def process(
    argv: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A child in a session of its own, all of which ends with the `with`; its output goes to `folder`/output."""
    with (folder / "output").open("ab") as output:
        child = subprocess.Popen(
            argv, cwd=folder, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield child
    finally:
        _signal_group(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_STOP_SECONDS)
        _signal_group(child.pid, signal.SIGKILL)
        child.wait()


def wait_ready(child: subprocess.Popen[bytes], port: int, path: str, seconds: float, folder: Path) -> float:
    """Milliseconds until `path` answers 200. Raises BenchmarkError with the child's last words."""
    started = time.monotonic()
    while not _answers(port, path):
        if child.poll() is not None or time.monotonic() - started > seconds:
            words = (folder / "output").read_text(errors="replace")[-2000:]
            raise BenchmarkError(f"{Path(str(child.args[0])).name} did not get ready:\n{words}")  # type: ignore[index]  # a sequence, see `process`
        time.sleep(_POLL_SECONDS)
    return (time.monotonic() - started) * 1e3


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
