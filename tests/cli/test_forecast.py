"""`homeport forecast` and `homeport bench forecast`: what people and programs get to see."""

import json
import time
from pathlib import Path

import pytest

from homeport.storage.journal import Journal
from tests.cli.inside import Inside
from tests.ledger.requests import DAY
from tests.storage.events import finished


@pytest.fixture
def program(tmp_path: Path) -> Inside:
    program = Inside(tmp_path / "home")
    program.run("init", str(program.home / "homeport.yaml"))
    return program


def test_an_empty_ledger(program: Inside) -> None:
    found = json.loads(program.run("forecast", "--json"))
    assert (found["method"], found["expected_usd"], found["low_nanodollars"]) == (
        "no requests yet",
        "0.000000000",
        None,
    )
    assert "no requests yet" in program.run("forecast")


def test_a_dollar_a_day(program: Inside) -> None:
    journal, now = Journal(program.home / "journal"), time.time_ns()
    for day in range(20):
        at = (now // DAY - day) * DAY
        journal.record(finished(f"r{day}", cost=1_000_000_000, started_at=at))
    journal.close()
    found = json.loads(program.run("forecast", "--project", "default", "--json"))
    assert (found["method"], found["days"], found["interval"]) == ("seasonal smoothing", 19, 0.8)
    assert found["spent_nanodollars"] <= found["low_nanodollars"] <= found["expected_nanodollars"]
    assert found["expected_nanodollars"] <= found["high_nanodollars"]
    said = program.run("forecast")
    assert f"${found['spent_usd']}" in said
    assert "80% of the time" in said


def test_a_recording_is_replayed_and_a_wrong_one_named(program: Inside, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    lines = [{"timestamp": at * 500, "input_length": 100 + at * 37 % 90, "output_length": 10} for at in range(900)]
    trace.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = json.loads(program.run("bench", "forecast", "--trace", str(trace), "--days", "60", "--json"))
    figures = found["traces"]["trace.jsonl"]
    assert (figures["forecasts"], found["overall"]["forecasts"]) == (53, 53)
    assert figures["inside"] + figures["below"] + figures["above"] == figures["forecasts"]
    assert set(figures["by_days"]) == {"60"}
    for arguments in (
        ("--trace", str(tmp_path / "none")),
        ("--trace", str(trace), "--input-usd", "nan"),
        ("--days", "0"),
    ):
        done = program.execute("bench", "forecast", *arguments)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_no_recording_at_all(program: Inside, tmp_path: Path) -> None:
    program.environment["HOMEPORT_DATA"] = str(tmp_path)
    assert "trace_missing" in program.execute("bench", "forecast").stderr


@pytest.mark.parametrize("command", ["forecast", "cost-change"])
def test_a_project_that_no_terminal_prints(program: Inside, command: str) -> None:
    for name in ("a\udcff", "a\n"):
        done = program.execute(command, "--project", name)
        assert done.returncode == 2
        assert "name_unreadable" in done.stderr
        assert "Traceback" not in done.stderr
