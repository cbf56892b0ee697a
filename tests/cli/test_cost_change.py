"""`homeport cost-change`: what people and programs get to see, and what is no period."""

import json
from pathlib import Path

import msgspec
import pytest

from homeport.ledger.months import Month
from homeport.storage.journal import Journal
from tests.cli.inside import Inside
from tests.ledger.requests import DAY
from tests.storage.events import finished

NOVEMBER = Month(2026, 11).start_ns


@pytest.fixture
def program(tmp_path: Path) -> Inside:
    program = Inside(tmp_path / "home")
    program.run("init", str(program.home / "homeport.yaml"))
    journal = Journal(program.home / "journal")
    for place, (day, cost) in enumerate([(0, 100), (1, 100), (7, 900), (8, 900)]):
        event = finished(f"r{place}", cost=cost, started_at=NOVEMBER + day * DAY)
        journal.record(msgspec.structs.replace(event, project="a/b"))
    journal.close()
    return program


def test_two_weeks(program: Inside) -> None:
    week = ("--from", "2026-11-08", "--to", "2026-11-15T00:00+00:00")
    found = json.loads(program.run("cost-change", *week, "--json"))
    assert (found["before_nanodollars"], found["after_nanodollars"], found["change_nanodollars"]) == (200, 1800, 1600)
    assert found["parts_nanodollars"] == {"volume": 0, "mix": 0, "tokens": 0, "price": 1600}
    assert found["before_from"] == NOVEMBER
    assert "+0.000001600" in program.run("cost-change", *week, "--project", "a")
    assert json.loads(program.run("cost-change", *week, "--project", "b", "--json"))["models"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--from", "yesterday"),
        ("--from", "2026-11-08", "--to", "2026-11-08"),
        ("--from", "1970-01-02", "--to", "2026-11-08"),
        ("--from", "0001-01-01T00:00+23:59"),
        ("--to", "9999-12-31"),
        ("--to", "2026-11-08\udcff"),
    ],
)
def test_what_is_no_period(program: Inside, arguments: tuple[str, ...]) -> None:
    done = program.execute("cost-change", *arguments)
    assert done.returncode == 2
    assert "period_invalid" in done.stderr
    assert "Traceback" not in done.stderr
