"""Homeport as its users run it: keys, routing, prices, journal and metrics on; its jobs worker on the other core."""

import contextlib
import importlib.metadata
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.contender import Running, free_port, process, wait_ready
from bench.machine import Cores, pinned
from bench.native import BenchmarkError, Mock
from bench.program import PROGRAM, environment
from bench.traffic import MODEL

_READY_SECONDS = 60.0
_CONFIG = """\
server:
  port: {port}
  max_in_flight: 4096
providers:
  mock:
    provider: openai_compatible
    base_url: {url}
    api_key: sk-mock
tiers:
  - name: mid
    targets:
      - model: {model}
        provider: mock
        price: openai:gpt-4.1-mini
        surfaces: [chat/completions, embeddings]
logging:
  level: error
"""


class State:
    """A state folder with a configuration, and the commands on it.

    Args:
        settings: more sections of the configuration, as YAML.
    """

    def __init__(self, root: Path, mock: Mock, settings: str = "") -> None:
        self.root = root
        self.port = free_port()
        self.environment: Mapping[str, str] = environment(root)
        config = _CONFIG.format(port=self.port, url=mock.url, model=MODEL) + settings
        (root / "homeport.yaml").write_text(config, encoding="utf-8")

    def command(self, *arguments: str) -> str:
        """What a homeport command prints. Raises BenchmarkError if it fails."""
        argv = (*PROGRAM, "--config", str(self.root / "homeport.yaml"), *arguments)
        done = subprocess.run(argv, env=self.environment, cwd=self.root, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchmarkError(f"homeport {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def make_key(self, *options: str) -> str:
        return str(json.loads(self.command("keys", "create", "bench", *options, "--json"))["key"])

    @contextlib.contextmanager
    def run(self, cores: Cores) -> Iterator[Running]:
        """The gateway on the proxy's core, the jobs worker on the other."""
        folders = [self.root / name for name in ("gateway-output", "jobs-output")]
        for folder in folders:
            folder.mkdir(exist_ok=True)
        key = self.make_key()
        config = ("--config", str(self.root / "homeport.yaml"))
        with contextlib.ExitStack() as stack:
            with pinned(cores.load):
                jobs = process((*PROGRAM, *config, "jobs"), folder=folders[1], environment=self.environment)
                worker = stack.enter_context(jobs)
            with pinned(cores.proxy):
                gateway = process((*PROGRAM, *config, "gateway"), folder=folders[0], environment=self.environment)
                child = stack.enter_context(gateway)
            ready = wait_ready(child, self.port, "/readyz", _READY_SECONDS, folders[0])
            version = importlib.metadata.version("homeport")
            about = {"version": version}
            yield Running(port=self.port, key=key, pid=child.pid, jobs_pid=worker.pid, ready_ms=ready, about=about)


@contextlib.contextmanager
def start_homeport(mock: Mock, cores: Cores, folder: Path) -> Iterator[Running]:
    """See `bench.contender.Start`."""
    with State(folder, mock).run(cores) as running:
        yield running
