"""A gateway in simulated time before an upstream whose answers are good as often as it is told, for bench.quality_week.

The upstream is the judge's, too: see bench/quality_answers.py for what both say. A question that is asked again is
answered by the quality of now, and by other chance than before.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from bench.contender import free_port, process, wait_ready
from bench.program import PROGRAM, environment
from bench.quality_answers import grading, number_of, said
from bench.shifted_clock import move, shifted
from homeport.config.file import ConfigFile
from homeport.config.home import Home
from homeport.config.load import Environment
from homeport.config.schema import Settings

JUDGE = "grader"
_READY_S = 90.0


class Route(msgspec.Struct, frozen=True):
    """A model, its share of the traffic, and how often its answers are good."""

    name: str
    share: float
    good: float


def serve(port: int, seed: int, visible: float) -> None:
    """The upstream. `POST /good` says how often each model's answers are good from now on."""
    good: dict[str, float] = {}
    times: Counter[tuple[str, int]] = Counter()

    def told(model: str, text: str) -> tuple[str, str]:
        if model == JUDGE:
            return grading(seed, text), "stop"
        number = number_of(text)
        times[model, number] += 1
        return said(seed, model, number, good[model], visible, times[model, number] - 1)

    async def answer(request: web.Request) -> web.Response:
        asked = await request.json()
        text, finish = told(asked["model"], asked["messages"][-1]["content"])
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
        usage = {"prompt_tokens": 20, "completion_tokens": 24, "total_tokens": 44}
        head = {"id": "c", "object": "chat.completion", "created": 1, "model": asked["model"]}
        return web.json_response({**head, "choices": [choice], "usage": usage})

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
    """One request: of a route, with a question, and the id that the gateway gave it."""

    route: str
    number: int
    request_id: str


class House:
    """A state folder with a gateway and its upstream, whose clock begins at `start_ns`, since the epoch."""

    def __init__(self, folder: Path, routes: Sequence[Route], start_ns: int, evaluation: Mapping[str, Any]) -> None:
        self.home, self.clock_file = Home(folder / "home"), folder / "clock"
        self.home.root.mkdir(parents=True)
        self._folder, self._upstream, self.port = folder, free_port(), free_port()
        self._real_ns = time.time_ns
        self.advance_to(start_ns)
        self.wall_ns = shifted(self.clock_file, self._real_ns)
        self._environment = environment(self.home.root, self.port)
        tiers = {"t": [route.name for route in routes], "judges": [JUDGE]}
        target = {"provider": "sim", "price": "openai:gpt-4.1-mini"}
        config = {
            "server": {"max_in_flight": 1024},
            "capture": {"enabled": True, "keep_days": 90, "max_bytes": 8 << 30},
            "evaluation": {"enabled": True, **evaluation},
            "providers": {"sim": {"provider": "openai_compatible", "base_url": f"http://127.0.0.1:{self._upstream}/v1",
                                  "api_key": "sk-sim"}},
            "tiers": [{"name": name, "targets": [{"model": model, **target} for model in models]}
                      for name, models in tiers.items()],
            "logging": {"level": "error"},
        }  # fmt: skip
        self.home.config.write_text(json.dumps(config), encoding="utf-8")

    def settings(self) -> Settings:
        home = self.home
        return ConfigFile(Environment(home=home.root, variables={}), home.config, home.adopted).read()

    @contextlib.asynccontextmanager
    async def up(self, seed: int, visible: float) -> AsyncIterator["House"]:
        """Raises SystemExit where they do not start."""
        rooms = [self._folder / name for name in ("upstream", "gateway")]
        for room in rooms:
            room.mkdir()
        source = f"from bench.quality_house import serve; serve({self._upstream}, {seed}, {visible})"
        clocked = (sys.executable, "-m", "bench.shifted_clock", str(self.clock_file), "gateway")
        seen = {**self._environment, "PYTHONPATH": f"{self._environment['PYTHONPATH']}:{Path(__file__).parents[1]}"}
        with (
            process((sys.executable, "-c", source), folder=rooms[0], environment=seen) as upstream,
            process(clocked, folder=rooms[1], environment=seen) as gateway,
        ):
            wait_ready(upstream, self._upstream, "/health", _READY_S, rooms[0])
            wait_ready(gateway, self.port, "/readyz", _READY_S, rooms[1])
            self._key = await asyncio.to_thread(self._made_key)
            yield self

    def advance_to(self, when_ns: int) -> None:
        """Set the clock of all processes."""
        move(self.clock_file, when_ns - self._real_ns())

    async def tell(self, good: Mapping[str, float]) -> None:
        """How often each model's answers are good from now on."""
        async with aiohttp.ClientSession() as session:
            await (await session.post(f"http://127.0.0.1:{self._upstream}/good", json=dict(good))).read()

    async def ask(self, wanted: Sequence[tuple[str, str]], callers: int = 24) -> list[Asked]:
        """Ask models (each first) these texts, so many at once; raises SystemExit where one is not answered."""
        found: list[Asked] = []
        waiting = iter(wanted)
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
        url = f"http://127.0.0.1:{self.port}/v1/chat/completions"

        async def caller(session: aiohttp.ClientSession) -> None:
            for route, text in waiting:
                body = msgspec.json.encode({"model": route, "messages": [{"role": "user", "content": text}]})
                async with session.post(url, data=body, headers=headers) as answer:
                    said_back = await answer.read()
                    if answer.status != 200:
                        raise SystemExit(f"{answer.status}: {said_back[:500]!r}")
                    found.append(Asked(route, number_of(text), answer.headers["x-homeport-request-id"]))

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(*(caller(session) for _ in range(callers)))
        return found

    def _made_key(self) -> str:
        argv = (*PROGRAM, "keys", "create", "bench", "--json")
        done = subprocess.run(argv, env=self._environment, cwd=self._folder, capture_output=True, text=True, check=True)
        time.sleep(2.0)  # after which every process knows it
        return str(json.loads(done.stdout)["key"])
