"""Tables of log-probabilities with a deviation: it passes, and had it stayed it would have been a change."""

from pathlib import Path
from typing import Any

import pytest

from homeport.core.errors import ConfigError
from homeport.drift.detectors import Verdict
from homeport.drift.tables import passing, read_tables
from tests.drift.recordings import tables, write_tables


def test_a_deviation_that_passes(tmp_path: Path) -> None:
    (one,) = read_tables(write_tables(tmp_path / "m.json", tables()).parent)
    found = passing(one)
    assert (found.name, found.queries, found.deviations, found.alarms) == ("m @ p", 45, 1, 0)
    assert (found.burst, found.verdict) == (Verdict.TRANSIENT, Verdict.TRANSIENT)
    assert found.persisting_burst is Verdict.CHANGE
    assert 2 <= found.persisting_alarm_after <= 4


def test_a_deviation_that_stays_is_no_transient(tmp_path: Path) -> None:
    (one,) = read_tables(write_tables(tmp_path / "m.json", tables(range(40, 45))).parent)
    found = passing(one)
    assert found.alarms > 0
    assert found.verdict is not Verdict.TRANSIENT


def test_without_a_deviation_there_is_nothing_to_judge(tmp_path: Path) -> None:
    (one,) = read_tables(write_tables(tmp_path / "m.json", tables(())).parent)
    with pytest.raises(ConfigError) as raised:
        passing(one)
    assert raised.value.code == "recording_too_short"


@pytest.mark.parametrize(
    "change",
    [
        {"baseline_table": {"a": "x"}},
        {"baseline_table": None},
        {"queries_2026_08": [["2026-08-01", "a", "unknown"]]},
        {"queries_2026_08": [["yesterday", "a", "baseline"]]},
        {"queries_2026_08": [["2026-08-01", "a"]]},
        {"queries_2026_08": [[1, 2, 3]]},
        {"queries_2026_08": []},
    ],
)
def test_what_is_no_such_file_is_told(tmp_path: Path, change: dict[str, Any]) -> None:
    write_tables(tmp_path / "m.json", {**tables(), **change})
    with pytest.raises(ConfigError) as raised:
        read_tables(tmp_path)
    assert raised.value.code == "recording_invalid"
    assert "m.json" in raised.value.message


def test_no_file_and_no_json_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no tables"):
        read_tables(tmp_path)
    for data in (b"", b"[]", b"\xff", b"[" * 9_000):
        (tmp_path / "m.json").write_bytes(data)
        with pytest.raises(ConfigError) as raised:
            read_tables(tmp_path)
        assert raised.value.code == "recording_invalid"
