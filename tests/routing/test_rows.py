"""Rows to fit on, as files have them."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from homeport.core.errors import ConfigError
from homeport.routing.rows import Row, read_rows
from tests.routing.recorded_answers import recorded, write


def row(**qualities: float) -> dict[str, Any]:
    return {"prompt": "p", "models": {name: {"correct": value} for name, value in qualities.items()}}


def test_any_number_of_models_weakest_first(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [row(b=1, a=0, c=0.5), {**row(b=1, a=0, c=1), "split": "test", "x": None}])
    rows = read_rows(path)
    assert rows.models == ("a", "c", "b")
    assert rows.means() == (0, 0.75, 1)
    assert rows.rows == (
        Row(prompt="p", quality=(0, 0.5, 1)),
        Row(prompt="p", quality=(0, 1, 1), held_out=True),
    )
    assert rows.of(held_out=True).rows == rows.rows[1:]
    assert read_rows(path, ("c", "a")).models == ("a", "c")


def test_rows_of_routellm(tmp_path: Path) -> None:
    rows = [
        {"prompt": "p", "domain": "law", "weak": 0, "strong": 1, "contaminated": False},
        {"prompt": "p", "domain": "law", "weak": 1, "strong": 1, "contaminated": True},
        {"turns": ["first", "second"], "category": "maths", "weak": [5, 7], "strong": [9, 10.0]},
    ]
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress("\n\n".join(map(json.dumps, rows)).encode()))
    assert read_rows(path).rows == (
        Row(prompt="p", quality=(0, 1), group="law"),
        Row(prompt="first", quality=(0.6, 0.95), group="maths"),
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{", "truncated"),
        (b"[]", "object"),
        (b"null", "object"),
        (b"\xff", "line 2"),
        (b"[" * 100_000, "line 2"),
        (b'{"models": {"a": {"correct": 1}, "b": {"correct": 0}}}', "no `prompt`"),
        (b'{"prompt": "p"}', "neither"),
        (b'{"prompt": "p", "weak": 1}', "neither"),
        (b'{"prompt": "p", "weak": [], "strong": [1]}', "neither"),
        (b'{"prompt": 3, "weak": 1, "strong": 1}', "prompt"),
        (b'{"prompt": "p", "models": {"small": {"correct": 2}}}', "<= 1"),
        (b'{"prompt": "p", "models": {"small": {"correct": -1}}}', ">= 0"),
        (b'{"prompt": "p", "models": {"small": {"correct": "yes"}}}', "float"),
        (b'{"prompt": "p", "models": {"small": {"correct": NaN}}}', "line 2"),
        (b'{"prompt": "p", "models": {"small": {}}}', "correct"),
        (b'{"prompt": "p", "models": {"small": {"correct": 1}}}', "'large'|'middle'"),
        (b'{"prompt": "p", "weak": [11], "strong": [1]}', "<= 10"),
    ],
)
def test_a_line_that_is_no_row_is_told_with_its_number(tmp_path: Path, line: bytes, why: str) -> None:
    path = write(tmp_path / "a.jsonl", recorded(1))
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(ConfigError, match=why) as caught:
        read_rows(path)
    assert caught.value.code == "rows_invalid"
    assert "line 2" in caught.value.message
    assert "fit-a-router.md" in caught.value.hint


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", b"\x1f\x8b", b"\x1f\x8b\x08\0", b"plain", gzip.compress(b"x" * 99)[:30]]
)
def test_a_file_that_is_none_is_told(tmp_path: Path, data: bytes) -> None:
    for name in ("a.jsonl.gz", "a.jsonl"):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ConfigError) as caught:
            read_rows(tmp_path / name)
        assert caught.value.code == "rows_invalid"


def test_one_model_is_no_choice(tmp_path: Path) -> None:
    for models in (("small",), ("small", "small")):
        with pytest.raises(ConfigError, match="two models"):
            read_rows(write(tmp_path / "a.jsonl", recorded(3)), models)
