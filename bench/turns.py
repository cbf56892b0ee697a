"""Turns of gateways under load: each way of running is asked by turns, and a turn is compared with those beside it.

So a slow moment of the machine is in all of them, and what one way loses is told by the median of such ratios.
"""

import statistics
import time
from collections.abc import Sequence

import msgspec

from bench.arithmetic import median_interval
from bench.contender import Running
from bench.machine import Cores, cpu_seconds
from bench.native import load
from bench.traffic import whole_chat

REST_S = 0.5
_CONNECTIONS = 64
_PACED_CONNECTIONS = 256


class Turn(msgspec.Struct, frozen=True):
    """One turn of one gateway: good answers a second, CPU microseconds of the gateway for each, milliseconds."""

    rps: float
    cpu_us: float
    errors: int
    p50_ms: float = 0.0
    p99_ms: float = 0.0


def take(running: Running, cores: Cores, seconds: float, *, rate: float = 0.0) -> Turn:
    """Load a gateway for so long: as much as it can do, or with `rate` so many requests a second."""
    before = cpu_seconds(running.pid)
    paced = {"connections": _PACED_CONNECTIONS, "rate": rate} if rate else {"connections": _CONNECTIONS}
    report = load(cores.load, running.port, running.key, [whole_chat()], seconds=seconds, **paced)
    spent = cpu_seconds(running.pid) - before
    time.sleep(REST_S)
    took = report.latency_us
    return Turn(
        rps=report.good / report.seconds,
        cpu_us=1e6 * spent / max(report.good, 1),
        errors=report.errors,
        p50_ms=took.p50 / 1e3 if took else 0.0,
        p99_ms=took.p99 / 1e3 if took else 0.0,
    )


def lost(base: Sequence[Turn], other: Sequence[Turn], prefix: str = "") -> dict[str, float]:
    """Per cent of the requests a second that the other way has less, with its interval, and of CPU that it takes more.

    Args:
        base: the same place in both is a pair.
    """
    pairs = list(zip(base, other, strict=True))
    less = [100 * (1 - one.rps / alone.rps) for alone, one in pairs]
    low, high = median_interval(less)
    return {
        f"{prefix}rps_lost_percent": statistics.median(less),
        f"{prefix}rps_lost_percent_low": low,
        f"{prefix}rps_lost_percent_high": high,
        f"{prefix}cpu_more_percent": statistics.median(100 * (one.cpu_us / alone.cpu_us - 1) for alone, one in pairs),
    }
