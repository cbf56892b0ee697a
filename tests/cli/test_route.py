"""`homeport route` as a person runs it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from homeport.cli.commands import app
from homeport.cli.context import Context
from homeport.cli.route import ASK, PromptGroup
from homeport.core.errors import ConfigError
from tests.routing.recorded_answers import recorded, write

runner = CliRunner()


@pytest.fixture
def route(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs a command in a state folder of its own; gives what it prints, and raises what it raises."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOMEPORT_HOME", str(tmp_path / "home"))

    def run(*words: str) -> str:
        return str(runner.invoke(app, ["route", *words], obj=Context(), catch_exceptions=False).output)

    return run


def test_a_version_is_fitted_used_listed_and_gone_back_from(route: Callable[..., str], tmp_path: Path) -> None:
    write(tmp_path / "answers.jsonl", recorded(900, test_share=0.4))
    fitted = json.loads(route("fit", "answers.jsonl", "--note", "first", "--json"))
    assert (fitted["version"], fitted["promoted"], fitted["current"], fitted["note"]) == (1, True, True, "first")
    assert [*fitted["models"]] == ["small", "middle", "large"]
    assert fitted["judged_on"] == "rows of the split test"
    assert fitted["new"]["apgr"]["value"] > 0.6 > fitted["in_use"]["apgr"]["value"]
    told = route("fit", "answers.jsonl", "--weak", "small", "--strong", "middle")
    assert "version 2" in told
    assert "weakest first: small 0." in told
    assert [version["version"] for version in json.loads(route("versions", "--json"))] == [0, 1, 2]
    assert "first" in route("versions")
    assert json.loads(route("rollback", "1", "--json"))["version"] == 1
    assert "router version 0 decides" in route("rollback")
    with pytest.raises(ConfigError, match="nothing is before it"):
        route("rollback")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("fit", "missing.jsonl"), "cannot be read"),
        (("fit", "."), "cannot be read"),
        (("fit", "rows.jsonl"), "line 1"),
        (("fit", "rows.jsonl", "--weak", "a"), "one way"),
        (("fit", "rows.jsonl", "--weak", "a", "--strong", "b", "--models", "a,b"), "one way"),
        (("fit", "few.jsonl"), "too few"),
        (("fit", "few.jsonl", "--models", "small"), "two models"),
        (("fit", "few.jsonl", "--models", "small,huge"), "huge"),
        (("rollback", "7"), "no router version 7"),
    ],
)
def test_what_cannot_be_done_is_told(
    route: Callable[..., str], tmp_path: Path, words: tuple[str, ...], why: str
) -> None:
    write(tmp_path / "few.jsonl", recorded(20))
    (tmp_path / "rows.jsonl").write_text("[1]\n")
    with pytest.raises(ConfigError, match=why) as caught:
        route(*words)
    assert caught.value.hint


def asking() -> typer.Typer:
    """A group with a command and a hidden one that takes prompts."""
    group = typer.Typer(cls=PromptGroup, no_args_is_help=True)

    @group.command()
    def fit(file: str) -> None:
        typer.echo(f"fit {file}")

    @group.command(ASK, hidden=True)
    def ask(prompt: str, json: bool = False) -> None:
        typer.echo(f"asked {prompt} {json}")

    return group


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fit", "x"], "fit x"),
        (["Is it far?"], "asked Is it far? False"),
        (["fitness", "--json"], "asked fitness True"),
        (["--json", "Is it far?"], "asked Is it far? True"),
        (["ask", "me"], "asked me False"),
        (["--", "-1?"], "asked -1? False"),
    ],
)
def test_a_first_word_that_is_no_command_is_a_prompt(words: list[str], told: str) -> None:
    assert runner.invoke(asking(), words).stdout.strip() == told


def test_without_a_word_there_is_help() -> None:
    assert "Usage" in runner.invoke(asking(), []).output
    assert "Usage" in runner.invoke(asking(), ["--help"]).output
