"""The whole program: datasets asked of a running gateway, interrupted, gone on with, capped, and gated."""

import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.eval_gate import gated, house, write_dataset
from bench.program import PROGRAM, environment

pytestmark = pytest.mark.slow

_CASES = 400


def run(folder: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = (*PROGRAM, "eval", *arguments)
    return subprocess.run(
        command, cwd=folder, env=environment(home), capture_output=True, text=True, timeout=120, check=False
    )


def asked(sim: str) -> int:
    with urllib.request.urlopen(f"{sim}/sim/requests", timeout=10) as response:
        found: int = json.loads(response.read())["total"]
        return found


def configure(sim: str, **settings: Any) -> None:
    with urllib.request.urlopen(f"{sim}/sim/settings", json.dumps(settings).encode(), timeout=10) as response:
        response.read()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("eval")
    write_dataset(folder, _CASES)
    return folder


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[tuple[str, Path]]:
    with house(folder) as found:
        yield found


def test_interrupted_it_goes_on_and_asks_nothing_twice(folder: Path, running: tuple[str, Path]) -> None:
    sim, home = running
    before = asked(sim)
    configure(sim, latency_ms=100)
    out = folder / "cut.jsonl"
    command = (*PROGRAM, "eval", "run", "cases.jsonl", "--model", "now", "--out", out.name, "--at-once", "4")
    child = subprocess.Popen(command, cwd=folder, env=environment(home), stderr=subprocess.PIPE, text=True)
    while not out.exists() or len(out.read_bytes().splitlines()) < 20:
        assert child.poll() is None
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "the same command goes on" in told
    kept = len(out.read_bytes().splitlines()) - 1
    assert 19 <= kept < _CASES
    configure(sim, latency_ms=0)
    done = run(folder, home, "run", "cases.jsonl", "--model", "now", "--out", out.name, "--json")
    assert done.returncode == 0, done.stderr
    [found] = json.loads(done.stdout)["runs"]
    assert (found["answers"], found["missing"]) == (_CASES, 0)
    assert found["score"]["value"] == pytest.approx(0.85, abs=0.06)
    assert found["cost_nanodollars"] > 0
    assert asked(sim) - before <= _CASES + 4, "only what was in work when it was interrupted is asked again"


def test_money_ends_it_and_more_goes_on(folder: Path, running: tuple[str, Path]) -> None:
    _, home = running
    command = ("run", "cases.jsonl", "--model", "equal", "--out", "capped.jsonl", "--at-once", "16", "--json")
    done = run(folder, home, *command, "--max-usd", "0.005")
    assert done.returncode == 1
    assert "eval_cost_cap" in done.stderr
    [found] = json.loads(done.stdout)["runs"]
    assert 0 < found["cost_nanodollars"] <= 5_000_000
    assert found["missing"] > 0
    assert run(folder, home, *command).returncode == 0


def test_what_it_would_cost_is_told_and_no_model_is_asked(folder: Path, running: tuple[str, Path]) -> None:
    sim, home = running
    before = asked(sim)
    done = run(folder, home, "run", "cases.jsonl", "--model", "now", "--epochs", "2", "--estimate", "--json")
    [found] = json.loads(done.stdout)["estimates"]
    assert (found["questions"], found["looked_at"]) == (2 * _CASES, 20)
    assert found["cost_nanodollars"] > 0
    assert asked(sim) == before


def test_a_model_that_is_not_there_ends_it_at_once(folder: Path, running: tuple[str, Path]) -> None:
    _, home = running
    done = run(folder, home, "run", "cases.jsonl", "--model", "nobody", "--out", "none.jsonl")
    assert done.returncode == 1
    assert "model_not_found" in done.stderr


def test_the_gate_with_real_programs(folder: Path, running: tuple[str, Path]) -> None:
    """One of the seeds of `make bench-eval-gate`, which runs 20 with twice as many cases."""
    sim, home = running
    found = gated(folder, sim, home, 1, 16)
    assert found["exit_codes"] == {"equal": [0], "worse": [1]}


def test_a_judge_elsewhere_is_told_nothing_that_is_private(folder: Path, running: tuple[str, Path]) -> None:
    sim, home = running
    lines = [json.loads(line) for line in (folder / "cases.jsonl").read_text().splitlines()]
    (folder / "said.jsonl").write_text("".join(json.dumps({"id": one["id"], "answer": "b"}) + "\n" for one in lines))
    command = ("run", "cases.jsonl", "--answers", "said.jsonl", "--score", "judge", "--judge", "now", "--json")
    before = asked(sim)
    private = run(folder, home, *command, "--private", "--out", "private.jsonl")
    assert private.returncode == 1
    assert "eval_route_failing" in private.stderr, "nothing that may be asked judges it"
    assert asked(sim) == before
    kept = [json.loads(line) for line in (folder / "private.jsonl").read_text().splitlines()[1:]]
    assert {one["judge"]["label"] for one in kept if "judge" in one} == {"private_model_is_remote"}
    done = run(folder, home, *command, "--out", "open.jsonl", "--max-usd", "0.02")
    [found] = json.loads(done.stdout)["runs"]
    assert asked(sim) > before
    assert 0 < found["judge_cost_nanodollars"] <= 20_000_000
