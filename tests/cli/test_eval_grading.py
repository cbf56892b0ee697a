"""`homeport eval run --score judge` against a server that grades, and what `compare` and `gate` make of it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from homeport.evaluation.runs import read_run
from tests.cli.terminal import Terminal
from tests.fakes.runs import write_lines

CASES = 40
SAID = {"fine": "It is right.\nGRADE: 5", "poor": "It is wrong.\nGRADE: 2", "mute": "Hm."}
OWN = """
evaluation:
  enabled: true
  judge: {model: m, rubrics: {brief: {version: 3, text: "Short answers are good."}}}
"""


class Judge(BaseHTTPRequestHandler):
    """Grades by the word in the answer; notes what it was sent."""

    asked: list[tuple[dict[str, str], dict[str, Any]]]

    def do_POST(self) -> None:
        fields = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append((dict(self.headers.items()), fields))
        user = fields["messages"][1]["content"]
        said = next(text for word, text in SAID.items() if word in user)
        choice = {"message": {"content": said}, "finish_reason": "stop"}
        body = json.dumps({"choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-homeport-cost", "0.000001000")
        self.send_header("x-homeport-model", "judge-1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    Judge.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Judge) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    return Terminal(tmp_path / "home")


@pytest.fixture
def cases(tmp_path: Path) -> str:
    return str(write_lines(tmp_path / "d.jsonl", [{"id": f"c{n}", "question": f"{n}?"} for n in range(CASES)]))


def answers(folder: Path, name: str, **share: int) -> str:
    """A file of answers: so many of each word."""
    words = [word for word, count in share.items() for _ in range(count)]
    lines = [{"id": f"c{n}", "answer": f"{word} {n}"} for n, word in enumerate(words)]
    return str(write_lines(folder / f"{name}.jsonl", lines))


def command(cases: str, recorded: str, url: str, out: str, *more: str) -> tuple[str, ...]:
    asked = ("eval", "run", cases, "--answers", recorded, "--url", url, "--out", out)
    return (*asked, "--score", "judge", "--judge", "big", *more)


def test_a_judge_grades_a_run_and_says_what_it_cost(terminal: Terminal, tmp_path: Path, cases: str, url: str) -> None:
    recorded = answers(tmp_path, "a", fine=30, poor=10)
    told = terminal.told(*command(cases, recorded, url, "a.run"))
    [run] = told["runs"]
    assert (run["answers"], run["missing"]) == (CASES, 0)
    assert run["score"]["value"] == pytest.approx((30 + 10 * 0.25) / CASES)
    assert (run["judge_cost_nanodollars"], told["spent_nanodollars"]) == (CASES * 1_000, CASES * 1_000)
    kept = read_run(tmp_path / "a.run")
    assert kept.head.scorer.startswith("judge quality@1 ")
    assert {(one.score, one.judge.label, one.judge.model) for one in kept.answers if one.judge} == {
        (1.0, "5", "judge-1"),
        (0.25, "2", "judge-1"),
    }
    said = terminal.run(*command(cases, recorded, url, "a.run"))
    assert "The judge cost $0.00004" in said
    assert len(Judge.asked) == CASES, "what has a grade is not graded again"


def test_the_gate_is_on_the_judges_grades(terminal: Terminal, tmp_path: Path, cases: str, url: str) -> None:
    for name, share in {"now": {"fine": 36, "poor": 4}, "same": {"fine": 36, "poor": 4}, "worse": {"poor": 40}}.items():
        terminal.told(*command(cases, answers(tmp_path, name, **share), url, f"{name}.run"))
    gated = {name: terminal.ask("eval", "gate", "now.run", f"{name}.run", "--json") for name in ("same", "worse")}
    assert {name: (one.exit_code, one.json["verdict"]) for name, one in gated.items()} == {
        "same": (0, "passed"),
        "worse": (1, "worse"),
    }
    compared = terminal.told("eval", "compare", "now.run", "worse.run")
    assert compared["difference"]["high"] < 0
    assert (compared["pairs"], compared["worse_cases"]) == (CASES, 36)


def test_an_answer_without_a_grade_is_missing_and_says_so(
    terminal: Terminal, tmp_path: Path, cases: str, url: str
) -> None:
    said = terminal.ask(*command(cases, answers(tmp_path, "a", fine=38, mute=2), url, "a.run", "--json"))
    [run] = said.json["runs"]
    assert (said.exit_code, run["answers"], run["missing"], run["failed"]) == (1, 38, 2, 2)
    mute = [one for one in read_run(tmp_path / "a.run").answers if one.judge and one.judge.label == "no_grade"]
    assert [(one.score, one.why) for one in mute] == [(None, "the judge: no_grade")] * 2
    assert terminal.ask("eval", "gate", "a.run", "a.run").code == "eval_run_incomplete"
    assert terminal.ask("eval", "gate", "a.run", "a.run", "--missing-wrong").exit_code == 0
    again = terminal.ask(*command(cases, "a.run", url, "b.run", "--json"))
    assert (again.exit_code, again.json["runs"][0]["answers"]) == (1, 38), "its answers can be graded from the run"


def test_what_is_private_is_private_to_the_judge_too(terminal: Terminal, tmp_path: Path, cases: str, url: str) -> None:
    recorded = answers(tmp_path, "a", fine=CASES)
    terminal.told(*command(cases, recorded, url, "a.run", "--private"))
    headers, fields = Judge.asked[0]
    assert (headers["x-homeport-data-class"], headers["cache-control"]) == ("private", "no-store")
    assert (fields["model"], fields["temperature"]) == ("big", 0.0)


def test_a_rubric_of_ones_own_in_a_version(terminal: Terminal, tmp_path: Path, cases: str, url: str) -> None:
    terminal.configure(OWN)
    recorded = answers(tmp_path, "a", fine=CASES)
    terminal.told(*command(cases, recorded, url, "a.run", "--rubric", "brief@3", "--only-grade"))
    _, fields = Judge.asked[0]
    assert "Short answers are good." in fields["messages"][0]["content"]
    assert fields["response_format"]["type"] == "json_schema"
    assert read_run(tmp_path / "a.run").head.scorer.startswith("judge brief@3 ")
    for name in ("brief@2", "quality@9", "other", "brief@3x", "@1", "brief@3@3", ""):
        said = terminal.ask(*command(cases, recorded, url, "b.run", "--rubric", name))
        assert said.code == "eval_rubric_unknown", name


def test_runs_of_other_judges_are_not_compared(terminal: Terminal, tmp_path: Path, cases: str, url: str) -> None:
    recorded = answers(tmp_path, "a", fine=CASES)
    terminal.told(*command(cases, recorded, url, "a.run"))
    terminal.told(*command(cases, recorded, url, "b.run", "--judge", "small"))
    assert terminal.ask("eval", "compare", "a.run", "b.run").code == "eval_scorers_differ"


@pytest.mark.parametrize("more", [("--score", "judge"), ("--judge", "big"), ("--score", "exact", "--judge", "big")])
def test_half_of_it_is_refused(terminal: Terminal, tmp_path: Path, cases: str, more: tuple[str, ...]) -> None:
    said = terminal.ask("eval", "run", cases, "--answers", answers(tmp_path, "a", fine=CASES), *more)
    assert said.code == "eval_judge_unclear"
    assert not list(tmp_path.glob("*.run.jsonl")), "nothing was begun"
