"""`make bench-gate`: what the gate of an engine costs a request that finds a free place, in CPU time.

From asking to giving back, with what is learned from the answer; then the same beside a queue that is full, where
everybody is refused.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence

from bench import results
from bench.targets import Target, judge
from homeport.core.errors import EngineBusy
from homeport.pipeline.gate import Asker, Gate, GatePolicy
from homeport.pipeline.limit import Bounds
from homeport.pipeline.pace import Work
from homeport.pipeline.waiting import enter

TARGETS = (Target(figure="free_place_us", bound=20),)
_ROUNDS = 9
_REQUESTS = 4_000
_KEYS = 50


class _Clock:
    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()


def _asker(number: int) -> Asker:
    key = f"key_{number % _KEYS}"
    return Asker(key_id=key, flow=key, cost=300.0)


def _gate() -> Gate:
    return Gate(GatePolicy(bounds=Bounds(least=8, most=8, first=8)))


async def _free() -> float:
    """CPU seconds of a request."""
    gate, clock = _gate(), _Clock()
    gate.reserve({"key_1": 20}, 0)
    began = time.process_time()
    for number in range(_REQUESTS):
        place = await enter(gate, _asker(number), clock)
        place.leave(clock.monotonic_ns(), Work(100 + number % 50, 20 + number % 9))
    return (time.process_time() - began) / _REQUESTS


async def _refused() -> float:
    """CPU seconds of a request that is refused, beside 200 that wait."""
    gate = _gate()
    for number in range(8 + 200):
        gate.ask(_asker(number), number)
    count, began = 0, time.process_time()
    for number in range(_REQUESTS):
        try:
            gate.ask(Asker(key_id="key_1", flow="key_1", waits=False), 10_000_000_000 + number)
        except EngineBusy:
            count += 1
    assert count == _REQUESTS
    return (time.process_time() - began) / _REQUESTS


def main(arguments: Sequence[str]) -> int:
    """Print the figures, write bench/results/gate.json; 1 where the target is missed."""
    asyncio.run(_free())
    free = [asyncio.run(_free()) for _ in range(_ROUNDS)]
    refused = [asyncio.run(_refused()) for _ in range(_ROUNDS)]
    found = {"free_place_us": 1e6 * statistics.median(free), "refused_us": 1e6 * statistics.median(refused)}
    verdicts = judge(TARGETS, found)
    report = {"figures": {name: round(value, 2) for name, value in found.items()}, "settings": {"keys": _KEYS}}
    results.write("gate.json", report)
    print(json.dumps(report, indent=1))
    results.show_verdicts(results.make_console(), verdicts)
    return 0 if all(verdict.met for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
