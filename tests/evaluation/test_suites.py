"""Suites of anybody: read whole, or refused with the line."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import PackageError
from homeport.evaluation import suites
from homeport.evaluation.answers import Answer, Question
from homeport.evaluation.suites import MAX_LINE_BYTES, MAX_SUITE_BYTES, parse_suite, run, suites_of
from homeport.packages.base import FileRole
from homeport.packages.layout import Store
from tests.fakes.answering import InProcessReferee, ScriptedAnswerer, answer
from tests.packages.conftest import Shelf

CASE: dict[str, Any] = {"id": "a", "prompt": "1 + 1 =", "check": {"kind": "number"}, "expected": 2}


def lines(*cases: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(case).encode() + b"\n" for case in cases)


def refused(data: bytes, code: str = "suite_invalid") -> str:
    with pytest.raises(PackageError) as caught:
        parse_suite(data, "s.jsonl")
    assert caught.value.code == code
    assert "s.jsonl" in caught.value.message
    assert caught.value.hint
    assert len(caught.value.message) < 500
    return caught.value.message


def test_a_suite_is_read_in_order_and_empty_lines_are_passed_by() -> None:
    chat = {**CASE, "id": "b", "prompt": "", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8}
    suite = parse_suite(b"\n" + lines(CASE) + b"  \r\n" + lines(chat), "s.jsonl")
    assert [case.id for case in suite.cases] == ["a", "b"]
    assert suite.cases[0].question() == Question(prompt="1 + 1 =")
    assert suite.cases[1].question() == Question(messages=({"role": "user", "content": "hi"},), max_tokens=8)
    assert suite.digest.startswith("sha256:")
    assert parse_suite(lines(CASE), "other").digest != suite.digest


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": "x" * 129},
        {"id": "a\x1b[31m"},
        {"prompt": ""},
        {"messages": [{"role": "user", "content": "and a chat"}]},
        {"messages": [{"role": "robot", "content": "x"}], "prompt": ""},
        {"messages": [{"role": "user", "content": "x", "more": 1}], "prompt": ""},
        {"max_tokens": 0},
        {"max_tokens": 1 << 40},
        {"check": {}},
        {"check": {"kind": "python", "code": "1"}},
        {"check": {"kind": "number", "tolerance": -1}},
        {"check": {"kind": "exact", "surprise": 1}},
        {"check": {"kind": "regex"}, "expected": ""},
        {"check": {"kind": "choice", "choices": ["one"]}, "expected": "one"},
        {"expected": "two"},
        {"surprise": 1},
    ],
)
def test_a_case_that_cannot_be_used_is_refused_with_its_line(change: dict[str, Any]) -> None:
    assert "line 2" in refused(lines({**CASE, "id": "first"}, {**CASE, **change}))


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"id": "a", "prompt": "x", "check": {"kind": "number"}, "expected": NaN}',
        b'{"id": "a", "prompt": "x", "check": {"kind": "number"}, "expected": 1e999}',
        b'{"id": "a", "prompt": "x", "check": {"kind": "number"}}',
        b'{"id": "a", "prompt": "x", "check": {"kind": "json_schema", "schema": ' + b"[" * 100_000,
        b'{"id": "\\ud800", "prompt": "x", "check": {"kind": "number"}, "expected": 1}',
    ],
)
def test_a_line_that_is_no_case_is_refused(line: bytes) -> None:
    assert "line 2" in refused(lines({**CASE, "id": "first"}) + line)


def test_an_id_is_there_once() -> None:
    assert "line 2" in refused(lines(CASE, CASE))


def test_a_suite_without_a_case_is_none() -> None:
    refused(b"\n\n")


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    refused(b"x" * (MAX_LINE_BYTES + 1), "suite_too_large")
    refused(b"\n" * (MAX_SUITE_BYTES + 1), "suite_too_large")
    monkeypatch.setattr(suites, "MAX_CASES", 2)
    refused(lines(*({**CASE, "id": str(number)} for number in range(3))), "suite_too_large")


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with contextlib.suppress(PackageError):
        assert parse_suite(data, "s").cases


def test_a_package_without_a_suite_says_what_to_do(store: Store, shelf: Shelf, spec: Any) -> None:
    with pytest.raises(PackageError) as caught:
        suites_of(store.add(spec, [shelf.weights()]))
    assert caught.value.code == "suite_missing"


def test_a_package_tells_its_suites(store: Store, shelf: Shelf, spec: Any) -> None:
    suite = shelf.file(FileRole.SUITE, "suites/s.jsonl", lines(CASE))
    results = shelf.file(FileRole.SUITE, "suites/s.json", b"{}")
    [found] = suites_of(store.add(spec, [shelf.weights(), suite, results]))
    assert (found.name, len(found.cases)) == ("suites/s.jsonl", 1)


async def test_every_case_is_asked_once_and_judged() -> None:
    suite = parse_suite(lines(CASE, {**CASE, "id": "b", "expected": 3}), "s")
    answerer = ScriptedAnswerer(lambda _: answer("it is ", "2"))
    told: list[tuple[int, int]] = []
    judged = await run(suite, answerer, InProcessReferee(), lambda done, of: told.append((done, of)))
    assert [(one.case.id, one.verdict.passed) for one in judged] == [("a", True), ("b", False)]
    assert [question.prompt for question in answerer.asked] == ["1 + 1 ="] * 2
    assert told == [(0, 2), (1, 2), (2, 2)]


@pytest.mark.parametrize("check", [{"kind": "regex", "pattern": "("}, {"kind": "json_schema", "schema": {"type": 7}}])
async def test_a_check_that_makes_no_sense_is_found_before_a_model_is_asked(check: dict[str, Any]) -> None:
    suite = parse_suite(lines({**CASE, "check": check}), "s.jsonl")
    answerer = ScriptedAnswerer(lambda _: Answer(text=""))
    with pytest.raises(PackageError, match=r"s\.jsonl, case 'a'") as caught:
        await run(suite, answerer, InProcessReferee(), lambda done, of: None)
    assert caught.value.code == "suite_invalid"
    assert not answerer.asked
