"""`homeport quality checks`: what people and programs get to see."""

import json
from pathlib import Path

import pytest

from homeport.storage.baselines import Baseline, CaseAnswer, JudgedOutput, add_cases, begin_baseline, keep_answer
from homeport.storage.rollups import DAY
from tests.cli.inside import Inside
from tests.cli.test_quality import database

START = 20_000 * DAY
BASELINE = Baseline(tier="[red]t", target="m", since=START, until=START + 14 * DAY, epoch="e1")


@pytest.fixture
def program(tmp_path: Path) -> Inside:
    program = Inside(tmp_path / "home")
    program.run("init", str(program.home / "homeport.yaml"))
    return program


def test_there_is_no_baseline(program: Inside) -> None:
    assert json.loads(program.run("quality", "checks", "--json")) == {"routes": []}
    assert "evaluation.enabled" in program.run("quality", "checks")


def test_what_was_asked_again_is_told_by_route(program: Inside) -> None:
    program.run("quality")  # makes the database
    engine = database(program)
    begin_baseline(engine, BASELINE)
    assert "none yet" in program.run("quality", "checks")
    add_cases(engine, BASELINE, [JudgedOutput(name, START, 1.0) for name in ("r1", "r2", "r3")])
    for name, now in (("r1", 0.5), ("r2", 1.0)):
        keep_answer(engine, BASELINE, CaseAnswer(request_id=name, check_at=BASELINE.until, now=now, cost=500_000_000))
    [route] = json.loads(program.run("quality", "checks", "--json"))["routes"]
    assert route == {
        "tier": "[red]t",
        "target": "m",
        "since": START,
        "until": BASELINE.until,
        "epoch": "e1",
        "checks": [{"at": BASELINE.until, "asked": 2, "graded": 2, "worse": 1, "better": 0, "cost": 1_000_000_000}],
    }
    told = program.run("quality", "checks")
    assert "[red]t" in told
    assert "$1.000000000" in told
