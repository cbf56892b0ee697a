"""`make looping-agent`: the example's agents against the running program, which stops them."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.program import HOMEPORT, Program

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "looping-agent" / "looping_agent.py"
MOST_CALLS = 20
MOST_DOLLARS = Decimal(1)


def test_both_agents_are_stopped_with_the_reason(program: Program) -> None:
    done = subprocess.run(
        (*HOMEPORT, "run", "--", sys.executable, str(EXAMPLE), "--json"),
        env=program.environment,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    failing, growing = json.loads(done.stdout)
    for run in (failing, growing):
        assert (run["stopped"], run["code"]) == (True, "loop_stopped")
        assert run["calls"] <= MOST_CALLS
        assert 0 < Decimal(run["cost_usd"]) <= MOST_DOLLARS
        assert "the same" in run["message"]
        assert " times" in run["message"]
    assert "find_order: the call" in failing["message"]
    assert "the table of orders is locked" in failing["message"]
    assert "x-homeport-loop: warning" in done.stderr
    status, metrics = program.get("/metrics")
    assert status == 200
    assert b'homeport_loop_signals_total{level="stop",signal="same_result"}' in metrics
