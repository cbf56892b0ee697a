"""Recordings are read, and what is none is told with its line."""

import json
from pathlib import Path

import pytest

from homeport.core.errors import ConfigError
from homeport.routing.recordings import read_recording

GOOD = {
    "split": "train",
    "prompt": "p",
    "models": {
        "a": {"correct": 1, "logconf": None, "cost_usd": 0.1},
        "b": {"correct": 0, "logconf": -0.5, "cost_usd": 1, "more": 1},
    },
    "more": [],
}


def refused(path: Path, data: bytes, models: tuple[str, ...] | None = None) -> ConfigError:
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        read_recording(path, models)
    return caught.value


def test_rows_are_read_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    alone = {**GOOD, "split": "test", "models": {"a": GOOD["models"]["a"]}}  # type: ignore[index]  # a row as a literal is a dict of object
    path.write_bytes(b"\xef\xbb\xbf" + "\n\n".join(json.dumps(row) for row in (GOOD, alone)).encode())
    found = read_recording(path, ["b", "a"])
    assert found.models == ("b", "a")
    assert (len(found.rows), found.skipped) == (1, 1)
    assert found.part("test") == ()
    assert found.rows[0].models["a"].confidence == float("-inf")
    assert read_recording(path).models == ("a", "b")


@pytest.mark.parametrize(
    "change",
    [
        {"split": "dev"},
        {"prompt": 3},
        {"models": []},
        {"models": {"a": {"correct": 2, "logconf": 0, "cost_usd": 0}}},
        {"models": {"a": {"correct": 0.5, "logconf": 0, "cost_usd": 0}}},
        {"models": {"a": {"correct": "1", "logconf": 0, "cost_usd": 0}}},
        {"models": {"a": {"correct": 1, "logconf": "x", "cost_usd": 0}}},
        {"models": {"a": {"correct": 1, "logconf": 0, "cost_usd": -1}}},
        {"models": {"a": {"correct": 1, "logconf": 0, "cost_usd": 1e999}}},
        {"models": {"a": {"correct": 1, "cost_usd": 1}}},
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    lines = [json.dumps(GOOD), json.dumps({**GOOD, **change})]
    error = refused(tmp_path / "rows.jsonl", "\n".join(lines).encode())
    assert error.code == "recording_invalid"
    assert "line 2" in error.message


@pytest.mark.parametrize(("written", "correct"), [(1, 1), (0, 0), (1.0, 1), (0.0, 0), (True, 1), (False, 0)])
def test_right_is_written_in_several_ways(tmp_path: Path, written: float, correct: int) -> None:
    models = {name: {"correct": written, "logconf": -1, "cost_usd": 0} for name in "ab"}
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({**GOOD, "models": models}))
    assert read_recording(path).rows[0].models["a"].correct is correct


@pytest.mark.parametrize("line", [b"a" * 9_000_000, b" " * 9_000_000])
def test_a_line_without_end_is_not_read_to_it(tmp_path: Path, line: bytes) -> None:
    error = refused(tmp_path / "rows.jsonl", json.dumps(GOOD).encode() + b"\n" + line)
    assert "line 2, is too much" in error.message


def test_only_a_newline_ends_a_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    odd = json.dumps({**GOOD, "prompt": "a\u2028b\x85c"}, ensure_ascii=False).encode()
    path.write_bytes(odd + b"\r\n" + odd)
    assert [row.prompt for row in read_recording(path).rows] == ["a\u2028b\x85c"] * 2


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\x00\xff", b"[" * 100_000, b'{"split":"train"', b"null", b"NaN"])
def test_what_is_no_recording_is_refused(tmp_path: Path, data: bytes) -> None:
    assert refused(tmp_path / "rows.jsonl", data).code == "recording_invalid"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(ConfigError) as caught:
            read_recording(path)
        assert caught.value.code == "recording_invalid"


@pytest.mark.parametrize("models", [("a", "c"), ("a",), ("a", "a"), ()])
def test_models_that_are_not_there_are_told_with_those_that_are(tmp_path: Path, models: tuple[str, ...]) -> None:
    error = refused(tmp_path / "rows.jsonl", json.dumps(GOOD).encode(), models)
    assert error.code == "recording_model_unknown"
    assert "c" not in models or "a, b" in error.hint


def test_a_long_prompt_keeps_its_ends(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({**GOOD, "prompt": "a" * 90_000 + "z"}))
    prompt = read_recording(path).rows[0].prompt
    assert len(prompt) < 5_000
    assert (prompt[0], prompt[-1]) == ("a", "z")
