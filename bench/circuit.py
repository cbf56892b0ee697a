"""The circuit breaker in front of a single dead upstream: what a refusal costs, and when it ends."""

import contextlib
import http.client
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from bench.contender import Running, free_port, process, wait_ready
from bench.homeport_gateway import State
from bench.machine import Cores, cpu_seconds, pinned
from bench.native import BenchmarkError, Mock
from bench.program import PROGRAM
from bench.targets import Target
from bench.traffic import chat

DEATHS: Mapping[str, str] = {"refused": "refuse", "silent": "silent"}
"""How an upstream can be dead -> `homeport sim`'s mode: nothing listens; connections are taken and never read."""

TARGETS = tuple(
    target
    for death in DEATHS
    for target in (
        Target(figure=f"{death}_p99_ms", bound=5),
        Target(figure=f"{death}_without_503_and_retry_after", bound=0),
        Target(figure=f"{death}_closed_late_s", bound=0.2),
    )
)
_OPEN = "circuit_open"
_PATIENCE_S = 90.0
_POLL_S = 0.02
_MOST_TO_OPEN = 50


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How much is asked, one request after the other. Times are seconds."""

    requests: int = 2_000
    first_token: float = 1.0
    pause: float = 5.0


QUICK = Plan(requests=100, first_token=0.2, pause=0.5)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `asked`: the upstream was asked for it, as by the request that tries whether it is back."""

    seconds: float
    status: int
    retry_after: int
    asked: bool


class Refusals(msgspec.Struct, frozen=True, kw_only=True):
    """One way to be dead.

    Attributes:
        before_open: requests until the circuit was open.
        nothing_s: seconds of as many requests for `/livez`, in turn with them: what this machine takes for nothing.
        cpu_us: CPU time of the gateway for one of both.
        retry_after: seconds that the last refusal spoke of, before the upstream came back.
        closed_after: seconds from that refusal to the first answer.
    """

    before_open: int
    answers: list[Answer]
    nothing_s: list[float]
    cpu_us: float
    retry_after: int
    closed_after: float


def measure(cores: Cores, plan: Plan, deaths: Mapping[str, str] = DEATHS) -> dict[str, Refusals]:
    """Each way to be dead, with a gateway of its own."""
    return {death: _measure(mode, cores, plan) for death, mode in deaths.items()}


def figures(found: Mapping[str, Refusals]) -> dict[str, float | None]:
    """What `TARGETS` are about, and what belongs to it."""
    return {f"{death}_{name}": value for death, refusals in found.items() for name, value in _figures(refusals).items()}


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Nearest rank, as the load generator has it."""
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]


def _figures(refusals: Refusals) -> dict[str, float | None]:
    took = sorted(answer.seconds * 1e3 for answer in refusals.answers)
    nothing = sorted(seconds * 1e3 for seconds in refusals.nothing_s)
    wrong = [
        one for one in refusals.answers if not one.asked and not (one.status == 503 and one.retry_after >= 1)
    ]  # fmt: skip
    return {
        "p50_ms": percentile(took, 50),
        "p99_ms": percentile(took, 99),
        "max_ms": took[-1],
        "livez_p50_ms": percentile(nothing, 50),
        "livez_p99_ms": percentile(nothing, 99),
        "cpu_us": refusals.cpu_us,
        "before_open": refusals.before_open,
        "tries": sum(answer.asked for answer in refusals.answers),
        "without_503_and_retry_after": len(wrong),
        "retry_after_s": refusals.retry_after,
        "closed_after_s": refusals.closed_after,
        "closed_late_s": max(0.0, refusals.closed_after - refusals.retry_after),
    }


def _measure(mode: str, cores: Cores, plan: Plan) -> Refusals:
    settings = f"timeouts: {{first_token: {plan.first_token}}}\nbreaker: {{pause_seconds: {plan.pause}}}\n"
    with tempfile.TemporaryDirectory() as folder, _simulator(cores, Path(folder)) as (port, control):
        state = State(Path(folder), Mock(port=port), settings)
        with state.run(cores) as running, pinned(cores.load), _Caller(running) as caller:
            control.listen(mode)
            before_open = _until_open(caller)
            before = cpu_seconds(running.pid)
            turns = [(caller.ask(), caller.ask_nothing()) for _ in range(plan.requests)]
            cpu_us = (cpu_seconds(running.pid) - before) * 1e6 / (2 * plan.requests)
            retry_after, refused_at = _last_refusal(caller)
            control.listen("open")
            closed_after = _until_closed(caller, refused_at)
    answers, nothing = zip(*turns, strict=True)
    return Refusals(
        before_open=before_open,
        answers=list(answers),
        nothing_s=list(nothing),
        cpu_us=cpu_us,
        retry_after=retry_after,
        closed_after=closed_after,
    )


def _until_open(caller: "_Caller") -> int:
    for asked in range(1, _MOST_TO_OPEN):
        answer = caller.ask()
        if answer.status == 200:
            raise BenchmarkError("the upstream that should be dead has answered")
        if not answer.asked:
            return asked
    raise BenchmarkError(f"the circuit was still closed after {_MOST_TO_OPEN} failures")


def _last_refusal(caller: "_Caller") -> tuple[int, float]:
    """What its Retry-After promised, and when (monotonic seconds).

    It is asked for while the upstream is still dead: once it is back, the very first request may be the one that tries.
    """
    while (answer := caller.ask()).asked:
        if answer.status == 200:
            raise BenchmarkError("the upstream that should be dead has answered")
    return answer.retry_after, time.monotonic()


def _until_closed(caller: "_Caller", since: float) -> float:
    """Seconds from then to the first answer."""
    while caller.ask().status != 200:
        waited = time.monotonic() - since
        if waited > _PATIENCE_S:
            raise BenchmarkError(f"the circuit was still open {waited:.0f} s after the upstream came back")
        time.sleep(_POLL_S)
    return time.monotonic() - since


class _Caller:
    """Asks for streams, one after the other, on one connection."""

    def __init__(self, running: Running) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=_PATIENCE_S)
        self._headers = {"authorization": f"Bearer {running.key}", "content-type": "application/json"}
        self._body = json.dumps(chat(chunks=8))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def ask(self) -> Answer:
        seconds, response, body = self._timed("POST", "/v1/chat/completions", self._body)
        error: dict[str, Any] = {} if response.status == 200 else json.loads(body)["error"]
        return Answer(
            seconds=seconds,
            status=response.status,
            retry_after=int(response.headers.get("retry-after", 0)),
            asked=any(not tried.endswith(f": {_OPEN}") for tried in error.get("attempts", [""])),
        )

    def ask_nothing(self) -> float:
        """Seconds for the least that the gateway answers."""
        return self._timed("GET", "/livez", None)[0]

    def _timed(self, method: str, path: str, body: str | None) -> tuple[float, http.client.HTTPResponse, bytes]:
        began = time.perf_counter()
        self._connection.request(method, path, body, self._headers)
        response = self._connection.getresponse()
        answer = response.read()
        return time.perf_counter() - began, response, answer


class _Control:
    """The simulator's second port, which answers while the first one does not."""

    def __init__(self, port: int) -> None:
        self._port = port

    def listen(self, mode: str) -> None:
        """Receive connections in another way."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        with contextlib.closing(connection):
            connection.request("POST", "/sim/listen", json.dumps({"mode": mode}))
            if connection.getresponse().status != 200:
                raise BenchmarkError(f"homeport sim does not know the mode {mode}")


@contextlib.contextmanager
def _simulator(cores: Cores, root: Path) -> Iterator[tuple[int, _Control]]:
    folder = root / "sim"
    folder.mkdir()
    port, control = free_port(), free_port()
    argv = (*PROGRAM, "sim", "--port", str(port), "--control-port", str(control))
    with contextlib.ExitStack() as stack:
        with pinned(cores.load):
            child = stack.enter_context(process(argv, folder=folder))
        wait_ready(child, control, "/sim/health", 60.0, folder)
        yield port, _Control(control)
