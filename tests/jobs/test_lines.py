"""Inputs as people and strangers write them: what is wrong is said with its line, and no content is told."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.jobs.lines import MAX_CUSTOM_ID, MAX_PROBLEMS, Checked, Line, check, read

CHAT = "/v1/chat/completions"
BODY = {"model": "auto", "messages": [{"role": "user", "content": "SECRET"}]}


def line(custom_id: Any = "a", **fields: Any) -> bytes:
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": CHAT, "body": BODY, **fields}).encode()


def checked(tmp_path: Path, data: bytes, *, max_lines: int = 100, max_line_bytes: int = 10_000) -> Checked:
    path = tmp_path / "input.jsonl"
    path.write_bytes(data)
    return check(path, endpoint=CHAT, max_lines=max_lines, max_line_bytes=max_line_bytes)


def lines(tmp_path: Path, data: bytes) -> list[Line]:
    path = tmp_path / "input.jsonl"
    path.write_bytes(data)
    return list(read(path, max_line_bytes=10_000))


@pytest.mark.parametrize(
    "data",
    [
        line("a") + b"\n" + line("b") + b"\n",
        line("a") + b"\n" + line("b"),
        line("a") + b"\r\n" + line("b") + b"\r\n",
        b"\n\n  \n" + line("a") + b"\n\t\n" + line("b") + b"\n\n",
        b"\xef\xbb\xbf" + line("a") + b"\n" + line("b"),
        line("a", unknown=[1]) + b"\n" + line("b", body={**BODY, "stream": False}),
        line("a", body={**BODY, "stream": None}) + b"\n" + line("b"),
    ],
    ids=["lf", "no last newline", "crlf", "blank lines", "byte order mark", "unknown field", "stream null"],
)
def test_good_inputs(tmp_path: Path, data: bytes) -> None:
    assert checked(tmp_path, data) == Checked(total=2, problems=())
    found = lines(tmp_path, data)
    assert [each.custom_id for each in found] == ["a", "b"]
    assert all(json.loads(each.body)["messages"] == BODY["messages"] for each in found)


def test_numbers_are_those_an_editor_shows(tmp_path: Path) -> None:
    assert [each.number for each in lines(tmp_path, b"\n" + line("a") + b"\n\n" + line("b"))] == [2, 4]


@pytest.mark.parametrize(
    ("bad", "code", "param"),
    [
        (b"SECRET", "invalid_json_line", None),
        (b"[]", "invalid_value", None),
        (b"{", "invalid_json_line", None),
        (line("b") + b" x", "invalid_json_line", None),
        (line("b") + line("c"), "invalid_json_line", None),
        (line("b").replace(b'"auto"', b"NaN"), "invalid_json_line", None),
        (line("b").replace(b'"auto"', b"Infinity"), "invalid_json_line", None),
        (line("b").replace(b"SECRET", b"SECRET\xff"), "invalid_utf8", None),
        (line("b").replace(b"SECRET", b"\\ud800"), "invalid_json_line", None),
        (b'{"custom_id":"b","body":{"a":' + b"[" * 4000 + b"]" * 4000 + b"}}", "json_too_deep", None),
        (line(7), "invalid_value", "custom_id"),
        (line(None), "invalid_value", "custom_id"),
        (line(""), "invalid_value", "custom_id"),
        (line("x" * (MAX_CUSTOM_ID + 1)), "invalid_value", "custom_id"),
        (line("a"), "duplicate_custom_id", "custom_id"),
        (line("b", method="GET"), "invalid_value", "method"),
        (line("b", url="/v1/embeddings"), "mismatched_endpoint", "url"),
        (line("b", url="https://elsewhere.example/v1/chat/completions"), "mismatched_endpoint", "url"),
        (line("b", body="SECRET"), "invalid_value", "body"),
        (line("b", body=[]), "invalid_value", "body"),
        (line("b", body={**BODY, "stream": True}), "stream_not_supported", "body.stream"),
        (line("b", body={**BODY, "stream": "SECRET"}), "stream_not_supported", "body.stream"),
        (json.dumps({"custom_id": "b", "method": "POST", "url": CHAT}).encode(), "invalid_value", None),
        (line("b", body={**BODY, "pad": "x" * 20_000}), "line_too_large", None),
    ],
)
def test_bad_lines(tmp_path: Path, bad: bytes, code: str, param: str | None) -> None:
    found = checked(tmp_path, line("a") + b"\n" + bad + b"\n" + line("z") + b"\n")
    [problem] = found.problems
    assert (problem.code, problem.line, problem.param) == (code, 2, param)
    assert "SECRET" not in problem.message
    assert found.total == 3


@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\t\n", b"\xef\xbb\xbf"])
def test_an_empty_input(tmp_path: Path, data: bytes) -> None:
    [problem] = checked(tmp_path, data).problems
    assert (problem.code, problem.line) == ("empty_file", None)


def test_a_number_of_lines_is_the_bound_and_blank_ones_count(tmp_path: Path) -> None:
    many = b"".join(line(str(number)) + b"\n" for number in range(100))
    assert checked(tmp_path, many).problems == ()
    assert [each.code for each in checked(tmp_path, many + line("one more")).problems] == ["too_many_lines"]
    assert checked(tmp_path, b"\n" * 1_000_000).problems[0].code == "too_many_lines"


def test_a_huge_line_is_never_in_memory_and_the_next_is_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "input.jsonl"
    with path.open("wb") as file:
        file.write(line("a") + b"\n{")
        file.seek(50_000_000, 1)
        file.write(b"\n" + line("b") + b"\n")
    found = check(path, endpoint=CHAT, max_lines=10, max_line_bytes=1000)
    assert (found.total, [(each.code, each.line) for each in found.problems]) == (3, [("line_too_large", 2)])


def test_a_line_of_exactly_the_bound_is_good(tmp_path: Path) -> None:
    size = len(line("a"))
    for end in (b"\n", b"\r\n", b""):
        assert checked(tmp_path, line("a") + end, max_line_bytes=size + len(end.strip(b"\n"))).problems == ()
    assert checked(tmp_path, line("a") + b"\n", max_line_bytes=size - 1).problems[0].code == "line_too_large"


def test_what_follows_a_request_behind_much_space_is_not_dropped(tmp_path: Path) -> None:
    row = line("a") + b" " * 1000 + b"SECRET\n"
    assert checked(tmp_path, row, max_line_bytes=500).problems[0].code == "line_too_large"


def test_not_every_problem_is_told(tmp_path: Path) -> None:
    assert len(checked(tmp_path, b"x\n" * 5000, max_lines=10_000).problems) == MAX_PROBLEMS


@given(data=st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_checked_without_a_failure(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    found = checked(tmp_path_factory.mktemp("input"), data)
    assert found.problems


@given(custom_ids=st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=8, unique=True))
def test_any_custom_id_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, custom_ids: list[str]) -> None:
    folder = tmp_path_factory.mktemp("input")
    data = b"\n".join(
        json.dumps({"custom_id": c, "method": "POST", "url": CHAT, "body": {}}, ensure_ascii=False).encode(
            "utf-8", "surrogatepass"
        )
        for c in custom_ids
    )
    if checked(folder, data).problems == ():
        assert [each.custom_id for each in lines(folder, data)] == custom_ids
    else:
        assert any("\ud800" <= char <= "\udfff" for custom_id in custom_ids for char in custom_id)
