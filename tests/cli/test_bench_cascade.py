"""`homeport bench cascade` on invented recordings."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import Terminal
from tests.routing.recorded import make_rows, write_rows

ROWS = make_rows(600, seed=4, models=("a8b", "a70b", "a405b", "c-4"))
FIGURES = ("auroc", "apgr", "ece_before", "ece_after", "cost_ratio")


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


def changed(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    rows = copy.deepcopy(ROWS)
    for row in rows:
        change(row)
    return write_rows(tmp_path / "changed.jsonl", rows)


def told(terminal: Terminal, path: Path, models: str = "a8b,a405b", *more: str) -> dict[str, Any]:
    found: dict[str, Any] = terminal.told("bench", "cascade", str(path), "--models", models, *more)
    return found


def test_a_pair_and_a_triple_have_their_figures(terminal: Terminal, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", ROWS)
    pair, triple = told(terminal, path), told(terminal, path, "a8b,a70b,a405b")
    for one in (pair, triple):
        assert one["auroc"] > 0.7
        assert one["variants"]["prompt"]["apgr"] + 0.05 < one["apgr"]
        low, high = one["apgr_interval"]
        assert low < one["apgr"] < high
        assert one["ece_after"] < one["ece_before"]
        assert {"0", "0.05", "0.08", "0.1", "0.2", "0.21", "0.3", "0.5", "1"} < set(one["accuracy_at"])
    assert pair["accuracy_at"]["0"] == pair["accuracy"]["a8b"]
    assert pair["accuracy_at"]["1"] == pair["accuracy"]["a405b"]
    everything = pair["outcomes"]["1"]
    assert everything["cost_ratio"] == pytest.approx(1)
    assert everything["cost_ratio_asked"] > 1  # all pay for the weak model, too
    at = triple["outcomes"]["70/22/8"]
    assert at["shares"] == pytest.approx([0.70, 0.22, 0.08], abs=0.002)
    assert at["cost_ratio"] == triple["cost_ratio"] < triple["cost_ratio_asked"] < 1
    assert at["accuracy"] == triple["accuracy_at"]["70/22/8"] > triple["accuracy"]["a8b"]
    assert at["of_strongest"] == triple["of_strongest_at"]["70/22/8"]


def test_shares_and_rates_may_be_given(terminal: Terminal, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", ROWS)
    found = told(terminal, path, "a8b,a405b", "--split", "50/50", "--rates", "33, 2.5")
    assert found["outcomes"]["50/50"]["shares"] == pytest.approx([0.5, 0.5])
    assert found["outcomes"]["0.33"]["shares"] == pytest.approx([0.67, 0.33], abs=0.002)
    assert {"0.33", "0.025", "0.5"} < set(found["accuracy_at"])


def test_figures_are_plain_numbers(terminal: Terminal, tmp_path: Path) -> None:
    found = told(terminal, write_rows(tmp_path / "rows.jsonl", ROWS), "a8b,a70b,a405b")
    assert {type(found[name]) for name in (*FIGURES, "auroc_escalation", "cost_ratio_asked")} == {float}
    assert {type(accuracy) for accuracy in found["accuracy_at"].values()} == {float}


def test_being_wrong_is_told_apart_from_being_helped(terminal: Terminal, tmp_path: Path) -> None:
    def hopeless(row: dict[str, Any]) -> None:
        if row["prompt"].startswith(("A patient", "Who")):
            row["models"]["a405b"]["correct"] = row["models"]["a8b"]["correct"]

    found = told(terminal, changed(tmp_path, hopeless))
    assert found["auroc"] > found["auroc_escalation"] + 0.02
    assert found["apgr"] > found["variants"]["confidence"]["apgr"] + 0.05


def test_what_nobody_knows_before_asking_is_not_read(terminal: Terminal, tmp_path: Path) -> None:
    def tell(row: dict[str, Any]) -> None:
        row["models"]["a405b"]["logconf"] = 0.0 if row["models"]["a405b"]["correct"] else -9.0

    plain = told(terminal, write_rows(tmp_path / "rows.jsonl", ROWS))
    leaking = told(terminal, changed(tmp_path, tell))
    assert {name: leaking[name] for name in FIGURES} == {name: plain[name] for name in FIGURES}


def test_only_the_order_of_log_probabilities_counts(terminal: Terminal, tmp_path: Path) -> None:
    def scale(row: dict[str, Any]) -> None:
        for result in row["models"].values():
            if result["logconf"] is not None:
                result["logconf"] = 40 * result["logconf"] - 3

    plain = told(terminal, write_rows(tmp_path / "rows.jsonl", ROWS))
    scaled = told(terminal, changed(tmp_path, scale))
    for name in ("auroc", "apgr", "accuracy_at"):
        assert scaled[name] == plain[name]


def test_labels_of_the_test_rows_change_no_decision(terminal: Terminal, tmp_path: Path) -> None:
    def turn(row: dict[str, Any]) -> None:
        if row["split"] == "test":
            for result in row["models"].values():
                result["correct"] = 1 - result["correct"]

    plain = told(terminal, write_rows(tmp_path / "rows.jsonl", ROWS))
    turned = told(terminal, changed(tmp_path, turn))
    assert turned["auroc"] == pytest.approx(1 - plain["auroc"])
    for rate, at in plain["accuracy_at"].items():
        assert turned["accuracy_at"][rate] == pytest.approx(1 - at)


def test_a_model_that_tells_nothing_is_scored_by_prompts(terminal: Terminal, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", ROWS)
    found = told(terminal, path, "c-4,a405b")
    assert any("tells no log-probability" in warning for warning in found["warnings"])
    assert found["variants"]["combined"]["chosen"].endswith("ridge")


def test_odd_numbers_are_no_harm(terminal: Terminal, tmp_path: Path) -> None:
    odd = iter([1e308, -1e308, 5e-324, 3, None] * len(ROWS))

    def change(row: dict[str, Any]) -> None:
        row["models"]["a8b"]["logconf"] = next(odd)
        row["prompt"] = "\ud83d\ude00\u0000" * 3_000

    found = told(terminal, changed(tmp_path, change))
    assert 0 <= found["auroc"] <= 1
    assert 0 <= found["ece_after"] <= 1


def test_models_in_the_wrong_order_are_told(terminal: Terminal, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", ROWS)
    found = told(terminal, path, "a405b,a8b")
    assert any("order of their quality" in warning for warning in found["warnings"])
    assert found["apgr"] is None
    shown = terminal.run("bench", "cascade", str(path), "--models", "a405b,a8b")
    assert "warning" in shown


@pytest.mark.parametrize("value", [0, 1])
def test_models_that_are_all_alike_have_no_figures(terminal: Terminal, tmp_path: Path, value: int) -> None:
    def same(row: dict[str, Any]) -> None:
        for result in row["models"].values():
            result.update(correct=value, logconf=-1.0, cost_usd=0)

    found = told(terminal, changed(tmp_path, same))
    assert (found["auroc"], found["apgr"], found["cost_ratio"]) == (None, None, None)


def test_what_cannot_be_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", ROWS)
    few = write_rows(tmp_path / "few.jsonl", ROWS[:50])

    def code(file: Path, *options: str) -> str:
        return terminal.ask("bench", "cascade", str(file), *options, "--json").code

    assert code(path, "--models", "a8b,nobody") == "recording_model_unknown"
    assert code(path, "--models", "a8b") == "recording_model_unknown"
    assert code(path, "--models", ",") == "recording_model_unknown"
    assert code(few, "--models", "a8b,a405b") == "recording_too_short"
    for split in ("70/22/8", "70", "x/y", "60/60", "-10/110", "nan/nan", "inf/0"):
        assert code(path, "--models", "a8b,a405b", "--split", split) == "split_invalid"
    for rates in ("x", "101", "-1", "nan", "8,inf", ",".join(["1"] * 51)):
        assert code(path, "--models", "a8b,a405b", "--rates", rates) == "split_invalid"
    assert code(tmp_path / "none", "--models", "a,b") == "recording_invalid"
    assert json.loads(path.read_text().splitlines()[0])["models"]
