"""`homeport ledger` and `homeport cost`, as a person types them."""

import csv
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from homeport.core.events import RequestFinished
from homeport.storage.journal import Journal
from tests.cli.terminal import Terminal
from tests.storage.events import finished

NOVEMBER = 1_793_491_200 * 10**9
"""2026-11-01 00:00:00 UTC."""
DAY = 86_400 * 10**9


def event(number: int, **more: Any) -> RequestFinished:
    row = finished(f"r{number}", cost=number * 1000, started_at=NOVEMBER + number * DAY // 2)
    return msgspec.structs.replace(row, **{"project": f"acme/{number % 2}", **more})


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    opened = Terminal(tmp_path / "home")
    journal = Journal(opened.home / "journal")
    for number in range(4):
        journal.record(event(number))
    journal.close()
    assert opened.told("cost")["requests"] == 4
    return opened


def tamper(terminal: Terminal, statement: str) -> None:
    with sqlite3.connect(terminal.home / "homeport.db") as connection:
        assert connection.execute(statement).rowcount > 0
    connection.close()


def test_an_honest_ledger(terminal: Terminal) -> None:
    assert "4 rows in 2 projects: as they were written." in terminal.run("ledger", "verify")
    told = terminal.told("ledger", "verify")
    assert (told["ok"], told["rows"], told["findings"], told["further_findings"]) == (True, 4, [], 0)
    assert [(head["project"], head["sequence"]) for head in told["heads"]] == [("acme/0", 2), ("acme/1", 2)]
    assert terminal.told("ledger", "verify", "--project", "nobody")["rows"] == 0


def test_a_changed_row_is_named_and_fails_the_command(terminal: Terminal) -> None:
    tamper(terminal, "UPDATE requests SET cost = cost + 1 WHERE request_id = 'r3'")
    said = terminal.ask("ledger", "verify")
    assert said.exit_code == 1
    assert "changed r3 at 2 of project acme/1" in said.output
    told = terminal.ask("ledger", "verify", "--json").json
    assert told["ok"] is False
    assert told["findings"][0] | {"note": ""} == {
        "what": "changed",
        "project": "acme/1",
        "sequence": 2,
        "request_id": "r3",
        "note": "",
    }
    assert terminal.ask("ledger", "verify", "--project", "acme/0").exit_code == 0


def test_names_that_would_be_markup(terminal: Terminal) -> None:
    tamper(terminal, "UPDATE requests SET request_id = '[/red]' || CAST(x'ff' AS TEXT) WHERE request_id = 'r3'")
    assert "changed [/red]\\udcff at 2" in terminal.ask("ledger", "verify").output
    assert terminal.ask("ledger", "verify", "--json").json["findings"][0]["request_id"] == "[/red]\\udcff"


def test_csv(terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    told = terminal.told("ledger", "export", "--out", str(out), "--since", "2026-11-01T12:00", "--until", "2026-11-02")
    assert told == {"format": "csv", "file": str(out), "rows": 1}
    with out.open(newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["request_id"], row["cost"], row["project"]) == ("r1", "1000", "acme/1")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "rows.csv"]


def test_no_rows(terminal: Terminal, tmp_path: Path) -> None:
    for kind in ("csv", "focus", "parquet"):
        if kind == "parquet":
            pytest.importorskip("pyarrow")
        out = tmp_path / f"none.{kind}"
        assert (
            terminal.told("ledger", "export", "--format", kind, "--out", str(out), "--since", "2100-01-01")["rows"] == 0
        )
        assert out.stat().st_size > 0, "its columns are there"


def test_paths_that_cannot_be(terminal: Terminal, tmp_path: Path) -> None:
    there = tmp_path / "there.csv"
    there.write_text("kept")
    hostile = {
        str(there): "export_file_exists",
        str(tmp_path): "export_unwritable",
        "/": "export_unwritable",
        "": "export_unwritable",
        "/dev/null": "export_unwritable",
        str(tmp_path / "no" / "such" / "folder.csv"): "export_unwritable",
        str(there / "below.csv"): "export_unwritable",
        str(tmp_path / ("x" * 300)): "export_unwritable",
    }
    assert {out: terminal.ask("ledger", "export", "--out", out).code for out in hostile} == hostile
    assert there.read_text() == "kept"
    terminal.run("ledger", "export", "--out", str(there), "--force")
    assert there.read_text().startswith("request_id,")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "there.csv"]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("--format", "xml"), "format_unknown"),
        (("--format", ""), "format_unknown"),
        (("--since", "yesterday"), "time_invalid"),
        (("--until", "2026-13-01"), "time_invalid"),
        (("--until", "9" * 50), "time_invalid"),
        (("--since", ""), "time_invalid"),
        (("--since", "2026-12-01", "--until", "2026-11-01"), "period_invalid"),
        (("--since", "2026-12-01", "--until", "2026-12-01"), "period_invalid"),
    ],
)
def test_what_cannot_be_asked(terminal: Terminal, tmp_path: Path, more: tuple[str, ...], code: str) -> None:
    assert terminal.ask("ledger", "export", "--out", str(tmp_path / "out"), *more).code == code
    assert not (tmp_path / "out").exists()


def test_times_at_the_ends_of_the_calendar(terminal: Terminal, tmp_path: Path) -> None:
    for number, (since, until) in enumerate([("0001-01-01", "9999-12-31"), ("2026-11-01T00:00+14:00", "9999-12-31")]):
        out = str(tmp_path / f"{number}.csv")
        assert terminal.told("ledger", "export", "--out", out, "--since", since, "--until", until)["rows"] == 4


def test_cost_of_a_month_by_project(terminal: Terminal) -> None:
    told = terminal.told("cost", "--by", "project", "--month", "2026-11")
    assert (told["requests"], told["cost_usd"]) == (4, "0.000006000")
    assert [(group["group"], group["cost_nanodollars"]) for group in told["groups"]] == [
        ("acme/1", 4000),
        ("acme/0", 2000),
    ]
    query = told["cost_per_query"]
    assert (query["mean_usd"], query["per_completed_usd"]) == ("0.000001500", "0.000001500")
    assert query["low_usd"] < query["mean_usd"] < query["high_usd"]
    assert terminal.told("cost", "--month", "2026-10")["requests"] == 0
    assert terminal.told("cost", "--project", "acme")["requests"] == 4
    assert terminal.told("cost", "--project", "acme/1", "--key", "key_1", "--model", "smollm2")["requests"] == 2
    assert [group["group"] for group in terminal.told("cost", "--by", "day")["groups"]] == ["2026-11-01", "2026-11-02"]
    assert "0.000006000" in terminal.run("cost", "--by", "hour")


def test_cost_cannot_be_asked(terminal: Terminal) -> None:
    asked = {
        ("--by", "[red]" * 50): "group_unknown",
        ("--month", "november"): "month_invalid",
        ("--month", "2026-11", "--since", "1h"): "since_invalid",
        ("--since", "-1h"): "since_invalid",
    }
    assert {arguments: terminal.ask("cost", *arguments).code for arguments in asked} == asked


@pytest.mark.parametrize("name", ["\udcff", "a\x00", "\x1b[2J"])
@pytest.mark.parametrize(
    "command", [("cost", "--project"), ("cost", "--key"), ("cost", "--model"), ("ledger", "verify", "--project")]
)
def test_a_name_that_cannot_be_is_refused(terminal: Terminal, command: tuple[str, ...], name: str) -> None:
    assert terminal.ask(*command, name).code == "name_unreadable"
