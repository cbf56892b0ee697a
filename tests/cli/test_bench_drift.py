"""`homeport bench drift` on made-up files, and on the shared ones where they are."""

from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.drift.recordings import prime_rows, write_all, write_csv, write_samples, write_tables


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


def test_figures_and_targets_are_told(terminal: Terminal, tmp_path: Path) -> None:
    folder = write_all(tmp_path / "data")
    found = terminal.told("bench", "drift", "--data", str(folder), "--runs", "200", "--recordings", "5")
    assert {target["met"] for target in found["targets"]} == {True}
    assert len(found["targets"]) == 5
    (endpoint,) = found["endpoints"]
    assert (endpoint["task"], endpoint["model"], endpoint["before"], endpoint["after"]) == ("prime", "m", 0.85, 0.5)
    assert endpoint["rule"]["short"] > 0.4
    assert endpoint["swap"]["median"] == 1
    assert found["threshold"]["weekly"] == pytest.approx(5_200)
    assert found["samples"][0]["alarms"] == 0
    assert found["tables"][0]["verdict"] == "transient"
    shown = terminal.run("bench", "drift", "--data", str(folder), "--runs", "50", "--recordings", "2", "--seed", "1")
    assert "prime m" in shown
    assert "MISSED" not in shown


def test_the_same_seed_draws_the_same(terminal: Terminal, tmp_path: Path) -> None:
    folder = write_all(tmp_path / "data")
    options = ("bench", "drift", "--data", str(folder), "--runs", "20", "--recordings", "1")
    assert terminal.told(*options) == terminal.told(*options)
    assert terminal.told(*options)["endpoints"] != terminal.told(*options, "--seed", "9")["endpoints"]


def test_a_missed_target_ends_with_one(terminal: Terminal, tmp_path: Path) -> None:
    """A deviation that stays is a change, so it is not transient as it should be."""
    folder = write_all(tmp_path / "data")
    told = {"baseline_table": {"a": -0.35}, "other_table": {"b": -0.1}}
    queries = [[f"2026-08-{day:02}", "a", "other" if day > 20 else "baseline"] for day in range(1, 29)]
    write_tables(folder / "trackllm_lt" / "m.json", {**told, "queries": queries})
    said = terminal.ask("bench", "drift", "--data", str(folder), "--runs", "10", "--recordings", "1", "--json")
    assert said.exit_code == 1
    assert [target["met"] for target in said.json["targets"]][-1] is False


def test_what_is_missing_is_told(terminal: Terminal, tmp_path: Path) -> None:
    folder = tmp_path / "data"

    def code() -> str:
        return terminal.ask("bench", "drift", "--data", str(folder), "--json").code

    assert code() == "recordings_missing"
    write_csv(folder / "llmdrift" / "x.csv", prime_rows(0.8, 0.5))
    assert code() == "recordings_missing"
    write_samples(folder / "llama70b_fp8_samples" / "m.jsonl.gz")
    assert code() == "recordings_missing"
    write_tables(folder / "trackllm_lt" / "m.json", {"queries": []})
    assert code() == "recording_invalid"
    assert terminal.ask("bench", "drift", "--runs", "1").code == "usage"
