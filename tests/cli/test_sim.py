"""`homeport sim` as a person runs it: by itself, without a state folder."""

import http.client
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.cli.inside import Inside
from tests.e2e.program import HOMEPORT


def start(folder: Path, *options: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    process = subprocess.Popen(
        (*HOMEPORT, "sim", "--port", "0", "--json", *options),
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    while not said.rstrip().endswith("}"):
        line = process.stdout.readline()
        assert line, "it ended"
        said += line
    return process, json.loads(said)


def ask(url: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_it_runs_by_itself_and_stops_when_told(tmp_path: Path) -> None:
    options = ("--seed", "3", "--model", "a", "--model", "b", "--fault", "tokens=4", "--fault", "cached=1")
    process, urls = start(tmp_path, *options, "--control-port", "0")
    try:
        assert [model["id"] for model in ask(urls["url"], "GET", "/v1/models")[1]["data"]] == ["a", "b"]
        chat = {"model": "a", "messages": [{"role": "user", "content": "hi"}]}
        status, answer = ask(urls["url"], "POST", "/v1/chat/completions", chat)
        assert (status, answer["usage"]["completion_tokens"]) == (200, 4)
        ask(urls["control_url"], "POST", "/sim/faults", {"faults": "status=429", "times": 1})
        assert ask(urls["url"], "POST", "/v1/chat/completions", chat)[0] == 429
        seen = ask(urls["control_url"], "GET", "/sim/requests")[1]["requests"]
        assert [request["status"] for request in seen] == [200, 200, 429]
        assert ask(urls["control_url"], "GET", "/sim/settings")[1]["seed"] == 3
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stdout is not None
        process.stdout.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--fault", "nonsense"), "sim_fault_invalid"),
        (("--error-rate", "2"), "sim_setting_invalid"),
        (("--latency-p99-ms", "2"), "sim_setting_invalid"),
        (("--accuracy", "m=2"), "sim_setting_invalid"),
        (("--accuracy", "m"), "sim_setting_invalid"),
        (("--answers", "/nowhere"), "sim_answers_invalid"),
        (("--host", "192.0.2.1"), "port_unavailable"),
    ],
)
def test_what_cannot_be_right_is_two_lines(options: tuple[str, ...], code: str, tmp_path: Path) -> None:
    done = Inside(tmp_path / "home").execute("sim", "--port", "0", *options)
    assert done.returncode == 2
    assert code in done.stderr
    assert "Traceback" not in done.stderr


def test_the_faults_can_be_listed(tmp_path: Path) -> None:
    assert "\nretry-after " in Inside(tmp_path / "home").run("sim", "--list-faults")
