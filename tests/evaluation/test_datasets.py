"""Datasets of anybody: JSON lines and tables, read whole or refused with the line."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import ConfigError
from homeport.evaluation import datasets
from homeport.evaluation.answers import Question
from homeport.evaluation.datasets import Dataset, parse_dataset, prove, read_dataset
from homeport.evaluation.suites import MAX_LINE_BYTES
from tests.fakes.answering import InProcessReferee

CASE: dict[str, Any] = {"id": "a", "question": "1 + 1?", "check": {"kind": "number"}, "expected": 2}


def lines(*cases: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(case).encode() + b"\n" for case in cases)


def refused(data: bytes, code: str = "dataset_invalid", name: str = "d.jsonl") -> str:
    with pytest.raises(ConfigError) as caught:
        parse_dataset(data, name)
    assert caught.value.code == code
    assert name in caught.value.message
    assert caught.value.hint
    assert len(caught.value.message) < 500
    return caught.value.message


def table(*rows: str) -> Dataset:
    return parse_dataset("\n".join(rows).encode(), "d.csv")


def test_cases_of_suites_and_more_are_read() -> None:
    chat = {"id": "b", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]}
    more = {**chat, "reference": "r", "variables": {"name": "n"}, "metadata": {"topic": "t"}, "max_tokens": 9}
    suite = {"id": "c", "prompt": "go", "check": {"kind": "contains"}, "expected": ["on"], "max_tokens": 4}
    found = parse_dataset(lines(CASE, more, suite), "d.jsonl")
    assert [case.id for case in found.cases] == ["a", "b", "c"]
    assert [case.asked for case in found.cases] == ["1 + 1?", "u", "go"]
    assert found.cases[0].ask(70) == Question(messages=({"role": "user", "content": "1 + 1?"},), max_tokens=70)
    assert found.cases[1].ask(70).max_tokens == 9
    assert found.cases[2].ask() == Question(prompt="go", max_tokens=4)
    assert found.cases[1].metadata == {"topic": "t"}


def test_a_digest_is_of_what_is_asked_and_not_of_how_it_is_written() -> None:
    other = {**CASE, "id": "b"}
    found = parse_dataset(lines(CASE, other), "d.jsonl")
    spaced = b"\n" + json.dumps(other, indent=None).replace(":", " : ").encode() + b"\r\n" + lines(CASE)
    assert parse_dataset(spaced, "e.jsonl").digest == found.digest
    assert parse_dataset(lines(CASE, {**other, "expected": 3}), "d.jsonl").digest != found.digest


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": "x" * 129},
        {"id": "a\x1b[31m"},
        {"question": ""},
        {"prompt": "and one more"},
        {"messages": [{"role": "user", "content": "and a chat"}]},
        {"question": "", "messages": [{"role": "robot", "content": "x"}]},
        {"max_tokens": 0},
        {"check": {"kind": "python"}},
        {"check": {"kind": "choice", "choices": ["one"]}},
        {"expected": "two"},
        {"reference": 7},
        {"variables": {"a b": "c"}},
        {"variables": {"a": 1}},
        {"metadata": {"a": None}},
        {"surprise": 1},
    ],
)
def test_a_case_that_cannot_be_used_is_refused_with_its_line(change: dict[str, Any]) -> None:
    assert "line 2" in refused(lines({**CASE, "id": "first"}, {**CASE, **change}))


@pytest.mark.parametrize("line", [b"{", b"[]", b"null", b"\xff\xfe", b'{"id": "a", "question": "x", "expected": NaN}'])
def test_a_line_that_is_no_case_is_refused(line: bytes) -> None:
    assert "line 2" in refused(lines({**CASE, "id": "first"}) + line)


def test_ids_are_there_once_and_something_is_there() -> None:
    assert "line 2" in refused(lines(CASE, CASE))
    refused(b"\n\n")


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    refused(b"x" * (MAX_LINE_BYTES + 1), "dataset_too_large")
    monkeypatch.setattr(datasets, "MAX_DATASET_CASES", 2)
    refused(lines(*({**CASE, "id": str(number)} for number in range(3))), "dataset_too_large")
    monkeypatch.setattr(datasets, "MAX_DATASET_BYTES", 10)
    refused(lines(CASE), "dataset_too_large")


def test_a_table_is_read() -> None:
    found = table(
        "id,question,check,expected,choices,reference,max_tokens,metadata.topic,product",
        'one,"What, and why?",choice,lease,lease|loan,,,law,',
        ",How much?,number,12,,,5,,shoes",
        "three,Who?,,Ann,,,,,",
        "four,Tell.,,,,A tale.,,,",
    )
    assert [case.id for case in found.cases] == ["one", "3", "three", "four"]
    assert [type(case.check).__name__ for case in found.cases] == ["Choice", "Number", "Exact", "NoneType"]
    assert found.cases[0].question == "What, and why?"
    assert found.cases[0].metadata == {"topic": "law"}
    assert (found.cases[1].variables, found.cases[1].expected, found.cases[1].max_tokens) == (
        {"product": "shoes"},
        12,
        5,
    )
    assert found.cases[3].reference == "A tale."


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        (("answer,expected", "a,b"), "line 1"),
        (("question,question", "a,b"), "line 1"),
        (("question,expected", "a,b,c"), "line 2"),
        (("question,expected", "a,b", "a"), "line 3"),
        (("question,check,expected", "a,number,nan"), "line 2"),
        (("question,check,expected", "a,number,many"), "line 2"),
        (("question,check,expected", "a,json_schema,{}"), "line 2"),
        (("question,max_tokens", "a,many"), "line 2"),
        (("question,a b", "a,b"), "line 2"),
        (("id,question", "a,x", "a,y"), "line 3"),
        (("question", '"never ends'), "line 2"),
        (("question", "a" * 200_000), "line 2"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_line(rows: tuple[str, ...], where: str) -> None:
    assert where in refused("\n".join(rows).encode(), name="d.csv")


def test_a_table_that_is_no_text_is_refused() -> None:
    assert "line 2" in refused(b"question\n\xff", name="D.CSV")


@given(st.binary(max_size=300), st.sampled_from(["d.csv", "d.jsonl"]))
def test_no_bytes_break_the_reader(data: bytes, name: str) -> None:
    with contextlib.suppress(ConfigError):
        assert parse_dataset(data, name).cases


def test_files_are_read_or_told(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    with pytest.raises(ConfigError) as caught:
        read_dataset(path)
    assert caught.value.code == "dataset_unreadable"
    path.write_bytes(lines(CASE))
    assert read_dataset(path).name == "d.jsonl"


@pytest.mark.parametrize("check", [{"kind": "regex", "pattern": "("}, {"kind": "json_schema", "schema": {"type": 7}}])
def test_a_check_that_makes_no_sense_is_found_before_a_model_is_asked(check: dict[str, Any]) -> None:
    good, bad = parse_dataset(lines(CASE), "d"), parse_dataset(lines({**CASE, "check": check}), "d")
    prove(good, InProcessReferee())
    with pytest.raises(ConfigError, match="case 'a'"):
        prove(bad, InProcessReferee())
