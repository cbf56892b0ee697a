"""The reference page says what the program says."""

import re
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from homeport.cli.commands import app
from homeport.cli.reference import markdown

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def _command_names() -> list[str]:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return sorted(group.commands)


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), (
        "run: python -m homeport.cli.reference > docs/reference/cli.md"
    )


@pytest.mark.parametrize("name", _command_names())
def test_every_command_has_a_section(name: str) -> None:
    assert f"\n## `homeport {name}`\n" in markdown()


def test_commands_of_groups_have_sections_too() -> None:
    assert "\n## `homeport keys create`\n" in markdown()


def test_every_parameter_has_a_meaning() -> None:
    rows = [line for line in markdown().splitlines() if line.startswith("| `")]
    assert rows
    for row in rows:
        name, meaning = (cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:3])
        assert name
        assert meaning


def test_what_supervision_alone_uses_is_left_out() -> None:
    assert "--supervised" not in markdown()
    assert "--fd" not in markdown()


def test_the_terminal_does_not_change_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert markdown() == PAGE.read_text(encoding="utf-8")
