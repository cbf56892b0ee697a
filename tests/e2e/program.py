"""The whole program as a person runs it: `homeport up` in a process of its own, with real weights."""

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

HOMEPORT = (sys.executable, "-m", "homeport.cli.main")
_START_SECONDS = 120.0
_OURS = ("HOMEPORT_", "OPENAI_", "ANTHROPIC_", "GEMINI_", "TOGETHER_", "FIREWORKS_")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Program:
    """One state folder and, between `start` and `stop`, one running `homeport up`."""

    def __init__(self, home: Path, variables: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.port = free_port()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        self.environment = {
            **inherited,
            "HOMEPORT_HOME": str(home),
            "HOMEPORT_PORT": str(self.port),
            **(variables or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def key(self) -> str:
        return (self.home / "local.key").read_text().strip()

    def start(self, within: float = _START_SECONDS) -> float:
        """Seconds from the command to /readyz = 200."""
        started = time.monotonic()
        with (self.home.parent / f"{self.home.name}.out").open("ab") as output:
            self.process = subprocess.Popen(
                (*HOMEPORT, "up"), env=self.environment, cwd=self.home.parent, stdout=output, stderr=output
            )
        while self.get("/readyz")[0] != 200:
            if self.process.poll() is not None or time.monotonic() - started > within:
                raise AssertionError(f"homeport up did not get ready:\n{self.output()}")
            time.sleep(0.05)
        return time.monotonic() - started

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)

    def kill(self) -> None:
        """kill -9 on the supervisor; its children must notice by themselves."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def output(self) -> str:
        return (self.home.parent / f"{self.home.name}.out").read_text()

    async def eventually(self, holds: Callable[[], bool]) -> None:
        """Wait until it does, at most 30 seconds."""
        try:
            async with asyncio.timeout(30):
                while not holds():
                    await asyncio.sleep(0.1)
        except TimeoutError:
            logs = [log.read_text() for log in sorted((self.home / "logs").glob("*.log"))]
            raise AssertionError("\n".join([self.output(), *logs])) from None

    def children(self, name: str) -> list[int]:
        """Process ids of our children whose command line holds `name`."""
        assert self.process is not None
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid), "-f", name], capture_output=True, text=True, check=False
        )
        return [int(line) for line in found.stdout.split()]

    def execute(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another homeport command on the same state folder."""
        return subprocess.run(
            (*HOMEPORT, *arguments),
            env=self.environment,
            cwd=self.home.parent,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def run(self, *arguments: str) -> str:
        """What a command that must succeed prints."""
        done = self.execute(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def cost(self) -> dict[str, Any]:
        return dict(json.loads(self.run("cost", "--json")))

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body; status 0 while nothing answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read()
        except OSError:
            return 0, b""
        finally:
            connection.close()

    def post(
        self, path: str, body: bytes | Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower-case names) and body, with this machine's key unless `headers` says otherwise."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("POST", f"/v1{path}", data, {"authorization": f"Bearer {self.key}", **(headers or {})})
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return response.status, names, response.read()
        finally:
            connection.close()

    def post_raw(self, path: str, headers: Mapping[str, str], body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        """A POST outside /v1."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("POST", path, body, dict(headers))
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def chat(self, text: str, **fields: Any) -> tuple[int, dict[str, str], bytes]:
        body = {"model": "auto", "max_tokens": 16, **fields, "messages": [{"role": "user", "content": text}]}
        return self.post("/chat/completions", body)
