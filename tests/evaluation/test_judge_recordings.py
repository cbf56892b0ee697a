"""Recordings of judges: what a row is worth, which rows belong together, and files that are none."""

import gzip
from pathlib import Path

import pytest

from homeport.core.errors import ConfigError
from homeport.evaluation.judge_recordings import Task, read_tasks

BATTLES = "id,pair,model_a,model_b,human_winner,judge,judge_pick"
VERDICTS = "dataset,item,human_label,judge,prompting,verdict_ab,verdict_ba_unswapped"


def written(tmp_path: Path, *lines: str, end: str = "\n", name: str = "recording.csv") -> Path:
    path = tmp_path / name
    path.write_text(end.join(lines), encoding="utf-8", newline="")
    return path


def read(tmp_path: Path, *lines: str) -> tuple[Task, ...]:
    return read_tasks(written(tmp_path, *lines))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_battle_is_won_by_the_model_that_is_named_first(tmp_path: Path, end: str) -> None:
    lines = ("1,x_vs_y,x,y,model_a,j,A", "2,x_vs_y,y,x,model_a,j,B", "3,x_vs_y,y,x,model_b,j,", "4,x_vs_y,x,y,tie,j,A")
    (task,) = read_tasks(written(tmp_path, BATTLES, *lines, end=end))
    assert (task.human, task.scores) == ((1.0, 0.0, 1.0, 0.5), (1.0, 1.0, 0.5, 1.0))
    assert (task.name, task.dataset, task.judge, task.unsaid) == ("recording j", "recording", "j", 1)


def test_a_verdict_is_the_mean_of_both_orders(tmp_path: Path) -> None:
    lines = ("d,1,1,j,p,1,1", "d,2,2,j,p,1,2", "d,3,2,j,p,2.0,2", "d,4,1,j,p,,1", "d,5,tie,j,p,tie,null")
    (task,) = read(tmp_path, VERDICTS, *lines)
    assert task.human == (1.0, 0.0, 0.0, 1.0, 0.5)
    assert task.scores == (1.0, 0.5, 0.0, 0.75, 0.5)
    assert (task.name, task.unsaid) == ("d j p", 3)


def test_each_judge_way_of_asking_and_folder_is_a_task(tmp_path: Path) -> None:
    names = [
        ("a/b/x", "j", "p"),
        ("a/b/y", "j", "p"),
        ("a/z", "j", "p"),
        ("c", "j", "p"),
        ("c", "j", "q"),
        ("c", "k", "p"),
    ]
    lines = [f"{dataset},{place},1,{judge},{how},1,2" for place, (dataset, judge, how) in enumerate(names)]
    tasks = read(tmp_path, VERDICTS, *lines)
    assert [task.name for task in tasks] == ["a/b j p", "a/z j p", "c j p", "c j q", "c k p"]
    assert [len(task.human) for task in tasks] == [2, 1, 1, 1, 1]


def test_rows_that_nobody_labelled_are_counted(tmp_path: Path) -> None:
    (task,) = read(tmp_path, VERDICTS, "d,1,,j,p,1,1", "d,2,nan,j,p,1,1", "d,3,1,j,p,1,1")
    assert (len(task.human), task.unlabelled) == (1, 2)


def test_gzip_columns_in_another_order_more_columns_and_empty_lines(tmp_path: Path) -> None:
    text = "\ufeffnote,judge,judge_pick,id,human_winner,model_a,model_b,pair\n\nn,j,a,1,model_a,x,y,x_vs_y\n\n"
    path = tmp_path / "battles.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    (task,) = read_tasks(path)
    assert (task.name, task.human, task.scores) == ("battles j", (1.0,), (1.0,))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), "has no row"),
        ((VERDICTS,), "has no row"),
        (("a,b,c", "1,2,3"), "line 1 is the header of no recording"),
        (
            (
                "",
                "{}",
            ),
            "line 2 is the header of no recording",
        ),
        ((f"{VERDICTS},judge", "d,1,1,j,p,1,1,j"), "line 1 names a column twice"),
        ((VERDICTS, "d,1,1,j,p,1"), "line 2 has 6 cells, not 7"),
        ((VERDICTS, "d,1,1,j,p,1,1", "d,2,3,j,p,1,1"), "line 3: human_label is '3'"),
        ((VERDICTS, "d,1,1,j,p,x,1"), "line 2: verdict is 'x'"),
        ((VERDICTS, "d,1,1,j,p,1e400,1"), "line 2: verdict is '1e400'"),
        ((VERDICTS, "d,1,1,,p,1,1"), "line 2: judge is empty"),
        ((VERDICTS, ",1,1,j,p,1,1"), "line 2: dataset is empty"),
        ((VERDICTS, "d,1,1,j,p,1,1", "", "d,1,1,j,p,1,2"), "line 4 is a second verdict of 'j' on '1'"),
        ((VERDICTS, 'd,"1'), "no CSV"),
        ((VERDICTS, f"d,{'x' * 200_000},1,j,p,1,1"), "line 2, is no CSV: field larger"),
        ((BATTLES, "1,x_vs_y,x,x,model_a,j,A"), "line 2: the first model of `pair`"),
        ((BATTLES, "1,z_vs_y,x,y,model_a,j,A"), "line 2: the first model of `pair`"),
        ((BATTLES, "1,x_vs_y,x,y,model_d,j,A"), "line 2: human_winner is 'd'"),
        ((BATTLES, "1,x_vs_y,x,y,model_a,j,\U0001f600"), r"judge_pick is '\\U0001f600'"),
    ],
)
def test_what_is_no_recording_is_told_with_its_line(tmp_path: Path, lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        read(tmp_path, *lines)
    assert raised.value.code == "recording_invalid"
    assert raised.value.hint


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xfe\x00", "line 1, is not in UTF-8"),
        (f"{VERDICTS}\nd,1,1,".encode() + b"\xff", "line 2, is not in UTF-8"),
        (gzip.compress(b"x" * 1_000)[:-9], "gzip"),
        (b"\x1f\x8bnonsense", "cannot be read"),
        (b"\x00" * 100, "line 1"),
    ],
)
def test_bytes_that_are_no_text(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "recording.csv"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=message) as raised:
        read_tasks(path)
    assert raised.value.code == "recording_invalid"


@pytest.mark.parametrize("name", ["none", ""])
def test_a_file_that_cannot_be_opened(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as raised:
        read_tasks(tmp_path / name)
    assert raised.value.code == "recording_invalid"
