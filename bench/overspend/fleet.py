"""The gateways and jobs workers of one run: processes that share a database, and a state folder or not."""

import asyncio
import contextlib
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec

from bench.contender import free_port
from bench.native import BenchmarkError
from bench.overspend.upstream import PRICE
from bench.program import PROGRAM, environment

MODEL = "m"
_READY_SECONDS = 60.0
_STOP_SECONDS = 30.0
_CONFIG = f"""\
server:
  max_in_flight: 4096
  drain_seconds: 10
storage:
  url: "{{url}}"
providers:
  api:
    provider: openai_compatible
    base_url: {{upstream}}
    api_key: sk-none
tiers:
  - name: frontier
    targets:
      - model: {MODEL}
        provider: api
        price: {PRICE}
        surfaces: [chat/completions, embeddings]
batch:
  concurrency: 4
logging:
  level: error
"""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """How a run is put together.

    Attributes:
        url: of the database, which is there and empty.
        apart: each gateway has a state folder and a jobs worker of its own, as on machines of their own.
    """

    folder: Path
    url: str
    gateways: int = 3
    apart: bool = False


class Fleet:
    """Processes by name; a gateway can be killed and started again."""

    def __init__(self, layout: Layout, upstream: str) -> None:
        self._layout = layout
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ports = [free_port() for _ in range(layout.gateways)]
        self.homes = [layout.folder / f"home{number}" for number in range(layout.gateways if layout.apart else 1)]
        for home in self.homes:
            home.mkdir(mode=0o700)
            (home / "homeport.yaml").write_text(_CONFIG.format(url=layout.url, upstream=upstream), encoding="utf-8")

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{port}/v1" for port in self._ports]

    def share(self, name: str) -> None:
        """What the first state folder has under a name is in the others too, as over a network mount."""
        for home in self.homes[1:]:
            (home / name).symlink_to(self.homes[0] / name)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """All of them, from ready to gone."""
        try:
            for number in range(len(self.homes)):
                self._start(f"jobs{number}", number, "jobs")
            for number in range(self._layout.gateways):
                self.start(number)
            for number in range(self._layout.gateways):
                await self.ready(number)
            yield
        finally:
            self._end(signal.SIGKILL, "")

    def start(self, number: int) -> None:
        self._start(f"gateway{number}", number, "gateway")

    def kill(self, number: int) -> None:
        """kill -9, as the kernel does when memory runs out."""
        process = self._processes[f"gateway{number}"]
        process.kill()
        process.wait()

    async def ready(self, number: int) -> None:
        """Until a gateway answers. Raises BenchmarkError with its last words."""
        process = self._processes[f"gateway{number}"]
        url = f"http://127.0.0.1:{self._ports[number]}/readyz"
        until = time.monotonic() + _READY_SECONDS
        async with aiohttp.ClientSession() as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(url) as response:
                        if response.status == 200:
                            return
                if process.poll() is not None or time.monotonic() > until:
                    raise BenchmarkError(f"gateway {number} did not get ready:\n{self.words()}")
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """SIGTERM to the gateways, then to the jobs workers, and their end: they give back what they leased."""
        for kind in ("gateway", "jobs"):
            await asyncio.to_thread(self._end, signal.SIGTERM, kind)

    def words(self) -> str:
        """What they said."""
        return "\n".join(
            f"{path.name}:\n{path.read_text(errors='replace')[-2000:]}" for path in self._layout.folder.glob("*.out")
        )

    def _start(self, name: str, number: int, command: str) -> None:
        home = self.homes[number % len(self.homes)]
        with (self._layout.folder / f"{name}.out").open("ab") as output:
            self._processes[name] = subprocess.Popen(
                (*PROGRAM, "--config", str(home / "homeport.yaml"), command),
                env=environment(home, self._ports[number]),
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def _end(self, how: signal.Signals, kind: str) -> None:
        chosen = [process for name, process in self._processes.items() if name.startswith(kind)]
        for process in chosen:
            if process.poll() is None:
                process.send_signal(how)
        for process in chosen:
            process.wait(_STOP_SECONDS)
