"""Graded answers of two versions of a model, from files of several kinds."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from homeport.core.errors import ConfigError
from homeport.drift.graded import label_of, read_endpoints
from tests.drift.recordings import FIELDS, prime_rows, write_csv


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("[No]\n\nExplanation: it is not.", "no"),
        ("Is it? [No] ... wait. [Yes]", "yes"),
        ("No", "no"),
        ("no, 21 is 3 x 7", "no"),
        ("nothing", ""),
        ("Nobody knows whether (A) or (B)", ""),
        ("(B). Somewhat optimistic", "b"),
        ("A) Very", "a"),
        ("there are $\\\\boxed{2}$ of them, no, $\\\\boxed{ 0 }$", "0"),
        ("This is subjective.", ""),
        ("", ""),
    ],
)
def test_labels(answer: str, label: str) -> None:
    assert label_of(answer) == label


def test_answers_are_compared_with_the_reference(tmp_path: Path) -> None:
    write_csv(tmp_path / "PRIME_EVAL.csv.gz", prime_rows(0.75, 0.5))
    (one,) = read_endpoints(tmp_path)
    assert (one.task, one.model) == ("prime", "m")
    assert (sum(one.before), sum(one.after), len(one.before), len(one.after)) == (150, 100, 200, 200)


def test_where_there_is_one_reference_for_all_any_label_is_an_answer(tmp_path: Path) -> None:
    rows = [
        {"model": f"o/m-{version}", "dataset": "d", "id": str(number), "ref_answer": "(A)", "answer": answer}
        for version, answers in (("0301", ("(A)", "(B). b", "C)")), ("0613", ("It is subjective.", "(A)", "")))
        for number in range(30)
        for answer in (answers[number % 3],)
    ]
    (one,) = read_endpoints(write_csv(tmp_path / "opinion.csv", rows).parent)
    assert (sum(one.before), sum(one.after)) == (30, 10)


@pytest.mark.parametrize("column", ["Directly Usable", "Response Rate"])
def test_a_column_of_grades_is_taken(tmp_path: Path, column: str) -> None:
    rows = [
        {"model": f"m-{version}", "dataset": "", "id": str(number), "answer": "", "ref_answer": "", column: grade}
        for version, grades in (("0301", ("1", "1.0")), ("0613", ("0", "1")))
        for number in range(40)
        for grade in (grades[number % 2],)
    ]
    (one,) = read_endpoints(write_csv(tmp_path / "x.csv", rows, (*FIELDS, column)).parent)
    assert (sum(one.before), sum(one.after)) == (40, 20)


def test_models_of_one_version_are_no_endpoint(tmp_path: Path) -> None:
    rows = [*prime_rows(0.7, 0.6), *prime_rows(0.7, 0.6, model="other")[:200]]
    rows += [{**row, "model": "nameless"} for row in rows[:5]]
    assert [one.model for one in read_endpoints(write_csv(tmp_path / "x.csv", rows).parent)] == ["m"]


def written(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        plain = write_csv(path.parent / "plain", prime_rows(0.7, 0.6))
        path.write_bytes(change(plain.read_bytes()))

    return write


@pytest.mark.parametrize(
    "bad",
    [
        lambda plain: plain,
        lambda plain: gzip.compress(plain)[:-40],
        lambda plain: gzip.compress(plain)[:50] + b"\x00" * 50,
        lambda plain: gzip.compress(b"\xff\xfe" + plain),
        lambda plain: gzip.compress(plain.replace(b"model", b"mode")),
        lambda plain: gzip.compress(plain + b"a,b\n"),
        lambda plain: gzip.compress(plain + b"a,b,c,d,e,f\n"),
        lambda plain: gzip.compress(plain + b'm-0301,d,1,"' + b"x" * 200_000 + b'",yes\n'),
        lambda plain: gzip.compress(b"".join(plain.splitlines(keepends=True)[:425])),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, bad: Callable[[bytes], bytes]) -> None:
    written(bad)(tmp_path / "x.csv.gz")
    with pytest.raises(ConfigError) as raised:
        read_endpoints(tmp_path)
    assert raised.value.code == "recording_invalid"
    assert "x.csv.gz" in raised.value.message


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(ConfigError) as raised:
            read_endpoints(folder)
        assert raised.value.code == "recordings_missing"
