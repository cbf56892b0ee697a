"""One key, two gateway processes: together they let in what one would."""

import http.client
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.program import HOMEPORT, Program, free_port

pytestmark = pytest.mark.slow

LIMIT = 20
ASKED = 60
BODY = json.dumps({"input": "Hi"})
"""What needs no engine: one that is busy would turn some away, and they would count as let in."""


def ask(port: int, token: str) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/v1/moderations", BODY, {"authorization": f"Bearer {token}"})
        response = connection.getresponse()
        response.read()
        return response.status, {name.lower(): value for name, value in response.getheaders()}
    finally:
        connection.close()


@pytest.fixture
def second(program: Program) -> Iterator[int]:
    """The port of another gateway process on the same state folder."""
    port = free_port()
    environment = {**program.environment, "HOMEPORT_PORT": str(port)}
    with subprocess.Popen((*HOMEPORT, "gateway"), env=environment, cwd=program.home.parent) as process:
        try:
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def wait_known(port: int, token: str) -> None:
    """Until the gateway at a port is ready and has read the key; listing models is not limited."""
    for _ in range(600):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/v1/models", headers={"authorization": f"Bearer {token}"})
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise AssertionError(f"the gateway at {port} did not learn of the key")


def test_two_processes_let_in_what_one_would(program: Program, second: int) -> None:
    token = json.loads(program.run("keys", "create", "limited", "--rpm", str(LIMIT), "--json"))["key"]
    ports = (program.port, second)
    for port in ports:
        wait_known(port, token)
    began = time.monotonic()
    with ThreadPoolExecutor(6) as callers:
        answers = list(callers.map(lambda number: ask(ports[number % 2], token), range(ASKED)))
    statuses = [status for status, _ in answers]
    assert set(statuses) == {200, 429}
    earned = int((time.monotonic() - began) * LIMIT / 60) + 1
    assert LIMIT <= statuses.count(200) <= LIMIT + earned
    for status, headers in answers:
        assert headers["x-ratelimit-limit-requests"] == str(LIMIT)
        assert ("retry-after" in headers) is (status == 429)
