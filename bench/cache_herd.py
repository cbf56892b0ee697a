"""Many who ask the very same at once: how many calls that makes, also where the first leaves or the upstream fails."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from bench.cache_crowd import Told, ask, open_session
from bench.cache_house import House, Sim
from bench.cache_traffic import Question, Request

_HEAD_START_S = 0.1
_LATENCY_S = 0.3
_MOST_S = 15 * _LATENCY_S


def herds(folder: Path, sim: Sim, cache: Mapping[str, Any], size: int) -> dict[str, Any]:
    """What the upstream saw of each herd, with one gateway process, and with two."""
    one, two = (House(folder / f"herd{workers}", sim, {"cache": cache}, workers=workers) for workers in (1, 2))
    with one.up():
        said: dict[str, Any] = {
            "whole": asyncio.run(_herd(one, sim, "whole", size)),
            "streamed": asyncio.run(_herd(one, sim, "streamed", size, streamed=1)),
            "both": asyncio.run(_herd(one, sim, "both", size, streamed=2)),
            "first_leaves": asyncio.run(_herd(one, sim, "first leaves", size, leaves=True)),
            "first_leaves_streamed": asyncio.run(_herd(one, sim, "first leaves s", size, streamed=1, leaves=True)),
        }
        sim.told("settings", {"faults": "status=503"})
        said["upstream_fails"] = asyncio.run(_herd(one, sim, "upstream fails", size))
        sim.told("settings", {"faults": ""})
    with two.up():
        said["two_processes"] = asyncio.run(_herd(two, sim, "two processes", size))
    said["missed"] = _missed(said)
    return said


def _missed(said: Mapping[str, Mapping[str, Any]]) -> list[str]:
    slow = [name for name, herd in said.items() if herd["slowest_s"] > _MOST_S]
    failed = [name for name, herd in said.items() if name != "upstream_fails" and herd["failed"]]
    few = {"first_leaves": 2, "first_leaves_streamed": 2, "two_processes": 2}
    many = [name for name, most in few.items() if said[name]["calls"] > most]
    return [
        *(f"herd {name}: somebody waited for {said[name]['slowest_s']:.1f} s" for name in slow),
        *(f"herd {name}: {said[name]['failed']} failed" for name in failed),
        *(f"herd {name}: {said[name]['calls']} calls" for name in many),
    ]


async def _herd(
    house: House, sim: Sim, name: str, size: int, *, streamed: int = 0, leaves: bool = False
) -> dict[str, Any]:
    """`streamed`: 0 nobody, 1 everybody, 2 every second one. `leaves`: one came before them, and leaves."""
    question = Question(text=f"What does the herd called {name} eat in winter?", meaning=0, family=0, way="base")

    def request(at: int) -> Request:
        return Request(question=question, key=0, stream=streamed == 1 or (streamed == 2 and at % 2 == 0))

    before = await asyncio.to_thread(lambda: sim.calls)
    async with open_session() as session:
        first = asyncio.create_task(ask(session, house.port, house.keys[0], request(0))) if leaves else None
        if first is not None:
            await asyncio.sleep(_HEAD_START_S)
        started = time.perf_counter()
        rest = [asyncio.create_task(_ask(session, house, request(at))) for at in range(size)]
        if first is not None:
            await asyncio.sleep(_HEAD_START_S)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
        told = await asyncio.gather(*rest)
        seconds = time.perf_counter() - started
    return {
        "callers": size,
        "calls": await asyncio.to_thread(lambda: sim.calls) - before,
        "served": sum(one.cache == "hit" for one in told),
        "failed": sum(one.status != 200 for one in told),
        "all_s": round(seconds, 3),
        "slowest_s": round(max(one.whole_s for one in told), 3),
    }


async def _ask(session: aiohttp.ClientSession, house: House, request: Request) -> Told:
    return await ask(session, house.port, house.keys[0], request)
