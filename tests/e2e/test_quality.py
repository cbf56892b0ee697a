"""Every output of a running program is measured once, also where the jobs worker is killed, and the page shows it."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import Program

pytestmark = pytest.mark.slow

CONFIG = """\
server: {{workers: 2}}
capture: {{enabled: true}}
evaluation: {{enabled: true, files: [{file}], sampling: {{judge: 0.5, human: 0.5}}}}
providers:
  p: {{provider: simulated}}
tiers:
  - {{name: local, targets: [{{model: m, provider: p}}]}}
"""
OWN = """\
from homeport.evaluation.custom import metric

@metric(unit="number")
def characters(sample):
    return len(sample.output)
"""
ASKED = 16


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Program]:
    program = Program(tmp_path / "home")
    program.home.mkdir(mode=0o700)
    (tmp_path / "own.py").write_text(OWN)
    (program.home / "homeport.yaml").write_text(CONFIG.format(file=tmp_path / "own.py"))
    program.start()
    yield program
    assert program.stop() == 0, program.output()


def told(program: Program) -> dict[str, Any]:
    return dict(json.loads(program.run("quality", "--json")))


def measured(program: Program) -> int:
    return sum(row["outputs"] for row in told(program)["outputs"])


async def test_outputs_are_measured_once_whatever_becomes_of_the_worker(running: Program) -> None:
    for number in range(ASKED // 2):
        assert running.chat(f"Tell me of {number}.", stream=bool(number % 2))[0] == 200
    await running.eventually(lambda: measured(running) > 0)
    [worker] = running.children("jobs")
    os.kill(worker, signal.SIGKILL)
    for number in range(ASKED // 2):
        assert running.chat(f"And of {number}?")[0] == 200
    await running.eventually(lambda: measured(running) == ASKED)
    [outputs] = told(running)["outputs"]
    assert (outputs["kept"], outputs["broken"]) == (ASKED, 0)
    assert outputs["for_judge"] == outputs["for_human"] > 0
    by_name = {row["metric"]: row for row in told(running)["metrics"]}
    assert {"characters", "latency", "length", "refusal", "repetition", "truncation"} <= set(by_name)
    assert {row["outputs"] for name, row in by_name.items() if name != "language"} == {ASKED}
    page = b'homeport_quality_value{metric="characters",model="m",tier="local"}'
    await running.eventually(lambda: page in running.get("/metrics")[1])
