"""`homeport eval run` of a package on an engine of its own, with real weights on llama.cpp."""

from pathlib import Path

import pytest

from homeport.packages.base import StoredPackage
from homeport.packages.layout import Store
from tests.cli.terminal import Terminal
from tests.cli.test_package_eval import CASES, build
from tests.fakes.runs import write_lines
from tests.packages.conftest import smollm2

__all__ = ["smollm2"]
pytestmark = pytest.mark.slow


def test_a_package_is_asked_a_dataset(
    smollm2: tuple[Store, StoredPackage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    terminal = Terminal(tmp_path / "home")
    build(terminal, smollm2[1].weights)
    cases = write_lines(tmp_path / "d.jsonl", CASES)
    told = terminal.told("eval", "run", str(cases), "--package", "tried", "--engine", "llamacpp", "--out", "r.jsonl")
    [run] = told["runs"]
    assert (run["route"], run["answers"], run["score"]["value"]) == ("tried llamacpp", 2, 0.5)
    assert run["latency_p50_ms"] > 0
    assert run["cost_nanodollars"] is None, "what the machine costs is not known here"
    assert terminal.ask("eval", "gate", "r.jsonl", "r.jsonl").exit_code == 2
