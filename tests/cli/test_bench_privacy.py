"""`homeport bench privacy` on labelled texts of the project's own."""

import json
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal

ROWS = [
    {"text": "pay 4111 1111 1111 1111", "spans": [{"type": "CREDIT_CARD", "start": 4, "end": 23, "value": "x"}]},
    {"text": "nothing is here", "spans": []},
    {"text": "a@example.org", "spans": []},
]


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)))
    return path


def test_one_object_is_told(terminal: Terminal, rows: Path) -> None:
    told = terminal.told("bench", "privacy", "--file", str(rows))
    card = told["types"]["CREDIT_CARD"]
    assert (card["recall"]["value"], card["precision"]["value"], card["met"]) == (1.0, 1.0, True)
    assert told["types"]["EMAIL_ADDRESS"]["precision"]["value"] == 0.0
    assert told["false_alarms"]["texts without labels"]["recognizers"] == {"email": 1}
    assert told["microseconds_per_kb"] > 0


def test_what_was_found_is_not_told(terminal: Terminal, rows: Path) -> None:
    assert "4111" not in json.dumps(terminal.told("bench", "privacy", "--file", str(rows)))


def test_a_table_is_shown(terminal: Terminal, rows: Path) -> None:
    shown = terminal.run("bench", "privacy", "--file", str(rows))
    assert "CREDIT_CARD" in shown
    assert "False alarms" in shown
