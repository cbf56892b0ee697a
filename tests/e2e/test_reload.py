"""A running program takes a new configuration, and an end, without failing a request. Two gateway processes."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.crowd import Crowd
from homeport.core.errors import UpstreamError
from homeport.core.types import Timeouts
from homeport.transport.http import HttpRequest
from homeport.transport.pool import PooledTransport
from tests.e2e.program import Program

pytestmark = pytest.mark.slow

CONFIG = """\
server:
  workers: 2
providers:
  demo:
    provider: simulated
    options: {{latency_ms: 5, tokens_per_second: 400, output_tokens: 12}}
tiers:
  - name: mid
    targets:
      - {{model: one, provider: demo}}
aliases:
  version-{number}: one
"""
RELOADS = 20
CALLERS = 8


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    write(home, 0)
    program = Program(home)
    program.start()
    wait_until(lambda: 'worker="2"' in program.get("/metrics")[1].decode())
    yield program
    if program.process is not None and program.process.poll() is None:
        program.stop()


def write(home: Path, number: int) -> None:
    """As an editor does: whole or not at all."""
    draft = home / "homeport.draft"
    draft.write_text(CONFIG.format(number=number))
    draft.rename(home / "homeport.yaml")


class Load(Crowd):
    """Callers that ask as fast as they are answered, each second answer a stream.

    Attributes:
        failures: what was not answered well, in words.
        refused: connections that nobody accepted, as after the end.
    """

    def __init__(self, program: Program) -> None:
        self.answered = 0
        self.failures: list[str] = []
        self.refused = 0
        self._url = f"{program.url}/chat/completions"
        self._key = program.key

    def wait_for(self, answers: int) -> None:
        wait_until(lambda: self.answered >= answers)

    async def call(self) -> None:
        await asyncio.gather(*(self._ask(number) for number in range(CALLERS)))

    async def _ask(self, number: int) -> None:
        transport = PooledTransport()
        while not self.over and not self.refused:
            number += 1
            if number % 4 < 2:
                await transport.close()
                transport = PooledTransport()  # A new connection for half of the requests.
            try:
                await self._one(transport, stream=number % 2 == 0)
            except UpstreamError as error:
                if error.code == "upstream_unreachable":
                    self.refused += 1
                else:
                    self.failures.append(error.code)
        await transport.close()

    async def _one(self, transport: PooledTransport, *, stream: bool) -> None:
        body = {"model": "one", "stream": stream, "messages": [{"role": "user", "content": "hello"}]}
        request = HttpRequest(
            url=self._url,
            headers={"authorization": f"Bearer {self._key}", "content-type": "application/json"},
            body=json.dumps(body).encode(),
            timeouts=Timeouts(),
        )
        response = await transport.post(request)
        whole = response.body.endswith(b"[DONE]\n\n") if stream else response.body.endswith(b"}")
        if response.status != 200 or not whole or b'"error"' in response.body:
            self.failures.append(f"{response.status} {response.body[-200:]!r}")
        self.answered += 1


def wait_until(reached: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.02)


def reloads(program: Program, result: str) -> list[int]:
    """How often each gateway process adopted or refused a configuration."""
    page = program.get("/metrics")[1].decode()
    lines = [line for line in page.splitlines() if line.startswith("homeport_config_reloads_total{")]
    return [int(float(line.rpartition(" ")[2])) for line in lines if f'result="{result}"' in line]


def known(program: Program) -> list[str]:
    status, body = program.get("/v1/models", {"authorization": f"Bearer {program.key}"})
    return [model["id"] for model in json.loads(body)["data"]] if status == 200 else []


def test_reloads_under_load_fail_no_request(program: Program) -> None:
    with Load(program).running() as load:
        load.wait_for(50)
        for number in range(1, RELOADS + 1):
            write(program.home, number)
            wait_until(lambda number=number: min([0, 0, *reloads(program, "adopted")][-2:]) >= number)  # type: ignore[misc]
        load.wait_for(load.answered + 50)
    assert load.failures == []
    assert load.refused == 0
    assert f"version-{RELOADS}" in known(program)
    assert program.process is not None
    assert len(program.children("gateway")) == 2, "the same processes as before"


def test_a_broken_configuration_is_refused_with_its_line_and_the_old_one_stays(program: Program) -> None:
    admin = {"authorization": f"Bearer {(program.home / 'admin.key').read_text().strip()}"}
    (program.home / "homeport.yaml").write_text(CONFIG.format(number=1).replace("provider: demo}", "provider: dem}"))
    status, _, body = program.post_raw("/admin/v1/reload", admin)
    error = json.loads(body)["error"]
    assert (status, error["code"]) == (422, "config_invalid")
    assert "homeport.yaml:10:" in error["message"]
    wait_until(lambda: sum(reloads(program, "refused")) >= 2)
    assert "version-0" in known(program)
    assert program.chat("hello", model="one")[0] == 200


def test_a_process_that_starts_while_the_file_is_broken_goes_by_the_old_one(program: Program) -> None:
    (program.home / "homeport.yaml").write_text("tiers: [")
    for pid in program.children("gateway"):
        os.kill(pid, signal.SIGKILL)
    logs = [program.home / "logs" / f"{name}.log" for name in ("gateway", "gateway-2")]
    wait_until(lambda: all("what it said before holds" in log.read_text() for log in logs))
    wait_until(lambda: "version-0" in known(program))
    write(program.home, 1)
    wait_until(lambda: "version-1" in known(program))


def test_sigterm_under_load_cuts_no_answer(program: Program) -> None:
    with Load(program).running() as load:
        load.wait_for(100)
        assert program.stop() == 0, program.output()
        wait_until(lambda: load.refused > 0)
    assert load.failures == []
    assert load.answered > 100
