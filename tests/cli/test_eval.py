"""`homeport eval run` and `compare`, with recorded answers, which need no gateway."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import Terminal
from tests.fakes.runs import run_of, write_lines, write_run


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.chdir(tmp_path)
    return Terminal(tmp_path / "home")


def write_cases(path: Path, count: int, **fields: Any) -> Path:
    rows = [
        {
            "id": f"c{n}",
            "question": f"{n}?",
            "check": {"kind": "exact"},
            "expected": f"{n}",
            "reference": f"is {n}",
            **fields,
        }
        for n in range(count)
    ]
    return write_lines(path, rows)


def write_answers(path: Path, right: int, of: int) -> Path:
    return write_lines(path, [{"id": f"c{n}", "answer": str(n) if n < right else "no"} for n in range(of)])


def test_recorded_answers_are_scored_and_kept(terminal: Terminal, tmp_path: Path) -> None:
    cases, answers = write_cases(tmp_path / "d.jsonl", 10), write_answers(tmp_path / "a.jsonl", 7, 10)
    told = terminal.told("eval", "run", str(cases), "--answers", str(answers), "--out", "r.jsonl")
    [run] = told["runs"]
    assert (run["file"], run["answers"], run["missing"], run["score"]["value"]) == ("r.jsonl", 10, 0, 0.7)
    assert told["cases"] == 10
    said = terminal.run("eval", "run", str(cases), "--answers", str(answers))
    assert "0.700" in said
    assert (tmp_path / "d.a.jsonl.run.jsonl").exists(), "without --out it is named after what was asked of whom"


def test_missing_answers_end_with_1_and_are_asked_for_again(terminal: Terminal, tmp_path: Path) -> None:
    cases = write_cases(tmp_path / "d.jsonl", 10)
    answers = write_answers(tmp_path / "a.jsonl", 5, 6)
    command = ("eval", "run", str(cases), "--answers", str(answers), "--out", "r.jsonl", "--json")
    said = terminal.ask(*command)
    assert (said.exit_code, said.json["runs"][0]["missing"]) == (1, 4)
    write_answers(answers, 10, 10)
    said = terminal.ask(*command)
    assert (said.exit_code, said.json["runs"][0]["score"]["value"]) == (0, 0.9), "what was wrong stays wrong"


def test_a_run_is_scored_again_by_its_references(terminal: Terminal, tmp_path: Path) -> None:
    cases, answers = write_cases(tmp_path / "d.jsonl", 4), write_answers(tmp_path / "a.jsonl", 4, 4)
    terminal.run("eval", "run", str(cases), "--answers", str(answers), "--out", "r.jsonl")
    again = ("eval", "run", str(cases), "--answers", "r.jsonl", "--score", "exact")
    assert terminal.ask(*again, "--out", "r.jsonl").code == "eval_run_differs"
    assert terminal.told(*again, "--out", "e.jsonl")["runs"][0]["score"]["value"] == 0
    assert terminal.ask("eval", "compare", "r.jsonl", "e.jsonl").code == "eval_scorers_differ"


def test_prompts_of_a_grid_have_a_file_each(terminal: Terminal, tmp_path: Path) -> None:
    cases, answers = write_cases(tmp_path / "d.jsonl", 3), write_answers(tmp_path / "a.jsonl", 3, 3)
    for name in ("v1", "v2"):
        (tmp_path / f"{name}.txt").write_text(f"{name}: {{{{ question }}}}")
    prompts = ("--prompt", "v1.txt", "--prompt", "v2.txt")
    told = terminal.told("eval", "run", str(cases), "--answers", str(answers), *prompts, "--out", "runs")
    assert [run["prompt"] for run in told["runs"]] == ["v1", "v2"]
    assert len(list((tmp_path / "runs").iterdir())) == 2
    same = ("--prompt", "v1.txt", "--prompt", "./v1.txt")
    assert terminal.ask("eval", "run", str(cases), "--answers", str(answers), *same).code == "eval_source_unclear"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), "eval_source_unclear"),
        (("--model", "m", "--package", "p"), "eval_source_unclear"),
        (("--model", "m", "--model", "m"), "eval_source_unclear"),
        (("--model", "m", "--engine", "e"), "eval_source_unclear"),
        (("--model", "m"), "gateway_not_running"),
        (("--model", "m", "--url", "http://127.0.0.1:1/v1", "--key-from", "NO_SUCH_KEY"), "eval_key_missing"),
        (("--model", "m", "--max-usd", "nan"), "eval_cap_invalid"),
        (("--model", "m", "--max-usd", "-1"), "eval_cap_invalid"),
        (("--model", "m", "--score", "vibes"), "eval_scorer_unknown"),
        (("--model", "m", "--prompt", "none.txt"), "prompt_invalid"),
        (("--answers", "none.jsonl"), "recorded_answers_invalid"),
        (("--model", "m", "--temperature", "nan"), "usage"),
        (("--model", "m", "--estimate"), "gateway_not_running"),
        (("--answers", "none.jsonl", "--estimate"), "eval_source_unclear"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_asked(
    terminal: Terminal, tmp_path: Path, arguments: tuple[str, ...], code: str
) -> None:
    cases = write_cases(tmp_path / "d.jsonl", 2)
    said = terminal.ask("eval", "run", str(cases), *arguments, "--out", "r.jsonl")
    assert said.code == code, said


def test_two_runs_side_by_side(terminal: Terminal, tmp_path: Path) -> None:
    write_run(tmp_path / "a.jsonl", run_of([1.0] * 90 + [0.0] * 10))
    b = run_of([0.0] * 8 + [1.0] * 82 + [1.0] * 2 + [0.0] * 8)
    write_run(tmp_path / "b.jsonl", b)
    told = terminal.told("eval", "compare", "a.jsonl", "b.jsonl", "--examples", "3")
    assert (told["pairs"], told["worse_cases"], told["better_cases"], len(told["worse"])) == (100, 8, 2, 3)
    assert told["difference"]["value"] == pytest.approx(-0.06)
    assert told["difference"]["low"] < -0.06 < told["difference"]["high"]
    assert told["discordant"]["p"] == pytest.approx(0.109375)
    said = terminal.run("eval", "compare", "a.jsonl", "b.jsonl")
    assert "8 cases got worse and 2 better" in said
    assert "answer to case 0" in said
    assert "and 3 more" in said


def test_an_answer_moves_nothing_on_the_terminal(terminal: Terminal, tmp_path: Path) -> None:
    write_run(tmp_path / "a.jsonl", run_of([1.0]))
    line = {"case": "case 0", "score": 0, "answer": "\x1b[2Jgone\n[bold]x", "why": "\x07no"}
    path = write_run(tmp_path / "b.jsonl", run_of([0.0], "b.jsonl"))
    write_lines(tmp_path / "line", [line])
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0] + (tmp_path / "line").read_bytes())
    said = terminal.run("eval", "compare", "a.jsonl", "b.jsonl")
    assert "\x1b" not in said
    assert "\x07" not in said
    assert "[bold]x" in said


@pytest.mark.parametrize("command", ["compare", "gate"])
def test_hostile_files_are_told(terminal: Terminal, tmp_path: Path, command: str) -> None:
    good = write_run(tmp_path / "a.jsonl", run_of([1.0]))
    bad = tmp_path / "b.jsonl"
    other = write_run(tmp_path / "c.jsonl", run_of([1.0], digest="sha256:other"))
    for data in (b"", b"{", b"[" * 100_000, b"\xff\xfe", good.read_bytes() + b"{}\n", good.read_bytes() * 2):
        bad.write_bytes(data)
        said = terminal.ask("eval", command, "a.jsonl", "b.jsonl", "--json")
        assert (said.code, said.output) == ("eval_run_invalid", ""), data[:50]
    assert terminal.ask("eval", command, "a.jsonl", "none.jsonl").code == "eval_run_unreadable"
    said = terminal.ask("eval", command, "a.jsonl", other.name)
    assert said.code == "eval_datasets_differ"
    assert "different datasets" in said.advice
