"""Requests of a running program are followed as they end, shown whole and found by what was said."""

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.program import Program
from tests.traces.kept import HOSTILE

pytestmark = pytest.mark.slow

CONFIG = """\
server: {workers: 2, drain_seconds: 30}
capture: {enabled: true}
providers:
  p: {provider: simulated}
tiers:
  - {name: local, targets: [{model: m, provider: p}]}
"""
MOST_ASKED = 60


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    program = Program(tmp_path_factory.mktemp("requests") / "home")
    program.home.mkdir(mode=0o700)
    (program.home / "homeport.yaml").write_text(CONFIG)
    program.start()
    yield program
    assert program.process is not None
    if program.process.poll() is None:
        program.stop()


def ask(program: Program, prompt: str) -> str:
    """The id of a request, each on a connection of its own, so that both processes answer."""
    connection = http.client.HTTPConnection("127.0.0.1", program.port, timeout=30)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": prompt}]})
    headers = {"authorization": f"Bearer {program.key}", "x-homeport-trace": "tr_e2e"}
    connection.request("POST", "/v1/chat/completions", body, headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    assert response.status == 200
    return response.headers["x-homeport-request-id"]


class Following:
    """An open `tail`."""

    def __init__(self, program: Program) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", program.port, timeout=20)
        admin = (program.home / "admin.key").read_text().strip()
        self._connection.request("GET", "/admin/v1/requests/tail", headers={"authorization": f"Bearer {admin}"})
        self._response = self._connection.getresponse()
        assert self._response.headers["content-type"] == "text/event-stream"
        assert self._response.readline() == b": requests as they end\n"

    def ids(self, count: int) -> set[str]:
        found: set[str] = set()
        while len(found) < count:
            line = self._response.readline()
            assert line, "the stream ended"
            if line.startswith(b"data: "):
                found.add(json.loads(line[6:])["id"])
        return found

    def rest(self) -> bytes:
        return self._response.read()

    def close(self) -> None:
        self._connection.close()


def test_all_processes_are_followed_and_all_they_did_is_found(running: Program, tmp_path: Path) -> None:
    following = Following(running)
    asked: set[str] = set()
    while len({request_id[:20] for request_id in asked}) < 2:  # until both processes were asked
        asked.add(ask(running, f"What is the notice period? {HOSTILE} {len(asked)}"))
        assert len(asked) < MOST_ASKED
    assert following.ids(len(asked)) == asked
    following.close()
    listed = json.loads(running.run("trace", "list", "--trace", "tr_e2e", "--json"))
    assert {one["id"] for one in listed["requests"]} == asked
    whole = json.loads(running.run("trace", "tr_e2e", "--json"))
    assert HOSTILE in whole["said"]["messages"][0]["text"]
    assert len(whole["others"]) == len(asked) - 1
    found = json.loads(running.run("trace", "search", '"notice period"', "--json"))
    assert {one["id"] for one in found["requests"]} == asked
    out = tmp_path / "out.jsonl"
    running.run("trace", "export", "--content", "--trace", "tr_e2e", "--out", str(out))
    assert {json.loads(line)["request_id"] for line in out.read_text().splitlines()} == asked


def test_the_jobs_worker_indexes_and_who_follows_does_not_hold_up_the_end(running: Program) -> None:
    asked = ask(running, "an unmistakable word")
    admin = (running.home / "admin.key").read_text().strip()
    path = "/admin/v1/requests/search?text=unmistakable"
    until = time.monotonic() + 20
    while not (found := json.loads(running.get(path, {"authorization": f"Bearer {admin}"})[1])["data"]):
        assert time.monotonic() < until
        time.sleep(0.2)
    assert [one["id"] for one in found] == [asked]
    following = Following(running)
    began = time.monotonic()
    assert running.stop() == 0, running.output()
    assert time.monotonic() - began < 15
    assert b"event: request" not in following.rest()
    following.close()
