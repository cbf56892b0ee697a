"""`homeport package eval` and `probe`, with real weights on llama.cpp."""

import json
from pathlib import Path

import msgspec
import pytest

from homeport.evaluation.results import parse_results
from homeport.packages.base import FileRole, PackageSpec, SourceFile, StoredPackage
from homeport.packages.layout import Store
from tests.cli.terminal import Terminal
from tests.packages.conftest import smollm2

__all__ = ["smollm2"]
pytestmark = pytest.mark.slow

CASES = [
    {
        "id": "go on",
        "prompt": "One, two, three, four,",
        "max_tokens": 4,
        "check": {"kind": "contains"},
        "expected": "five",
    },
    {
        "id": "chat",
        "messages": [{"role": "user", "content": "Tell of a fox."}],
        "max_tokens": 8,
        "check": {"kind": "regex", "pattern": "no such thing is ever said"},
    },
]


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


def build(terminal: Terminal, weights: Path, *results: Path) -> None:
    """A package with the suite, and with results where there are some."""
    suite = terminal.home / "suite.jsonl"
    suite.write_text("\n".join(map(json.dumps, CASES)))
    files = [(weights, "model.gguf", FileRole.WEIGHTS), (suite, "suites/s.jsonl", FileRole.SUITE)]
    files += [(path, "suites/s.json", FileRole.SUITE) for path in results]
    store = Store(terminal.home / "packages")
    store.add(
        PackageSpec(name="tried", source=str(weights)),
        [SourceFile(path=path, filepath=name, role=role, modified=0) for path, name, role in files],
    )


@pytest.fixture
def weights(smollm2: tuple[Store, StoredPackage]) -> Path:
    return smollm2[1].weights


def test_a_suite_is_run_recorded_and_held_to(terminal: Terminal, weights: Path, tmp_path: Path) -> None:
    build(terminal, weights)
    saved = tmp_path / "results.json"
    told = terminal.told("package", "eval", "tried", "--save", str(saved))
    [outcome] = told["outcomes"]
    assert (outcome["run"]["score"]["hits"], outcome["run"]["score"]["of"], outcome["bound"]) == (1, 2, None)
    assert [case["passed"] for case in outcome["cases"]] == [True, False]
    assert outcome["cases"][0]["answer"].startswith(" five")

    said = terminal.ask("package", "eval", "tried", "--save", str(tmp_path))
    assert (said.code, "1/2" in said.output) == ("results_not_saved", True), "what was found is shown all the same"

    recorded = parse_results(saved.read_bytes(), "saved")
    saved.write_bytes(msgspec.json.encode(msgspec.structs.replace(recorded, bound=0.6)))
    build(terminal, weights, saved)
    said = terminal.ask("package", "eval", "tried", "--engine", "llamacpp", "--engine", "llamacpp:slots=2")
    assert said.exit_code == 1
    assert "0.600 MISSED" in said.output
    assert "2 of 2 answers are letter by letter" in said.output
    assert "same rendered prompt" in said.output


def test_answers_are_replayed(terminal: Terminal, weights: Path) -> None:
    build(terminal, weights)
    told = terminal.told("package", "probe", "tried", "--replays", "2", "--questions", "1", "--background", "1")
    profiles = {probe["profile"]: probe for probe in told["probes"]}
    assert list(profiles) == ["default", "deterministic"]
    for repeat in profiles["deterministic"]["repeats"]:
        assert (repeat["identical"]["hits"], repeat["identical"]["of"]) == (2, 2), repeat


def test_a_package_without_a_suite_starts_nothing(terminal: Terminal, weights: Path) -> None:
    store = Store(terminal.home / "packages")
    file = SourceFile(path=weights, filepath="model.gguf", role=FileRole.WEIGHTS, modified=0)
    store.add(PackageSpec(name="bare", source=str(weights)), [file])
    assert terminal.ask("package", "eval", "bare").code == "suite_missing"
    assert terminal.ask("package", "eval", "nothing").code == "package_not_pulled"
    assert terminal.ask("package", "eval", "bare", "--engine", "no-such").code == "engine_unknown"
    assert terminal.ask("package", "eval", "bare", "--engine", "llamacpp", "--engine", "llamacpp").code == (
        "engine_option_invalid"
    )
