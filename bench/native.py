"""The mock upstream and the load generator: C programs, compiled on demand, and what they report."""

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from bench.machine import pinned

_FOLDER = Path(__file__).parent
_BUILD = _FOLDER / "build"
_HEADERS = ("answers.h", "request.h", "response.h", "timing.h")
_COMPILER_MISSING = "no C compiler is here; the mock upstream and the load generator need one (Debian: apt install gcc)"


class BenchmarkError(Exception):
    """A benchmark cannot go on; the message says why and what to do."""


class Percentiles(msgspec.Struct, frozen=True):
    """Exact percentiles of all samples, in microseconds."""

    samples: int
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    p999: float
    max: float


class Kind(msgspec.Struct, frozen=True):
    """How the requests of one kind ended (`good`, `left`, or how they failed), and their HTTP statuses."""

    ended: dict[str, int]
    statuses: dict[str, int]


class Report(msgspec.Struct, frozen=True):
    """One run of the load generator.

    Attributes:
        latency_us: of good answers; in an open loop from when a request was due.
        first_chunk_us: from there to a stream's first chunk.
        chunk_us: from the mock's write of each later chunk to its arrival.
        left: requests that the generator gave up on purpose.
        peak_open: most streams that were between their first and last chunk at once.
        resent: requests asked again because their kept-alive connection had ended.
    """

    seconds: float
    kinds: dict[str, Kind]
    latency_us: Percentiles | None
    first_chunk_us: Percentiles | None
    chunk_us: Percentiles | None
    requests: int
    good: int
    left: int
    errors: int
    chunks: int
    peak_open: int
    resent: int


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of request of a load.

    Attributes:
        end: `answer`, `leave_MS` (hang up so long after asking) or `leave_at_chunk`.
        weight: its share among the kinds.
    """

    name: str
    body: Mapping[str, object]
    path: str = "/v1/chat/completions"
    end: str = "answer"
    weight: float = 1

    @property
    def encoded(self) -> str:
        """The body as it is sent."""
        return json.dumps(self.body, separators=(",", ":"))


class Mock(msgspec.Struct, frozen=True):
    """A running mock upstream."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def stats(self) -> dict[str, int]:
        """What it counted since its start; `open` connections do not include this one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/stats")
            counts: dict[str, int] = json.loads(connection.getresponse().read())
        return counts


def has_compiler() -> bool:
    return shutil.which("cc") is not None


def compiled(name: str) -> Path:
    """The program, built if its sources are newer. Raises BenchmarkError without a compiler."""
    program, source = _BUILD / name, _FOLDER / f"{name}.c"
    newest = max((_FOLDER / file).stat().st_mtime for file in (source.name, *_HEADERS))
    if program.exists() and program.stat().st_mtime >= newest:
        return program
    if not has_compiler():
        raise BenchmarkError(_COMPILER_MISSING)
    _BUILD.mkdir(exist_ok=True)
    draft = program.with_suffix(f".{os.getpid()}")  # another process may build it too
    done = subprocess.run(
        ("cc", "-O2", "-Wall", "-Wextra", "-Wno-format-truncation", "-o", draft, source, "-lm"),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"{source.name} does not compile:\n{done.stderr}")
    draft.rename(program)
    return program


@contextlib.contextmanager
def mock_upstream(core: int, faults: float = 0.0, seed: int = 7) -> Iterator[Mock]:
    """Run the mock on a core; `faults` is the share of requests that go wrong, `seed` that of its dice."""
    argv = (compiled("mock_upstream"), "--faults", str(faults), "--seed", str(seed))
    with pinned(core):
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Mock(port=int(process.stdout.readline()))
    finally:
        process.kill()
        process.communicate()


def load(core: int, port: int, key: str, mix: Sequence[Request], /, **options: float) -> Report:
    """Run the load generator on a core until it is done; `options` are those of load.c.

    Raises:
        BenchmarkError: it could not run.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".mix") as file:
        file.writelines(f"{_line(request)}\n" for request in mix)
        file.flush()
        arguments = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
        with pinned(core):
            done = subprocess.run(
                (compiled("load"), "--port", str(port), "--key", key, "--mix", file.name, *arguments),
                capture_output=True,
                check=False,
            )
    if done.returncode:
        raise BenchmarkError(f"the load generator failed: {done.stderr.decode()}")
    return msgspec.json.decode(done.stdout, type=Report)


def _line(request: Request) -> str:
    return f"{request.weight} {request.name} {request.end} {request.path} {request.encoded}"
