"""`make test` tells the totals of its two processes as pytest would of one."""

import pytest
from tools.test import totals

GOOD = "....  [100%]\n4 passed, 1 skipped, 9 deselected in 16.77s\n"
BAD = "FAILED tests/a.py::b - 3 passed in the end\n2 failed, 1 passed, 1 warning, 1 error in 200.10s (0:03:20)\n"


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
