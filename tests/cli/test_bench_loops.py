"""`homeport bench loops` as a person runs it."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.inside import Inside
from tests.ledger.loops.test_recordings import LOOPING, turns


def bench(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return Inside(folder / "home").execute("bench", "loops", *options)


def test_it_says_what_is_stopped_where_and_why(tmp_path: Path) -> None:
    looping, fine = tmp_path / "looping.jsonl", tmp_path / "fine.jsonl"
    looping.write_bytes(turns(("user", "Go."), *LOOPING["JSON"] * 9))
    fine.write_bytes(turns(("user", "Go."), ("assistant", "Done.")))
    one = json.loads(bench(tmp_path, "--trace", str(looping), "--replays", "3", "--json").stdout)
    assert {name: one[name] for name in ("file", "replays", "traces", "false_stop_rate")} == {
        "file": str(looping),
        "replays": 3,
        "traces": 1,
        "false_stop_rate": 1.0,
    }
    assert [(stop["trace"], stop["call"], stop["level"], stop["signal"]) for stop in one["stops"]] == [
        ("c1", 6, "stop", "same_result")
    ] * 3
    assert "find" in one["stops"][0]["what"]
    assert float(one["cost_usd"]) > 0
    both = bench(tmp_path, "--trace", str(looping), "--trace", str(fine), "--json")
    assert [len(told["stops"]) for told in json.loads(both.stdout)] == [20, 0]
    shown = bench(tmp_path, "--trace", str(looping), "--trace", str(fine)).stdout
    assert "20 of 20 replays stopped (100.0%)" in shown
    assert "0 of 20 replays stopped (0.0%)" in shown


@pytest.mark.parametrize(
    "options", [("--trace", "missing.json"), ("--trace", "."), ("--trace", "x", "--replays", "0"), ()]
)
def test_what_cannot_be_read_is_told(tmp_path: Path, options: tuple[str, ...]) -> None:
    told = bench(tmp_path, *options)
    assert told.returncode == 2
    assert told.stderr
    assert "Traceback" not in told.stderr
