"""`homeport eval gate` as CI uses it: files in, an exit code out; 20 seeded runs each way, and hostile files."""

import json
import random
import re
from pathlib import Path

import pytest
import typer
import yaml
from typer.core import TyperGroup

from homeport.cli.loading import program_of
from tests.cli.inside import Inside
from tests.cli.terminal import Terminal
from tests.fakes.runs import run_of, write_lines, write_run

_CASES = 400
_ACCURACY = 0.85
_ALIKE = 0.8
"""Two versions of one prompt give the same verdict in so many cases, and differ by chance in the others."""
_LOSS = 0.1


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.chdir(tmp_path)
    return Terminal(tmp_path / "home")


def verdicts(seed: int) -> dict[str, list[bool]]:
    """Which cases each model has right."""
    dice = random.Random(seed)
    now = [dice.random() < _ACCURACY for _ in range(_CASES)]
    again = [one if dice.random() < _ALIKE else dice.random() < _ACCURACY for one in now]
    return {"now": now, "equal": again, "worse": [one and dice.random() >= _LOSS for one in again]}


def test_20_runs_each_way(tmp_path: Path) -> None:
    """An equal candidate passes and one that is 10 % worse fails, in 19 of 20 runs at least."""
    program = Inside(tmp_path / "home")
    cases = write_lines(
        tmp_path / "d.jsonl",
        [{"id": f"c{n}", "question": "?", "check": {"kind": "contains"}, "expected": f"<{n}>"} for n in range(_CASES)],
    )
    codes: dict[str, list[int]] = {"equal": [], "worse": []}
    for seed in range(20):
        for name, right in verdicts(seed).items():
            rows = [{"id": f"c{n}", "answer": f"It is <{n}>." if ok else "Who knows?"} for n, ok in enumerate(right)]
            answers = write_lines(tmp_path / f"{name}.answers.jsonl", rows)
            out = f"{name}.run.jsonl"
            program.run("eval", "run", str(cases), "--answers", str(answers), "--out", out, "--fresh", "--json")
        for name, found in codes.items():
            found.append(program.execute("eval", "gate", "now.run.jsonl", f"{name}.run.jsonl", "--json").returncode)
    assert codes["equal"].count(0) >= 19, codes
    assert codes["worse"].count(1) >= 19, codes


def test_it_says_what_it_rests_on(terminal: Terminal, tmp_path: Path) -> None:
    write_run(tmp_path / "a.jsonl", run_of([1.0] * 170 + [0.0] * 30))
    write_run(tmp_path / "b.jsonl", run_of([0.0] * 20 + [1.0] * 150 + [0.0] * 30))
    said = terminal.ask("eval", "gate", "a.jsonl", "b.jsonl", "--json")
    told = said.json
    assert (said.exit_code, told["exit_code"], told["verdict"]) == (1, 1, "worse")
    assert told["margin"] == pytest.approx(0.085)
    assert told["most"] < 0
    assert told["comparison"]["worse_cases"] == 20
    said = terminal.ask("eval", "gate", "a.jsonl", "b.jsonl")
    assert (said.exit_code, "worse: the margin is 0.0850" in said.output) == (1, True)
    assert terminal.ask("eval", "gate", "a.jsonl", "b.jsonl", "--margin", "40pt").exit_code == 0


def test_too_few_cases_end_with_2_and_say_how_many_it_takes(terminal: Terminal, tmp_path: Path) -> None:
    write_run(tmp_path / "a.jsonl", run_of([1.0] * 17 + [0.0] * 3))
    write_run(tmp_path / "b.jsonl", run_of([1.0] * 15 + [0.0] * 2 + [1.0] * 2 + [0.0]))
    said = terminal.ask("eval", "gate", "a.jsonl", "b.jsonl", "--json")
    assert (said.exit_code, said.json["verdict"]) == (2, "undecided")
    assert said.json["needed"] > 20
    assert "too few cases" in terminal.ask("eval", "gate", "a.jsonl", "b.jsonl").output


def test_missing_answers_are_not_passed_by(terminal: Terminal, tmp_path: Path) -> None:
    write_run(tmp_path / "a.jsonl", run_of([1.0] * 200))
    write_run(tmp_path / "b.jsonl", run_of([1.0] * 199 + [None]))
    assert terminal.ask("eval", "gate", "a.jsonl", "b.jsonl").code == "eval_run_incomplete"
    assert terminal.ask("eval", "gate", "a.jsonl", "b.jsonl", "--missing-wrong").exit_code == 0
    assert terminal.ask("eval", "gate", "a.jsonl", "b.jsonl", "--margin", "much").code == "margin_invalid"
    for risk in ("0", "nan", "0.6"):
        assert terminal.ask("eval", "gate", "a.jsonl", "a.jsonl", "--risk", risk).exit_code == 2


def test_what_cannot_be_used_ends_the_program_with_2(tmp_path: Path) -> None:
    """The exit code of CI, of the program itself: a broken file must not look like a worse model."""
    program = Inside(tmp_path / "home")
    program.home.mkdir(mode=0o700)
    good = write_run(tmp_path / "a.jsonl", run_of([1.0] * 200))
    (tmp_path / "b.jsonl").write_text("{")
    for name in ("b.jsonl", "none.jsonl"):
        done = program.execute("eval", "gate", str(good), str(tmp_path / name), "--json")
        assert (done.returncode, done.stdout) == (2, "")
    done = program.execute("eval", "gate", str(good), str(good), "--json")
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (0, "passed")


def test_the_example_for_github_actions_holds() -> None:
    """It is YAML, and every option of `homeport eval` in it is one."""
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "gate-a-change.md").read_text()
    [block] = [text for text in re.findall(r"```text\n(.*?)```", page, re.DOTALL) if "runs-on" in text]
    steps = yaml.safe_load(block)["jobs"]["gate"]["steps"]
    commands = [words for step in steps for words in re.findall(r"homeport eval (.+)", step.get("run", ""))]
    assert [words.split()[0] for words in commands] == ["run", "gate"]
    program = typer.main.get_command(program_of("eval"))
    assert isinstance(program, TyperGroup)
    group = program.commands["eval"]
    assert isinstance(group, TyperGroup)
    for words in commands:
        name, *rest = words.split()
        known = {option for parameter in group.commands[name].params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known
