"""One contender in one round: started, warmed up, measured, stopped."""

import tempfile
from pathlib import Path

import msgspec

from bench.arithmetic import difference, per_unit_us
from bench.contender import Contender, Running
from bench.machine import Cores, cpu_seconds, rss_mb
from bench.native import Mock, Percentiles, Report, Request, load
from bench.traffic import eager_stream, paced_stream, whole_chat

_STREAM_CHUNKS = 200
_PACED_STREAMS = 10
_PACED_INTERVAL_US = 50_000
_HELD_INTERVAL_US = 100_000
_HELD_CHUNKS = 40


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How long each part takes, in seconds, and how much is asked at once."""

    rounds: int = 3
    warm_up: float = 2.0
    saturate: float = 8.0
    open_loop: float = 10.0
    stream: float = 6.0
    paced: float = 6.0
    connections: int = 64
    held_streams: int = 1000
    held_ramp: float = 2.0


QUICK = Plan(rounds=1, warm_up=0.5, saturate=1.5, open_loop=2.0, stream=1.5, paced=1.5)


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """Many paced streams open at once.

    Attributes:
        open_at_once: the most that were between their first and last chunk together.
        ttft_p50_ms, ttft_p99_ms: from asking to the first chunk, in ms.
    """

    concurrent: int
    open_at_once: int
    errors: int
    ttft_p50_ms: float | None
    ttft_p99_ms: float | None


class Sitting(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, before anything is subtracted. Times are µs where the name does not say otherwise.

    Attributes:
        open_loops: latency by requests a second.
        relay_us: from the mock's write of a chunk to its arrival, at a low rate.
        core_percent: how much of its core the proxy got while it was saturated. Much less than 100
            says that something else ran there, or that the load could not saturate it.
        errors: requests of all parts that did not end well.
    """

    contender: str
    about: dict[str, object]
    ready_ms: float
    rps: float
    cpu_us: float | None
    core_percent: float | None
    open_loops: dict[str, Percentiles | None]
    stream_chunks_per_s: float
    stream_cpu_us_per_chunk: float | None
    relay_us: Percentiles | None
    paced_cpu_us_per_chunk: float | None
    held: Held | None
    rss_mb: float | None
    errors: int


class _Meter:
    """Loads one running contender and counts the errors of all of its loads."""

    def __init__(self, running: Running, cores: Cores, mock: Mock) -> None:
        self._running = running
        self._core = cores.load
        self._mock = mock
        self.errors = 0

    def load(self, request: Request, **options: float) -> tuple[Report, float | None]:
        """The report, and the proxy's CPU seconds; None without a proxy."""
        pid = self._running.pid
        before = cpu_seconds(pid) if pid else 0.0
        running = self._running
        report = load(self._core, running.port, running.key, [request], credits=self._mock.port, **options)
        self.errors += report.errors
        return report, cpu_seconds(pid) - before if pid else None


def sit(contender: Contender, mock: Mock, cores: Cores, plan: Plan) -> Sitting:
    """Measure a contender in a fresh process."""
    with tempfile.TemporaryDirectory() as folder, contender.start(mock, cores, Path(folder)) as running:
        meter = _Meter(running, cores, mock)
        _warm_up(meter, plan)
        whole, whole_cpu = meter.load(whole_chat(), connections=plan.connections, seconds=plan.saturate)
        open_loops = {f"{rate:g}": _open_loop(meter, rate, plan) for rate in contender.rates}
        eager, eager_cpu = meter.load(eager_stream(_STREAM_CHUNKS), connections=plan.connections, seconds=plan.stream)
        chunks = round(plan.paced * 1e6 / _PACED_INTERVAL_US)
        paced, paced_cpu = meter.load(
            paced_stream(chunks, _PACED_INTERVAL_US), connections=_PACED_STREAMS, ramp=_PACED_INTERVAL_US / 1e6
        )
        return Sitting(
            contender=contender.name,
            about=dict(running.about),
            ready_ms=running.ready_ms,
            rps=whole.good / whole.seconds,
            cpu_us=_cost(whole_cpu, whole.good),
            core_percent=None if whole_cpu is None else 100 * whole_cpu / whole.seconds,
            open_loops=open_loops,
            stream_chunks_per_s=eager.chunks / eager.seconds,
            stream_cpu_us_per_chunk=_cost(eager_cpu, eager.chunks),
            relay_us=paced.chunk_us,
            paced_cpu_us_per_chunk=_cost(paced_cpu, paced.chunks),
            held=_hold(meter, plan) if contender.holds_streams else None,
            rss_mb=rss_mb(running.pid) if running.pid else None,
            errors=meter.errors,
        )


def hold(contender: Contender, mock: Mock, cores: Cores, plan: Plan) -> Held:
    """Only the streams held open together."""
    with tempfile.TemporaryDirectory() as folder, contender.start(mock, cores, Path(folder)) as running:
        meter = _Meter(running, cores, mock)
        _warm_up(meter, plan)
        return _hold(meter, plan)


def figures(sitting: Sitting, direct: Sitting, rate: float) -> dict[str, float | None]:
    """The figures of one round; what is called added is more than directly at the mock, in the same round."""
    name = f"{rate:g}"
    own, base = sitting.open_loops[name], direct.open_loops[name]
    return {
        "rps": sitting.rps,
        "cpu_us": sitting.cpu_us,
        "core_percent": sitting.core_percent,
        "added_p50_us": difference(_p50(own), _p50(base)),
        "added_p99_us": difference(_p99(own), _p99(base)),
        "stream_cpu_us_per_chunk": sitting.stream_cpu_us_per_chunk,
        "stream_chunks_per_s": sitting.stream_chunks_per_s,
        "relay_added_p50_us": difference(_p50(sitting.relay_us), _p50(direct.relay_us)),
        "paced_cpu_us_per_chunk": sitting.paced_cpu_us_per_chunk,
        "rss_mb": sitting.rss_mb,
        "ready_ms": sitting.ready_ms,
    }


def _warm_up(meter: _Meter, plan: Plan) -> None:
    meter.load(whole_chat(), connections=16, seconds=plan.warm_up)
    meter.load(eager_stream(20), connections=16, seconds=plan.warm_up / 2)


def _open_loop(meter: _Meter, rate: float, plan: Plan) -> Percentiles | None:
    # A slow rate gets twice the time: its percentiles have few samples.
    seconds = plan.open_loop if rate >= 100 else 2 * plan.open_loop
    return meter.load(whole_chat(), connections=256, rate=rate, seconds=seconds)[0].latency_us


def _hold(meter: _Meter, plan: Plan) -> Held:
    request = paced_stream(_HELD_CHUNKS, _HELD_INTERVAL_US)
    report, _ = meter.load(request, connections=plan.held_streams, ramp=plan.held_ramp)
    first = report.first_chunk_us
    return Held(
        concurrent=plan.held_streams,
        open_at_once=report.peak_open,
        errors=report.errors,
        ttft_p50_ms=first.p50 / 1e3 if first else None,
        ttft_p99_ms=first.p99 / 1e3 if first else None,
    )


def _p50(times: Percentiles | None) -> float | None:
    return times.p50 if times else None


def _p99(times: Percentiles | None) -> float | None:
    return times.p99 if times else None


def _cost(cpu: float | None, units: int) -> float | None:
    return None if cpu is None else per_unit_us(cpu, units)
