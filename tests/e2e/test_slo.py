"""From requests to the /metrics page: the jobs worker counts, the gateway shows."""

import time
from pathlib import Path

import msgspec
import pytest

from homeport.storage.journal import Journal
from tests.e2e.program import Program
from tests.ledger.requests import failed, request

pytestmark = pytest.mark.slow

CONFIG = """\
providers:
  p: {provider: simulated}
tiers:
  - {name: mid, targets: [{model: sim, provider: p}]}
slo:
  - {name: everything, availability: 0.9}
"""
OF = 'indicator="availability",objective="everything"'


def metrics(program: Program) -> dict[str, float]:
    lines = program.get("/metrics")[1].decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}


def test_the_metrics_page_shows_what_the_jobs_worker_counted(tmp_path: Path) -> None:
    program = Program(tmp_path / "home")
    program.home.mkdir()
    (program.home / "homeport.yaml").write_text(CONFIG)
    journal = Journal(program.home / "journal")
    for place, event in enumerate((*[request(time.time_ns())] * 7, *[failed(time.time_ns())] * 3)):
        journal.record(msgspec.structs.replace(event, request_id=f"r{place}"))
    journal.close()
    assert program.cost()["requests"] == 10
    program.start()
    try:
        while f"homeport_slo_ratio{{{OF}}}" not in (found := metrics(program)):
            time.sleep(0.05)
        assert found[f"homeport_slo_ratio{{{OF}}}"] == 0.7
        assert found[f'homeport_slo_burn_rate{{{OF},window="5m"}}'] == pytest.approx(3.0)
        assert found[f'homeport_slo_alert{{{OF},severity="ticket"}}'] == 1
        assert found[f'homeport_slo_alert{{{OF},severity="page"}}'] == 0
        assert found["homeport_slo_computed_timestamp_seconds"] <= time.time()
    finally:
        assert program.stop() == 0, program.output()
    assert not (program.home / "run" / "slo.json").exists()
