"""Debian's Prometheus and promtool, and a server of them that runs for a test."""

import http.client
import json
import shutil
import subprocess
import time
import urllib.parse
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
import yaml

from tests.e2e.program import free_port

PROMETHEUS, PROMTOOL = (shutil.which(name) or "" for name in ("prometheus", "promtool"))
installed = pytest.mark.skipif(not (PROMETHEUS and PROMTOOL), reason="needs Debian's package prometheus")

_START_SECONDS = 60.0
EVERY_S = 0.25
_EVERY = f"{EVERY_S * 1_000:.0f}ms"


def promtool(*arguments: str, stdin: bytes = b"") -> str:
    """What it prints; fails the test where it is not content."""
    done = subprocess.run((PROMTOOL, *arguments), input=stdin, capture_output=True, timeout=120, check=False)
    printed = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 0, printed
    return printed


class Prometheus:
    """A server by a folder that `homeport telemetry export` wrote; all is scraped and recorded four times a second."""

    def __init__(self, folder: Path, data: Path) -> None:
        self._folder = folder
        self._data = data
        self._port = free_port()

    def __enter__(self) -> "Prometheus":
        self._data.mkdir(parents=True)
        self._hurry()
        command = (
            PROMETHEUS,
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._data}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--enable-feature=exemplar-storage",
            "--log.level=warn",
        )
        self._output = (self._data.parent / "prometheus.out").open("ab")
        self._process = subprocess.Popen(command, stdout=self._output, stderr=self._output)
        self._wait(lambda: self._get("/-/ready")[0] == 200)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._output.close()

    def _hurry(self) -> None:
        path = self._folder / "prometheus.yml"
        config = yaml.safe_load(path.read_text())
        config["global"] = {"scrape_interval": _EVERY, "scrape_timeout": _EVERY, "evaluation_interval": _EVERY}
        for job in config["scrape_configs"]:
            for discovery in job.get("http_sd_configs", ()):
                discovery["refresh_interval"] = "1s"
        path.write_text(yaml.safe_dump(config))

    def _wait(self, holds: Any) -> None:
        end = time.monotonic() + _START_SECONDS
        while not holds():
            assert self._process.poll() is None, (self._data.parent / "prometheus.out").read_text()
            assert time.monotonic() < end, "Prometheus did not get ready"
            time.sleep(0.1)

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        except OSError:
            return 0, b""
        finally:
            connection.close()

    def api(self, path: str, **parameters: str) -> Any:
        """`data` of an answer of its API; fails the test where it is an error."""
        status, body = self._get(f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        assert status == 200, body.decode()
        return json.loads(body)["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series that an expression gives now."""
        return list(self.api("query", query=expr)["result"])

    def value(self, expr: str) -> float:
        """The value of an expression that gives one series."""
        [series] = self.query(expr)
        return float(series["value"][1])

    def eventually(self, expr: str, seconds: float = 30.0) -> list[dict[str, Any]]:
        """The series of an expression, once there are any."""
        end = time.monotonic() + seconds
        while not (found := self.query(expr)):
            assert time.monotonic() < end, f"{expr} has no value; up: {self.query('up')}"
            time.sleep(0.2)
        return found
