"""`make quickstart` in the small: the example against the running program."""

import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.program import HOMEPORT, Program

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "quickstart" / "quickstart.py"


@pytest.mark.parametrize("data", ["reference", "absent"])
def test_the_example_prints_what_the_ledger_says(program: Program, data: str) -> None:
    before = program.cost()["cost_nanodollars"]
    environment = dict(program.environment)
    if data == "absent":
        environment["HOMEPORT_DATA"] = "/nonexistent"
    done = subprocess.run(
        (*HOMEPORT, "run", "--", sys.executable, str(EXAMPLE), "--count", "2", "--json"),
        env=environment,
        capture_output=True,
        text=True,
        timeout=170,
        check=True,
    )
    answers = json.loads(done.stdout)
    assert [answer["tier"] for answer in answers] == ["local", "local", "mid", "frontier"]
    assert all(
        answer["text"] and answer["output_tokens"] and 0 < answer["ttft"] <= answer["latency"] for answer in answers
    )
    spent = sum(Decimal(answer["cost_usd"]) for answer in answers)
    assert program.cost()["cost_nanodollars"] - before == spent * 10**9


def test_run_starts_and_stops_a_gateway_of_its_own(new_program: Callable[[], Program]) -> None:
    program = new_program()
    code = (
        "import os, urllib.request; print(urllib.request.urlopen(os.environ['OPENAI_BASE_URL'][:-3] + '/livez').status)"
    )
    assert program.run("run", "--", sys.executable, "-c", code).endswith("200\n")
    assert program.get("/livez")[0] == 0
