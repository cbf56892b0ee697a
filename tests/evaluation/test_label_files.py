"""Labels of other tools: what is right is read as it was written, and each wrong line is named."""

import io
import json
from typing import Any

import pytest

from homeport.evaluation.label_files import MOST_FAULTS, check_labels, read_labels, write_items, write_labels
from homeport.storage.labels import Label
from tests.console.pages.reading import HOSTILE
from tests.storage.reviewed import NOW

GOOD = {"request_id": "r1", "reviewer": "ann", "rating": 4}


def lines(*rows: Any) -> bytes:
    return b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows)


def codes(data: bytes, *, is_csv: bool = False) -> list[tuple[int, str]]:
    return [(fault.line, fault.code) for fault in read_labels(data, is_csv=is_csv, now=NOW).faults]


@pytest.mark.parametrize("is_csv", [True, False])
def test_what_is_written_is_read_again(is_csv: bool) -> None:
    made = [
        Label(request_id="r1", reviewer="ann", labelled_at=NOW - 10**9, rating=4, seconds=2.5, note="=1+1"),
        Label(request_id="r1", reviewer="bob", labelled_at=NOW, rating=1, note='two\nlines, "and" a comma; -3'),
        Label(request_id="r2", reviewer="-eve", labelled_at=NOW, rating=5, note=HOSTILE),
    ]
    out = io.StringIO(newline="")
    assert write_labels(out, made, is_csv=is_csv) == 3
    if is_csv:
        assert ",=1+1" not in out.getvalue(), "a spreadsheet runs nothing"
    read = read_labels(out.getvalue().encode(), is_csv=is_csv, now=NOW)
    assert read.faults == ()
    assert [label for _, label in read.labels] == made


def test_what_is_left_out_has_a_meaning() -> None:
    for data, is_csv in (
        (lines(GOOD), False),
        (b"\xef\xbb\xbfrating,reviewer,other,request_id\r\n4,ann,,r1\r\n", True),
    ):
        [(_, label)] = read_labels(data, is_csv=is_csv, now=NOW).labels
        assert label == Label(request_id="r1", reviewer="ann", labelled_at=NOW, rating=4)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"rating": 0}, "rating_invalid"),
        ({"rating": 6}, "rating_invalid"),
        ({"rating": 4.5}, "rating_invalid"),
        ({"rating": True}, "rating_invalid"),
        ({"rating": "4"}, "rating_invalid"),
        ({"rating": None}, "field_missing"),
        ({"rating": [4]}, "rating_invalid"),
        ({"reviewer": ""}, "field_missing"),
        ({"reviewer": "x" * 161}, "reviewer_invalid"),
        ({"reviewer": "an\nn"}, "reviewer_invalid"),
        ({"reviewer": " ann"}, "reviewer_invalid"),
        ({"reviewer": 7}, "reviewer_invalid"),
        ({"request_id": "r" * 41}, "request_invalid"),
        ({"request_id": "r\0"}, "request_invalid"),
        ({"request_id": "\ud800"}, "line_unreadable"),
        ({"note": 1}, "note_invalid"),
        ({"note": "\0"}, "note_invalid"),
        ({"note": "\udc00"}, "line_unreadable"),
        ({"note": "x" * 2_001}, "note_too_long"),
        ({"labelled_at": -1}, "time_invalid"),
        ({"labelled_at": 1e300}, "time_invalid"),
        ({"labelled_at": NOW / 1e9 + 60}, "time_invalid"),
        ({"labelled_at": "yesterday"}, "time_invalid"),
        ({"seconds": -1}, "seconds_invalid"),
        ({"seconds": 86_401}, "seconds_invalid"),
    ],
)
def test_each_wrong_field_has_its_code(change: dict[str, Any], code: str) -> None:
    data = lines({**GOOD, "request_id": "r0"}, b"\n", {**GOOD, **change})
    assert codes(data) == [(3, code)]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"[]\n", "line_unreadable"),
        (b"{\n", "line_unreadable"),
        (b'{"request_id": "\xff"}\n', "line_unreadable"),
        (b"[" * 9_000 + b"\n", "line_unreadable"),
        (b"{}\n", "field_missing"),
        (b'{"rating": NaN}\n', "line_unreadable"),
        (b" " * (65 << 10) + b"\n", "line_too_long"),
    ],
)
def test_a_line_that_is_no_label(line: bytes, code: str) -> None:
    assert codes(lines(GOOD, line)) == [(2, code)]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", [(1, "columns_missing")]),
        (b"request_id,rating\nr1,4\n", [(1, "columns_missing")]),
        (b"request_id,reviewer,rating\nr1,ann\n", [(2, "line_unreadable")]),
        (b"request_id,reviewer,rating\nr1,ann,4,5\n", [(2, "line_unreadable")]),
        (b"request_id,reviewer,rating\nr1,ann,4\nr2,ann,good\n", [(3, "rating_invalid")]),
        (b"request_id,reviewer,rating\nr1,ann,nan\n", [(2, "rating_invalid")]),
        (b"request_id,reviewer,rating\nr1,ann,\n", [(2, "field_missing")]),
        ("request_id,reviewer,rating\nr1,ann,\u0664\n".encode(), [(2, "rating_invalid")]),
        (b"request_id,reviewer,rating\nr1,\xff,4\n", [(2, "line_unreadable")]),
        (b'request_id,reviewer,rating\n"r1"x,ann,4\n', [(2, "line_unreadable")]),
        (b"request_id,reviewer,rating\n" + b"r" * 140_000 + b",ann,4\n", [(2, "line_unreadable")]),
    ],
)
def test_a_table_with_wrong_lines(data: bytes, found: list[tuple[int, str]]) -> None:
    assert codes(data, is_csv=True) == found


def test_the_same_label_twice_is_named_with_the_first() -> None:
    read = read_labels(lines(GOOD, {**GOOD, "reviewer": "bob"}, {**GOOD, "rating": 5}), is_csv=False, now=NOW)
    assert [(fault.line, fault.code) for fault in read.faults] == [(3, "label_repeated")]
    assert "line 1" in read.faults[0].message


def test_of_very_many_wrong_lines_some_are_named() -> None:
    assert len(codes(lines(*[{"rating": 9}] * 5_000))) == MOST_FAULTS


def test_labels_are_checked_against_what_there_is() -> None:
    found = read_labels(
        lines(*({**GOOD, "request_id": name} for name in ("drawn", "judged", "unknown", "same", "other"))),
        is_csv=False,
        now=NOW,
    ).labels
    drawn = {"drawn": True, "judged": False, "same": True, "other": True}
    ratings = {("same", "ann"): 4, ("other", "ann"): 1, ("drawn", "bob"): 2}
    new, faults = check_labels(found, drawn, ratings)
    assert [label.request_id for label in new] == ["drawn"]
    assert [(one.line, one.code) for one in faults] == [
        (2, "output_not_drawn"),
        (3, "output_unknown"),
        (5, "label_exists"),
    ]
    new, faults = check_labels(found, drawn, ratings, replace=True)
    assert [label.request_id for label in new] == ["drawn", "other"]
    assert len(faults) == 2


def test_items_have_what_was_said_as_json_in_a_cell() -> None:
    row = {"request_id": "r1", "messages": [{"role": "user", "text": "=1"}], "answer": "=cmd()", "target": "hidden"}
    out = io.StringIO(newline="")
    write_items(out, [row], ("request_id", "messages", "answer"), is_csv=True)
    assert "'=cmd()" in out.getvalue()
    assert "hidden" not in out.getvalue()
    out = io.StringIO()
    write_items(out, [row], ("request_id", "messages", "answer"), is_csv=False)
    assert json.loads(out.getvalue())["messages"] == row["messages"]
