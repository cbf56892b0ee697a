"""`make test` tells the totals of its two processes as pytest would of one."""

import shutil
from pathlib import Path

import pytest
from tools import test as runner
from tools.test import counts_of, told

GOOD = "....  [100%]\n4 passed, 1 skipped, 9 deselected in 16.77s\n"
BAD = "FAILED tests/a.py::b - 3 passed in the end\n2 failed, 1 passed, 1 warning, 1 error in 200.10s (0:03:20)\n"


def totals(outputs: list[str]) -> str | None:
    counts = counts_of(outputs)
    return None if counts is None else told(counts)


def test_each_outcome_is_added() -> None:
    expected = "2 failed, 5 passed, 1 skipped, 9 deselected, 1 warnings, 1 errors"
    assert totals([GOOD, BAD]) == totals([BAD, GOOD]) == expected


def test_one_may_have_nothing_to_run() -> None:
    assert totals([GOOD, "no tests ran in 0.02s\n"]) == "4 passed, 1 skipped, 9 deselected"
    assert totals(["\nno tests ran in 0.02s\n"] * 2) == "no tests ran"


@pytest.mark.parametrize("output", ["", "Segmentation fault\n", "....  [ 40%]\n", "4 passed\n", "a: 4 passed in 1s"])
def test_a_process_without_a_closing_line_broke_down(output: str) -> None:
    assert totals([GOOD, output]) is None


def test_its_last_closing_line_counts() -> None:
    assert totals([GOOD + BAD]) == "2 failed, 1 passed, 1 warnings, 1 errors"


FAILS = "def test_it(): assert False"
FAILS_ONCE = """
from pathlib import Path
def test_it():
    been = Path(__file__).with_suffix(".been")
    is_first = not been.exists()
    been.touch()
    assert not is_first
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the tests of a process "a" and of a process "b" are; each has one that passes."""
    shutil.copy(Path(__file__).parents[1] / "pyproject.toml", tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"test_{name}_good.py").write_text("def test_it(): pass")
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    monkeypatch.setattr(runner, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(runner, "PARTS", {"a": ("a",), "b": ("b",)})
    return tmp_path


def test_what_fails_again_has_failed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a" / "test_a_bad.py").write_text(FAILS)
    assert runner.main([]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("1 failed, 2 passed in")


def test_what_passes_by_itself_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "b" / "test_b_once.py").write_text(FAILS_ONCE)
    assert runner.main([]) == 0
    *_, named, closing = capsys.readouterr().out.splitlines()
    assert named == "  b/test_b_once.py::test_it"
    assert closing.startswith("3 passed in")


def test_one_of_two_that_fails_again_has_failed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a" / "test_a_bad.py").write_text(FAILS)
    (folder / "b" / "test_b_once.py").write_text(FAILS_ONCE)
    assert runner.main([]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("1 failed, 3 passed in")


def test_many_that_fail_are_no_accident(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(runner.MOST_AGAIN + 1):
        (folder / "a" / f"test_a_{number}.py").write_text(FAILS_ONCE)
    assert runner.main([]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("4 failed, 2 passed in")


def test_a_file_that_cannot_be_read_is_no_accident(folder: Path) -> None:
    (folder / "a" / "test_a_broken.py").write_text("def")
    assert runner.main([]) == 2
