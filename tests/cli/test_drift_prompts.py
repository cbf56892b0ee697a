"""`homeport drift prompts` on recordings, and on what a state folder knows."""

import json
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from homeport.config.home import Home
from homeport.embeddings.static import StaticEmbedder
from homeport.storage.inputs import keep_inputs
from tests.cli.terminal import Terminal
from tests.databases import migrated
from tests.drift.prompt_days import CODE, LAW, Ask, about, mixed, name_of, reader

LAWYERS, CODERS = about(LAW), about(CODE)
FIRST = 15


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


def ask_of(day: int, moves: bool) -> Ask:
    return mixed(LAWYERS, CODERS, min(1.0, max(0, day - FIRST + 1) / 7) if moves else 0.0)


def recording(path: Path, days: int, *, moves: bool) -> Path:
    rng = random.Random(1)
    rows: list[dict[str, Any]] = [
        {
            "day": (date(2026, 3, 1) + timedelta(days=day)).isoformat(),
            "prompt": ask_of(day, moves)(rng),
            "id": f"d{day}",
        }
        for day in range(days)
        for _ in range(20)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_a_move_to_code_is_told_with_what_is_new(terminal: Terminal, tmp_path: Path) -> None:
    file = recording(tmp_path / "asked.jsonl", FIRST + 8, moves=True)
    told = terminal.told("drift", "prompts", str(file))
    [alarm] = told["alarms"]
    assert "2026-03-16" <= alarm["since"] <= alarm["batch"] <= "2026-03-21"
    assert all(set(example["prompt"].split()) & set(CODE) for example in alarm["examples"])
    assert len(told["batches"]) == FIRST + 8
    assert told["threshold"] == 1_000
    assert alarm["e_value"] >= 1_000
    shown = terminal.run("drift", "prompts", str(file))
    assert alarm["sentence"] in shown
    assert alarm["examples"][0]["prompt"][:40] in shown


def test_prompts_as_ever_are_no_change(terminal: Terminal, tmp_path: Path) -> None:
    file = recording(tmp_path / "asked.jsonl", 12, moves=False)
    shown = terminal.run("drift", "prompts", str(file))
    assert "no change was noticed" in shown
    assert "fewer than 14" in shown


def test_a_file_that_is_none_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"day": "2026-03-01"}')
    said = terminal.ask("drift", "prompts", str(tmp_path / "bad.jsonl"), "--json")
    assert (said.code, said.output) == ("recording_invalid", "")
    assert "line 1" in said.advice
    assert terminal.ask("drift", "prompts", str(tmp_path / "bad.jsonl"), "--alpha", "2").code == "usage"


def test_without_a_file_each_project_is_told(terminal: Terminal, tmp_path: Path) -> None:
    assert "No prompt was looked at" in terminal.run("drift", "prompts")
    home, rng = Home(tmp_path / "home"), random.Random(2)
    engine = migrated(home.database)
    for day in range(FIRST + 6):
        texts = [(f"d{day}n{number}", ask_of(day, moves=True)(rng)) for number in range(20)]
        keep_inputs(engine, "acme", name_of(day), StaticEmbedder.name, reader().read(texts))
    [told] = terminal.told("drift", "prompts")["projects"]
    assert told["project"] == "acme"
    [alarm] = told["alarms"]
    assert alarm["examples"][0]["id"].startswith("d")
    assert "acme" in terminal.run("drift", "prompts")
