"""A gateway in simulated time before an upstream whose answers are good as often as it is told, for bench.quality_week.

An answer is good or bad by a hash of its route and its number, which stands in the prompt: nothing that measures
outputs knows how. A part of the bad ones has a fault that automatic metrics can see (refused, cut off, repeated), the
others are wrong in ways that only somebody who knows the answer sees.
"""

import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import aiohttp
import msgspec
from aiohttp import web

from bench.contender import free_port, process, wait_ready
from bench.program import PROGRAM, environment
from bench.shifted_clock import move, shifted
from homeport.config.home import Home

_READY_S = 90.0
_WORDS = (
    "either",
    "party",
    "may",
    "end",
    "the",
    "contract",
    "with",
    "a",
    "notice",
    "of",
    "thirty",
    "days",
    "in",
    "writing",
)
_FAULTS = ("refused", "cut", "repeated")


class Route(msgspec.Struct, frozen=True):
    """A model, its share of the traffic, and how often its answers are good."""

    name: str
    share: float
    good: float


def unit(*parts: object) -> float:
    """A number in [0, 1) that follows from its parts."""
    digest = blake2b(":".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def is_good(seed: int, model: str, number: int, good: float) -> bool:
    return unit(seed, "good", model, number) < good


def said(seed: int, model: str, number: int, good: float, visible: float) -> tuple[str, str]:
    """The answer, and why it ended."""
    rng = random.Random(f"{seed}:{model}:{number}")
    text = " ".join(rng.choices(_WORDS, k=24)).capitalize() + "."
    if is_good(seed, model, number, good) or unit(seed, "seen", model, number) >= visible:
        return text, "stop"
    fault = _FAULTS[int(unit(seed, "fault", model, number) * len(_FAULTS))]
    if fault == "refused":
        return "I'm sorry, but I can't help with that.", "stop"
    return (text[:40], "length") if fault == "cut" else ("The notice is thirty days. " * 12, "stop")


def serve(port: int, seed: int, visible: float) -> None:
    """The upstream. `POST /good` says how often each model's answers are good from now on."""
    good: dict[str, float] = {}

    async def answer(request: web.Request) -> web.Response:
        asked = await request.json()
        number = int(asked["messages"][-1]["content"].split("#")[1].split()[0])
        text, finish = said(seed, asked["model"], number, good[asked["model"]], visible)
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
        usage = {"prompt_tokens": 20, "completion_tokens": 24, "total_tokens": 44}
        told = {"id": "c", "object": "chat.completion", "created": 1, "model": asked["model"]}
        return web.json_response({**told, "choices": [choice], "usage": usage})

    async def tell(request: web.Request) -> web.Response:
        good.update(await request.json())
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    app.router.add_post("/good", tell)
    app.router.add_get("/health", tell_health)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


async def tell_health(_: web.Request) -> web.Response:
    return web.json_response({})


class Asked(msgspec.Struct, frozen=True, gc=False):
    """One request, and the id that the gateway gave it."""

    route: str
    number: int
    request_id: str


class House:
    """A state folder with a gateway and its upstream; `offset_ns` is how far ahead its clock is."""

    def __init__(self, folder: Path, routes: Sequence[Route], offset_ns: int) -> None:
        self.home, self._clock_file = Home(folder / "home"), folder / "clock"
        self.home.root.mkdir(parents=True)
        self._folder, self._upstream, self.port = folder, free_port(), free_port()
        self._offset_ns = offset_ns
        move(self._clock_file, offset_ns)
        self.wall_ns = shifted(self._clock_file, time.time_ns)
        self._environment = environment(self.home.root, self.port)
        targets = [{"model": route.name, "provider": "sim", "price": "openai:gpt-4.1-mini"} for route in routes]
        config = {
            "server": {"max_in_flight": 1024},
            "capture": {"enabled": True, "keep_days": 90, "max_bytes": 8 << 30},
            "evaluation": {"enabled": True},
            "providers": {"sim": {"provider": "openai_compatible", "base_url": f"http://127.0.0.1:{self._upstream}/v1",
                                  "api_key": "sk-sim"}},
            "tiers": [{"name": "t", "targets": targets}],
            "logging": {"level": "error"},
        }  # fmt: skip
        self.home.config.write_text(json.dumps(config), encoding="utf-8")

    @contextlib.contextmanager
    def up(self, seed: int, visible: float) -> Iterator["House"]:
        rooms = [self._folder / name for name in ("upstream", "gateway")]
        for room in rooms:
            room.mkdir()
        source = f"from bench.quality_house import serve; serve({self._upstream}, {seed}, {visible})"
        clocked = (sys.executable, "-m", "bench.shifted_clock", str(self._clock_file), "gateway")
        seen = {**self._environment, "PYTHONPATH": f"{self._environment['PYTHONPATH']}:{Path(__file__).parents[1]}"}
        with (
            process((sys.executable, "-c", source), folder=rooms[0], environment=seen) as upstream,
            process(clocked, folder=rooms[1], environment=seen) as gateway,
        ):
            wait_ready(upstream, self._upstream, "/health", _READY_S, rooms[0])
            wait_ready(gateway, self.port, "/readyz", _READY_S, rooms[1])
            self._key = self._made_key()
            yield self

    def advance(self, nanoseconds: int) -> None:
        """Move the clock of all processes."""
        self._offset_ns += nanoseconds
        move(self._clock_file, self._offset_ns)

    def ask(self, wanted: Sequence[tuple[str, int]], good: Mapping[str, float], callers: int = 24) -> list[Asked]:
        """Ask all of them, so many at once; raises SystemExit where one is not answered."""
        return asyncio.run(self._ask(wanted, good, callers))

    async def _ask(self, wanted: Sequence[tuple[str, int]], good: Mapping[str, float], callers: int) -> list[Asked]:
        found: list[Asked] = []
        waiting = iter(wanted)
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
        url = f"http://127.0.0.1:{self.port}/v1/chat/completions"

        async def caller(session: aiohttp.ClientSession) -> None:
            for route, number in waiting:
                message = {"role": "user", "content": f"Question #{number} : when may this contract be ended?"}
                body = msgspec.json.encode({"model": route, "messages": [message]})
                async with session.post(url, data=body, headers=headers) as answer:
                    said_back = await answer.read()
                    if answer.status != 200:
                        raise SystemExit(f"{answer.status}: {said_back[:500]!r}")
                    found.append(Asked(route, number, answer.headers["x-homeport-request-id"]))

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await (await session.post(f"http://127.0.0.1:{self._upstream}/good", json=dict(good))).read()
            await asyncio.gather(*(caller(session) for _ in range(callers)))
        return found

    def _made_key(self) -> str:
        argv = (*PROGRAM, "keys", "create", "bench", "--json")
        done = subprocess.run(argv, env=self._environment, cwd=self._folder, capture_output=True, text=True, check=True)
        time.sleep(2.0)  # after which every process knows it
        return str(json.loads(done.stdout)["key"])
