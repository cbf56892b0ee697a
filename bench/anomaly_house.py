"""A real gateway in front of simulated upstreams that get faults while callers go on asking.

Four models, each with an upstream of its own: one is to fail, one to slow down, one to count more tokens than it says,
and to one nothing happens.
"""

import asyncio
import contextlib
import html
import json
import random
import re
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from bench.contender import free_port, process, wait_ready
from bench.program import PROGRAM, environment
from homeport.sim.server import SimServer
from homeport.sim.settings import Settings

MODELS = ("failing", "slow", "inflated", "quiet")
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "failing": {"error_rate": 0.8, "error_status": 503},
    "slow": {"latency_ms": 1_000.0, "latency_p99_ms": 2_000.0},
    "inflated": {"faults": "reasoning=60"},
}
"""A burst of 5xx, four times the latency, and tokens that are counted without a word more."""

USUAL = {"latency_ms": 250.0, "latency_p99_ms": 500.0, "output_tokens": 40, "error_rate": 0.002, "faults": ""}
KINDS = {"failing": ("anomaly.errors",), "slow": ("anomaly.latency", "anomaly.ttft"), "inflated": ("anomaly.tokens",)}
"""What the right alert is."""

_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_ADVICE = re.compile(r'id="advice">([^<]*)<')
_WORDS = ("lease", "notice", "rent", "term", "deposit", "repair", "tenant", "clause", "renewal", "damage")
_READY_SECONDS = 60.0
_AT_ONCE = 200


class Told(msgspec.Struct, frozen=True):
    """An alert: seconds on the monotonic clock when it was seen, and what it says."""

    at: float
    kind: str
    state: str
    subject: str
    summary: str


class House:
    """The running program, its upstreams and its callers.

    Attributes:
        told: the alerts, in the order in which they were seen.
        statuses: how many requests ended with which HTTP status.
    """

    def __init__(self, sims: Mapping[str, SimServer], home: Path, port: int, rate: float, streams: float) -> None:
        self.sims = sims
        self.home = home
        self.told: list[Told] = []
        self.statuses: dict[int, int] = {}
        self._url = f"http://127.0.0.1:{port}"
        self._rate = rate
        self._streams = streams
        self._dice = random.Random(4)
        self._known: set[str] = set()
        self._headers = {"authorization": f"Bearer {(home / 'local.key').read_text().strip()}"}

    def break_(self, model: str) -> None:
        """Give a model's upstream its fault."""
        self.sims[model].configure(**FAULTS[model])

    def mend(self, model: str) -> None:
        self.sims[model].configure(**USUAL)

    def begun(self, model: str) -> list[Told]:
        """The alerts that something of a model began."""
        return [one for one in self.told if one.subject == model and one.state == "began"]

    def status(self) -> dict[str, Any]:
        """What `homeport status --json` prints."""
        command = (*PROGRAM, "status", "--json")
        done = subprocess.run(command, env=environment(self.home), capture_output=True, text=True, check=False)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    async def advice(self) -> str:
        """The sentence that the console's overview begins with."""
        url = f"{self._url}/console"
        # Cookies of an address without a name are kept, too.
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            async with browser.get(f"{url}/sign-in") as form:
                [csrf] = _CSRF.findall(await form.text())
            password = (self.home / "console.password").read_text().strip()
            fields = {"csrf": csrf, "name": "admin", "password": password, "next": "/console/overview"}
            async with browser.post(f"{url}/sign-in", data=fields, headers={"origin": self._url}) as page:
                [sentence] = _ADVICE.findall(await page.text())
                return html.unescape(sentence)

    async def ask_all(self, client: aiohttp.ClientSession) -> None:
        """Ask every model at the rate, in Poisson's order, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for model in MODELS:
                group.create_task(self._ask_one(client, model, group))

    async def _ask_one(self, client: aiohttp.ClientSession, model: str, group: asyncio.TaskGroup) -> None:
        places = asyncio.Semaphore(_AT_ONCE)
        while True:
            await asyncio.sleep(self._dice.expovariate(self._rate))
            await places.acquire()
            task = group.create_task(self._ask(client, model))
            task.add_done_callback(lambda _: places.release())

    async def _ask(self, client: aiohttp.ClientSession, model: str) -> None:
        words = " ".join(self._dice.choices(_WORDS, k=max(1, int(self._dice.lognormvariate(3, 0.6)))))
        body = {
            "model": model,
            "messages": [{"role": "user", "content": words}],
            "stream": self._dice.random() < self._streams,
        }
        with contextlib.suppress(aiohttp.ClientError):
            async with client.post(f"{self._url}/v1/chat/completions", json=body, headers=self._headers) as answer:
                await answer.read()
                self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1

    async def watch(self, client: aiohttp.ClientSession) -> None:
        """Note the alerts as the admin API shows them, until cancelled."""
        key = (self.home / "admin.key").read_text().strip()
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                headers = {"authorization": f"Bearer {key}"}
                async with client.get(f"{self._url}/admin/v1/alerts", headers=headers) as answer:
                    self._note((await answer.json())["data"])
            await asyncio.sleep(0.1)

    def _note(self, listed: Sequence[Mapping[str, Any]]) -> None:
        for one in reversed(listed):
            if one["id"] not in self._known:
                self._known.add(one["id"])
                about = one["data"]
                state, subject = about.get("state", ""), about.get("subject", "")
                self.told.append(Told(time.monotonic(), one["kind"], state, subject, one["summary"]))


@contextlib.asynccontextmanager
async def running(folder: Path, *, rate: float, interval: float, streams: float) -> AsyncIterator[House]:
    """A house with callers at `rate` requests a second for each model, watched in stretches of `interval` seconds.

    Args:
        streams: share of the requests that are streams.
    """
    home = folder / "home"
    home.mkdir(mode=0o700)
    port = free_port()
    async with contextlib.AsyncExitStack() as stack:
        usual = Settings().changed({**USUAL})
        sims = {
            model: await stack.enter_async_context(SimServer(usual.changed({"seed": n})))
            for n, model in enumerate(MODELS)
        }
        (home / "homeport.yaml").write_text(_config(sims, interval))
        child = stack.enter_context(
            process((*PROGRAM, "up", "--quiet"), folder=folder, environment=environment(home, port))
        )
        await asyncio.to_thread(wait_ready, child, port, "/readyz", _READY_SECONDS, folder)
        house = House(sims, home, port, rate, streams)
        timeout = aiohttp.ClientTimeout(total=60)
        client = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
        )
        tasks = [asyncio.create_task(house.ask_all(client)), asyncio.create_task(house.watch(client))]
        try:
            yield house
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _config(sims: Mapping[str, SimServer], interval: float) -> str:
    lines = ["providers:"]
    lines += [f"  {model}: {{provider: openai_compatible, base_url: {sim.url}/v1}}" for model, sim in sims.items()]
    lines += ["tiers:"]
    targets = [f"      - {{model: {model}, provider: {model}, price: 'openai:gpt-5.4'}}" for model in sims]
    lines += ["  - name: far", "    targets:", *targets]
    lines += ["alerts:", f"  anomalies: {{interval_seconds: {interval}}}"]
    return "\n".join(lines) + "\n"
