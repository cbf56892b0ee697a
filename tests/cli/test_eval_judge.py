"""`homeport eval judge` against a server that judges; without one it says what is wrong."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from homeport.evaluation.datasets import read_dataset
from tests.cli.terminal import Terminal
from tests.fakes.runs import run_of, write_lines, write_run

CASES = 6


class Judge(BaseHTTPRequestHandler):
    """Finds answers of `a` better, in whatever order they come."""

    def do_POST(self) -> None:
        fields = json.loads(self.rfile.read(int(self.headers["content-length"])))
        user = fields["messages"][1]["content"]
        better = "FIRST" if user.index("from a") < user.index("from b") else "SECOND"
        choice = {"message": {"content": f"It is clearer.\nBETTER: {better}"}, "finish_reason": "stop"}
        body = json.dumps({"choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-homeport-cost", "0.000001000")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
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
def runs(tmp_path: Path) -> tuple[str, str, str]:
    """A dataset, and what a and b answered."""
    cases = write_lines(tmp_path / "d.jsonl", [{"id": f"case {n}", "question": f"{n}?"} for n in range(CASES)])
    digest = read_dataset(cases).digest
    paths = []
    for name in ("a", "b"):
        run = run_of([1.0] * CASES, name=f"{name}.jsonl", digest=digest)
        said = tuple(msgspec.structs.replace(one, answer=f"from {name}") for one in run.answers)
        paths.append(str(write_run(tmp_path / run.name, msgspec.structs.replace(run, answers=said))))
    return str(cases), paths[0], paths[1]


def test_a_judge_says_which_run_is_better(terminal: Terminal, runs: tuple[str, str, str], url: str) -> None:
    told = terminal.told("eval", "judge", *runs, "--model", "j", "--url", url)
    assert (told["judge"], told["rubric"], told["rubric_version"]) == ("j", "quality", 1)
    assert (told["pairs"], told["a"], told["b"], told["ties"], told["left"]) == (CASES, CASES, 0, 0, 0)
    assert (told["first_share"], told["cost_nanodollars"]) == (0.5, 2 * CASES * 1_000)
    assert [one["preference"] for one in told["cases"]] == ["a"] * CASES
    said = terminal.run("eval", "judge", *runs, "--model", "j", "--url", url)
    assert "a.jsonl is better 6 times, b.jsonl 0 times, and 0 are ties" in said
    assert "shown first was chosen 50% of the time" in said


def test_a_cap_leaves_pairs_and_ends_with_1(terminal: Terminal, runs: tuple[str, str, str], url: str) -> None:
    said = terminal.ask("eval", "judge", *runs, "--model", "j", "--url", url, "--max-usd", "0.000004", "--json")
    assert (said.exit_code, said.json["left"], said.json["a"]) == (1, CASES - 2, 2)


def test_what_cannot_be_used_is_said(terminal: Terminal, runs: tuple[str, str, str], tmp_path: Path) -> None:
    command = ("eval", "judge", *runs, "--model", "j")
    assert terminal.ask(*command).code == "gateway_not_running"
    assert terminal.ask(*command, "--rubric", "own").code == "eval_rubric_unknown"
    assert terminal.ask(*command, "--max-usd", "nothing").code == "eval_cap_invalid"
    assert terminal.ask("eval", "judge", *runs).exit_code == 2
    other = write_lines(tmp_path / "other.jsonl", [{"id": "x", "question": "x?"}])
    assert terminal.ask("eval", "judge", str(other), *runs[1:], "--model", "j").code == "eval_datasets_differ"


def test_a_rubric_of_ones_own_is_asked_by(terminal: Terminal, runs: tuple[str, str, str], url: str) -> None:
    own = "{model: m, rubrics: {own: {version: 7, text: the shorter one}}}"
    terminal.configure(f"evaluation: {{enabled: true, judge: {own}}}\n")
    told = terminal.told("eval", "judge", *runs, "--model", "j", "--url", url, "--rubric", "own")
    assert (told["rubric"], told["rubric_version"]) == ("own", 7)
