"""Files of pairs, and the figures that are made of them."""

import json
from pathlib import Path

import pytest

from homeport.cache.measure import Counts, Pair, count, measure, read_pairs
from homeport.core.errors import ConfigError
from homeport.embeddings.static import StaticEmbedder

GOOD = {"a": "x", "b": "y", "same_answer": True}


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        ([], "has no pairs"),
        (["", " "], "has no pairs"),
        ([GOOD, "{"], "line 2"),
        ([GOOD, "[]"], "line 2"),
        (["", {"a": "x", "b": "y"}], "line 2"),
        ([{"a": "x", "b": 1, "same_answer": True}], "line 1"),
        ([{"a": "x", "b": "y", "same_answer": "yes"}], "line 1"),
        ([{"a": "x", "b": "y", "same_answer": True, "category": None}], "line 1"),
        (["[" * 100_000], "line 1"),
    ],
)
def test_a_file_without_pairs_is_refused_by_line(tmp_path: Path, lines: list[object], where: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    with pytest.raises(ConfigError, match=where) as raised:
        read_pairs(path)
    assert raised.value.code == "recording_invalid"


def test_what_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b'{"a": "\xff", "b": "b", "same_answer": true}')
    with pytest.raises(ConfigError, match="line 1"):
        read_pairs(tmp_path / "x")


def test_fields_that_nobody_knows_are_let_be(tmp_path: Path) -> None:
    (tmp_path / "x").write_text(json.dumps({**GOOD, "id": 7}) + "\r\n")
    assert read_pairs(tmp_path / "x") == [Pair("x", "y", True)]


def test_the_mark_that_some_editors_begin_a_file_with_is_let_be(tmp_path: Path) -> None:
    (tmp_path / "x").write_text(json.dumps(GOOD), encoding="utf-8-sig")
    assert read_pairs(tmp_path / "x") == [Pair("x", "y", True)]


def test_both_kinds_are_counted_apart() -> None:
    pairs = [Pair("", "", True)] * 3 + [Pair("", "", False)] * 2
    counted = count(zip(pairs, [True, True, False, False, True], strict=True))
    assert isinstance(counted, Counts)
    assert (counted.hit_rate, counted.wrong_serve_rate) == (2 / 3, 0.5)
    assert counted.hit_interval[0] < 2 / 3 < counted.hit_interval[1]


def test_what_may_have_another_answer_soon_counts_as_not_served() -> None:
    pairs = [Pair(text, text + " ", True) for text in ("What is the weather like in Oslo today?", "Who wrote Emma?")]
    measured = measure(pairs, StaticEmbedder())
    assert measured["strict"].served == measured["balanced"].served == 1
    assert measured["plain"].served == 2
