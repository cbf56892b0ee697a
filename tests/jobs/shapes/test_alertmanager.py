"""A real Alertmanager takes our alerts, shows them as active, and as resolved when they are over."""

import contextlib
import http.client
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from homeport.jobs.shapes import alertmanager
from homeport.storage.alerts import StoredAlert
from tests.conformance.test_shapes import HOSTILE, alert, begun
from tests.e2e.program import free_port

BINARY = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
SECOND = 1_000_000_000
CONFIG = "route: {receiver: none}\nreceivers: [{name: none}]\n"


class Alertmanager:
    """A running Alertmanager."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body or None, headers or {})
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text[:1] in (b"[", b"{") else text
        finally:
            connection.close()

    def post(self, one: StoredAlert, link: str = "") -> int:
        post = alertmanager.write(one, SecretStr(""), int(time.time()), link)
        return self.ask("POST", "/api/v2/alerts", post.body, dict(post.headers))[0]

    def active(self, incident: str) -> list[Any]:
        """What it shows; it shows nothing that is over."""
        status, found = self.ask("GET", "/api/v2/alerts")
        assert status == 200
        return [one for one in found if one["labels"]["incident"] == incident]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    with started(tmp_path_factory.mktemp("alertmanager")) as server:
        yield server


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Alertmanager]:
    if BINARY is None:
        pytest.skip("prometheus-alertmanager is not installed")
    (folder / "config.yml").write_text(CONFIG)
    server = Alertmanager(free_port())
    options = [
        f"--config.file={folder}/config.yml",
        f"--storage.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{server.port}",
        "--cluster.listen-address=",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen([BINARY, *options], stdout=log, stderr=log) as process:
        try:
            eventually(lambda: answers(server), (folder / "log").read_text)
            yield server
        finally:
            process.terminate()


def answers(server: Alertmanager) -> bool:
    try:
        return server.ask("GET", "/-/ready")[0] == 200
    except OSError:
        return False


def eventually(holds: Callable[[], bool], log: Callable[[], str]) -> None:
    until = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < until, log()
        time.sleep(0.05)


@pytest.mark.slow
def test_it_is_active_and_then_resolved(running: Alertmanager) -> None:
    now = time.time_ns()
    since = now - 90 * SECOND
    assert running.post(begun(incident="inc_7", since=since), "https://console.example/") == 200
    eventually(lambda: len(running.active("inc_7")) == 1, str)
    (shown,) = running.active("inc_7")
    assert shown["status"]["state"] in ("active", "unprocessed")
    assert shown["labels"] == {
        "alertname": "anomaly.errors",
        "severity": "critical",
        "service": "homeport",
        "incident": "inc_7",
        "level": "model",
        "subject": "m",
        "measure": "errors",
    }
    assert shown["annotations"] == {"summary": "Model m has failed 50.0 % of its requests"}
    assert shown["generatorURL"] == "https://console.example/"
    assert shown["startsAt"][:16] == time.strftime("%Y-%m-%dT%H:%M", time.gmtime(since // SECOND))
    assert running.post(begun(incident="inc_7", since=since, state="over", until=now)) == 200
    eventually(lambda: running.active("inc_7") == [], str)


@pytest.mark.slow
def test_it_forgets_when_it_is_started_again_and_is_told_again(tmp_path: Path) -> None:
    """Why there are reminders."""
    lasting = begun(incident="inc_9", since=time.time_ns())
    with started(tmp_path) as server:
        assert server.post(lasting) == 200
        eventually(lambda: len(server.active("inc_9")) == 1, str)
    with started(tmp_path) as server:
        assert server.active("inc_9") == []
        assert server.post(lasting) == 200
        eventually(lambda: len(server.active("inc_9")) == 1, str)
    assert alertmanager.REMINDED_EVERY_S > 0


@pytest.mark.slow
@pytest.mark.parametrize("words", HOSTILE)
def test_it_takes_any_name(running: Alertmanager, words: str) -> None:
    assert running.post(alert(words, subject=words, project=words)) == 200


@pytest.mark.parametrize("words", HOSTILE)
def test_names_are_one_line_in_whatever_it_tells_people_by(words: str) -> None:
    told = json.loads(alertmanager.write(alert(words, subject=words), SecretStr(""), 1_000, "").body)[0]
    said = told["annotations"]["summary"] + told["labels"].get("subject", "")
    assert said.isprintable()
    assert len(said) <= 2 * 1_024


def test_one_that_is_not_told_of_again_lasts_until_its_end() -> None:
    """Without `endsAt` Alertmanager takes it for over after five minutes."""
    lasting, single = (
        json.loads(alertmanager.write(one, SecretStr(""), 1_000, "").body)[0] for one in (begun(), alert())
    )
    assert lasting["endsAt"] == "1970-01-02T00:16:40.000000Z"
    assert single["endsAt"] == "1970-01-01T01:16:40.000000Z"
    assert "generatorURL" not in lasting


@pytest.mark.slow
def test_what_became_critical_is_shown_as_that_alone(running: Alertmanager) -> None:
    now = time.time_ns()
    said: dict[str, Any] = {"incident": "inc_8", "since": now - 90 * SECOND}
    assert running.post(msgspec.structs.replace(begun(**said), severity="warning")) == 200
    eventually(lambda: len(running.active("inc_8")) == 1, str)
    assert running.post(begun(**said, worse=True)) == 200
    eventually(lambda: [one["labels"]["severity"] for one in running.active("inc_8")] == ["critical"], str)
    assert running.post(begun(**said, state="over", until=now)) == 200
    eventually(lambda: running.active("inc_8") == [], str)


def test_a_token_is_sent_and_none_is_not() -> None:
    assert "authorization" not in alertmanager.write(alert(), SecretStr(""), 0, "").headers
    assert alertmanager.write(alert(), SecretStr("t0ken"), 0, "").headers["authorization"] == "Bearer t0ken"
