"""`homeport bench cache` on labelled pairs of the project's own, and on files that are none."""

import json
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal

PAIRS = [
    {"a": "How can I pay my bill?", "b": "how do i pay my bill", "same_answer": True, "category": "wording"},
    {"a": "Where can one eat at night?", "b": "Who feeds the seals?", "same_answer": True, "category": "far"},
    {"a": "Cancel order 4711", "b": "Cancel order 4171", "same_answer": False, "category": "number"},
]


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


def written(tmp_path: Path, *lines: object) -> str:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return str(path)


def test_one_object_is_told(terminal: Terminal, tmp_path: Path) -> None:
    told = terminal.told("bench", "cache", "--pairs", written(tmp_path, *PAIRS))
    assert told["pairs"] == 3
    for mode in ("strict", "balanced"):
        assert (told[mode]["hit_rate"], told[mode]["wrong_serve_rate"], told[mode]["precision"]) == (0.5, 0.0, 1.0)
        assert told[mode]["by_category"]["wording"]["hit_rate"] == 1.0
        assert told[mode]["by_category"]["number"]["hit_rate"] is None
    assert told["plain"]["wrong_serve_rate"] == 1.0
    low, high = told["balanced"]["hit_interval"]
    assert 0.0 < low < 0.5 < high < 1.0


def test_a_table_is_shown(terminal: Terminal, tmp_path: Path) -> None:
    shown = terminal.run("bench", "cache", "--pairs", written(tmp_path, *PAIRS))
    assert "wording" in shown
    assert "100.0%" in shown


def test_a_category_is_shown_as_it_is_written(terminal: Terminal, tmp_path: Path) -> None:
    shown = terminal.run("bench", "cache", "--pairs", written(tmp_path, {**PAIRS[0], "category": "[red]x[/blue]"}))
    assert "[red]x[/blue]" in shown
    assert "1 pair," in shown


@pytest.mark.parametrize("name", ["none", ""])
def test_a_file_that_cannot_be_read_is_refused(terminal: Terminal, tmp_path: Path, name: str) -> None:
    assert terminal.ask("bench", "cache", "--pairs", str(tmp_path / name)).code == "recording_invalid"


def test_an_embedder_that_is_none_is_not_understood(terminal: Terminal, tmp_path: Path) -> None:
    said = terminal.ask("bench", "cache", "--pairs", written(tmp_path, *PAIRS), "--embedder", "none")
    assert said.code == "usage"
