"""Files of runs: read whole, and refused with the line where somebody wrote them otherwise."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import ConfigError
from homeport.evaluation import runs
from homeport.evaluation.runs import Run, answer_line, head_line, parse_run, printed, read_run
from tests.fakes.runs import DIGEST, answered, head, run_of, write_run

HEAD = head_line(head(2, epochs=2))
ONE = answer_line(answered("a", 1.0))


def parsed(data: bytes) -> Run:
    return parse_run(io.BytesIO(data), "r.jsonl")


def refused(data: bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        parsed(data)
    assert caught.value.code == "eval_run_invalid"
    assert "r.jsonl" in caught.value.message
    assert caught.value.hint
    return caught.value.message


def test_written_and_read(tmp_path: Path) -> None:
    run = run_of([1.0, 0.0, None, 0.25])
    found = read_run(write_run(tmp_path / "a.jsonl", run))
    assert (found.head, found.answers) == (run.head, run.answers)
    assert (len(found.scored), found.missing) == (3, 1)


def test_an_answer_counts_where_it_failed_before() -> None:
    found = parsed(HEAD + answer_line(answered("a", None)) + ONE)
    assert [one.score for one in found.answers] == [1.0]
    found = parsed(HEAD + answer_line(answered("a", None)) * 2)
    assert found.missing == 4


def test_a_line_that_was_being_written_is_left_out() -> None:
    found = parsed(HEAD + ONE + b'{"case": "b", "sco')
    assert [one.case for one in found.answers] == ["a"]
    assert found.whole == len(HEAD + ONE)
    found = parsed(HEAD + ONE + answer_line(answered("b", 1.0)).rstrip())
    assert [one.case for one in found.answers] == ["a", "b"]


@pytest.mark.parametrize(
    "change",
    [
        {"homeport_run": 2},
        {"digest": 7},
        {"cases": 0},
        {"cases": 10**9},
        {"epochs": 101},
        {"route": "\x1b[31m"},
        {"settings": {"a": [1]}},
        {"surprise": 1},
    ],
)
def test_a_first_line_that_says_something_else_is_refused(change: dict[str, Any]) -> None:
    told = {"homeport_run": 1, "dataset": "d", "digest": DIGEST, "cases": 2, "route": "m", "scorer": "check", **change}
    assert "line 1" in refused(json.dumps(told).encode() + b"\n")


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"\xff",
        b'{"case": "b"}',
        b'{"case": "b", "score": NaN}',
        b'{"case": "b", "score": 1.5}',
        b'{"case": "b", "score": -0.1}',
        b'{"case": "b", "score": "1"}',
        b'{"case": "b", "score": 1, "error": "x"}',
        b'{"case": "b", "score": 1, "epoch": 2}',
        b'{"case": "b", "score": 1, "epoch": -1}',
        b'{"case": "b", "score": 1, "cost_nanodollars": -1}',
        b'{"case": "b", "score": 1, "latency_ms": 1e999}',
        b'{"case": "b", "score": 1, "surprise": 1}',
        b'{"case": "a", "score": 0}',
    ],
)
def test_a_line_that_is_no_answer_is_refused_with_its_number(line: bytes) -> None:
    assert "line 3" in refused(HEAD + ONE + line + b"\n")


def test_more_cases_than_the_first_line_says_are_refused() -> None:
    more = b"".join(answer_line(answered(case, 1.0)) for case in "abc")
    assert "line 4" in refused(HEAD + more)


def test_what_is_no_run_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    refused(b"")
    refused(b'{"id": "a", "question": "of a dataset"}\n')
    monkeypatch.setattr(runs, "MAX_RUN_LINE_BYTES", 1000)
    assert "line 2" in refused(HEAD + b"x" * 2000 + b"\n")
    assert "line 1" in refused(b"x" * 2000)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    for begin in (b"", HEAD):
        with contextlib.suppress(ConfigError):
            assert parsed(begin + data).missing >= 0


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_run(tmp_path / "none")
    assert caught.value.code == "eval_run_unreadable"


def test_names_are_printed() -> None:
    assert printed("a\x1b[31mb\udcff" + "x" * 300) == "a?[31mb?" + "x" * 248
