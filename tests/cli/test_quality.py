"""`homeport quality`: what people and programs get to see."""

import json
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from homeport.config.home import Home
from homeport.storage.db import open_database, sqlite_url
from homeport.storage.scores import Place, keep
from tests.cli.inside import Inside
from tests.storage.test_scores import FORMAT, HOME, LENGTH, event, ledger, rows, scored


@pytest.fixture
def program(tmp_path: Path) -> Inside:
    program = Inside(tmp_path / "home")
    program.run("init", str(program.home / "homeport.yaml"))
    return program


def database(program: Inside) -> Engine:
    return open_database(sqlite_url(Home(program.home).database))


def test_nothing_was_measured(program: Inside) -> None:
    assert json.loads(program.run("quality", "--json")) == {"metrics": [], "outputs": []}
    assert "evaluation.enabled" in program.run("quality")


def test_shares_come_with_their_interval(program: Inside) -> None:
    program.run("quality")  # makes the database
    engine = database(program)
    ledger(engine, *(event(f"r{number}", time.time_ns() - 1, tier="t", target="m[1]") for number in range(4)))
    found = rows(engine)
    keep(engine, HOME, Place("default", 0), 4, [scored(row, FORMAT, LENGTH) for row in found], 1)
    told = json.loads(program.run("quality", "--since", "2h", "--json"))
    by_name = {row["metric"]: row for row in told["metrics"]}
    assert (by_name["format"]["failed"], by_name["format"]["failed_share"]) == (4, 1.0)
    low, high = by_name["format"]["failed_share_interval"]
    assert (round(low, 4), round(high, 4)) == (0.5101, 1.0)
    assert (by_name["length"]["mean"], by_name["length"]["failed_share"]) == (12.5, None)
    assert told["outputs"][0]["for_judge_share"] == 1.0
    shown = program.run("quality")
    assert "100.0% (51.0% to 100.0%)" in shown
    assert "m[1]" in shown, "names are no markup"
    assert "length v2" in shown
