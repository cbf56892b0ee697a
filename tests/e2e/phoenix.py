"""Phoenix, a collector of OpenTelemetry that is not ours: spans are sent to it over the wire, and read back from it."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.e2e.program import free_port

BIN = Path(__file__).parents[2] / ".venv-phoenix" / "bin"
_START_SECONDS = 120.0
_WAIT_SECONDS = 30.0
_PAGE = 500

Found = dict[str, Any]
"""A span, as Phoenix tells it."""


class Phoenix:
    """One that is started when it is entered, with a folder of its own; that takes it as long as a gateway."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, self._grpc = free_port(), free_port()

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def grpc(self) -> str:
        return f"http://127.0.0.1:{self._grpc}"

    def __enter__(self) -> Self:
        environment = {
            **os.environ,
            "PHOENIX_WORKING_DIR": str(self._folder),
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(self._port),
            "PHOENIX_GRPC_PORT": str(self._grpc),
            "PHOENIX_TELEMETRY_ENABLED": "false",
            "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
        }
        command = (BIN / "python", BIN / "phoenix", "serve")  # whichever way it was installed, and moved since
        with (self._folder / "output").open("wb") as output:
            self._process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        return self

    def wait(self) -> None:
        """Until it takes spans."""
        until = time.monotonic() + _START_SECONDS
        while self._ask("/readyz") is None:
            if self._process.poll() is not None or time.monotonic() > until:
                raise AssertionError((self._folder / "output").read_text())
            time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    def trace(self, trace_id: str, is_whole: Callable[[list[Found]], bool]) -> list[Found]:
        """The spans of a trace, the earliest first, once they are all there."""
        until = time.monotonic() + _WAIT_SECONDS
        while True:
            found = [span for span in self.spans() if span["context"]["trace_id"] == trace_id]
            if is_whole(found):
                return sorted(found, key=lambda span: str(span["start_time"]))
            assert time.monotonic() < until, f"trace {trace_id} has {[span['name'] for span in found]}"
            time.sleep(0.3)

    def spans(self) -> list[Found]:
        """Everything that it was sent."""
        told = self._ask(f"/v1/projects/default/spans?limit={_PAGE}")
        return list(json.loads(told)["data"]) if told else []

    def _ask(self, path: str) -> bytes | None:
        try:
            with urllib.request.urlopen(self.http + path, timeout=10) as response:
                return bytes(response.read())
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None
