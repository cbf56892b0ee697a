"""`homeport quality judge`: what people and programs get to see."""

import json
import time
from pathlib import Path

import msgspec
import pytest

from homeport.config.home import Home
from homeport.storage.judgements import JudgeEpoch, add_judgement, begin_epoch
from homeport.storage.published import publish
from homeport.storage.standing_judge import JudgeStanding
from tests.cli.inside import Inside
from tests.cli.test_quality import database
from tests.storage.test_judgements import drawn, judgement

SECOND = 1_000_000_000


@pytest.fixture
def program(tmp_path: Path) -> Inside:
    program = Inside(tmp_path / "home")
    program.run("init", str(program.home / "homeport.yaml"))
    return program


def standing(**more: object) -> JudgeStanding:
    told = JudgeStanding(
        stale_at=time.time_ns() + 60 * SECOND,
        epoch="e2",
        model="judge",
        rubric="quality",
        rubric_version=1,
        state="capped",
        why="",
        waiting=1_234,
        spent=1_500_000_000,
        most=2_000_000_000,
    )
    return msgspec.structs.replace(told, **more)


def test_nobody_judges(program: Inside) -> None:
    assert json.loads(program.run("quality", "judge", "--json")) == {"standing": None, "epochs": []}
    assert "evaluation.judge" in program.run("quality", "judge")


def test_what_was_judged_waits_and_costs(program: Inside) -> None:
    program.run("quality")  # makes the database
    engine = database(program)
    drawn(engine, "r1", "r2", "r3")
    for name in ("e1", "e2"):
        begin_epoch(
            engine, JudgeEpoch(epoch=name, began_at=1, model="judge: j[1]=m@r", rubric="quality", rubric_version=1)
        )
    for number, score in enumerate((0.5, 1.0, None)):
        add_judgement(engine, judgement(f"r{number + 1}", score=score))
    publish(Home(program.home).judge, standing())
    told = json.loads(program.run("quality", "judge", "--json"))
    assert told["standing"]["waiting"] == 1_234
    assert "stale_at" not in told["standing"]
    first = next(one for one in told["epochs"] if one["epoch"] == "e1")
    assert (first["outputs"], first["unread"], first["mean"], first["cost"]) == (3, 1, 0.75, 21)
    shown = program.run("quality", "judge")
    assert "1,234 outputs wait; today it cost $1.500000000, of $2.000000000" in shown
    assert "midnight" in shown
    assert "e2 *" in shown
    assert "j[1]" in shown, "names are no markup"


def test_what_is_old_is_not_believed(program: Inside) -> None:
    program.run("quality")
    publish(Home(program.home).judge, standing(stale_at=1))
    assert json.loads(program.run("quality", "judge", "--json"))["standing"] is None


def test_the_command_itself_takes_no_other_word(program: Inside) -> None:
    assert program.execute("quality", "nonsense").returncode == 2
