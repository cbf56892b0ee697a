"""The log of answers: what was kept outlives its worker, what was torn is gone, and one writer has it."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from homeport.core.errors import StorageError
from homeport.storage.batches import Tally
from homeport.storage.results import Result, ResultsLog


def result(line: int, *, completed: bool = True, cost: int = 10) -> Result:
    tally = Tally(completed=int(completed), failed=int(not completed), input_tokens=line, cost=cost)
    return Result(line=line, tally=tally, entry=Raw(b'{"line":%d,"text":"caf\xc3\xa9"}' % line))


def opened(path: Path) -> ResultsLog:
    log = ResultsLog.open(path)
    assert log is not None
    return log


def test_answers_come_back_in_the_order_of_the_input(tmp_path: Path) -> None:
    log = opened(tmp_path / "a.results")
    for line, completed in ((3, True), (1, False), (2, True)):
        log.append(result(line, completed=completed))
    log.close()
    again = opened(tmp_path / "a.results")
    assert [line in again for line in range(5)] == [False, True, True, True, False]
    assert len(again) == 3
    assert list(again.entries(completed=True)) == [bytes(result(2).entry), bytes(result(3).entry)]
    assert list(again.entries(completed=False)) == [bytes(result(1).entry)]
    assert again.tally == Tally(completed=2, failed=1, input_tokens=6, cost=30)
    again.close()


def test_one_worker_at_a_time(tmp_path: Path) -> None:
    first = opened(tmp_path / "a.results")
    assert ResultsLog.open(tmp_path / "a.results") is None
    first.close()
    opened(tmp_path / "a.results").close()


@given(cut=st.integers(0, 400), count=st.integers(1, 4))
def test_a_torn_end_is_cut_off_and_the_rest_is_kept(
    tmp_path_factory: pytest.TempPathFactory, cut: int, count: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "a.results"
    log = opened(path)
    ends = [0]
    for line in range(1, count + 1):
        log.append(result(line))
        ends.append(path.stat().st_size)
    log.close()
    size = min(cut, ends[-1])
    os.truncate(path, size)
    again = opened(path)
    whole = sum(end <= size for end in ends[1:])
    assert len(again) == whole
    assert again.tally.completed == whole
    assert path.stat().st_size == ends[whole]
    again.append(result(99))
    again.close()
    last = opened(path)
    assert 99 in last
    assert len(last) == whole + 1
    last.close()


@pytest.mark.parametrize(
    "garbage", [b"\n", b"{}\n", b"\x00" * 64, b'{"line":1}\n', b"\xff\xfe\n", b'{"line":9,"tally":{}']
)
def test_garbage_at_the_end_is_cut_off(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "a.results"
    log = opened(path)
    log.append(result(1))
    log.close()
    with path.open("ab") as file:
        file.write(garbage)
    again = opened(path)
    assert len(again) == 1
    again.append(result(2))
    assert len(list(again.entries(completed=True))) == 2
    again.close()


def test_a_disk_that_refuses_keeps_nothing_of_the_answer(tmp_path: Path) -> None:
    log = opened(tmp_path / "a.results")
    log.append(result(1))
    full = os.open("/dev/full", os.O_RDWR)
    os.dup2(full, log._descriptor)
    os.close(full)
    with pytest.raises(StorageError) as caught:
        log.append(result(2))
    assert caught.value.code == "files_unwritable"
    assert os.strerror(errno.ENOSPC) in caught.value.message
    assert 2 not in log
    assert log.tally.completed == 1
    log.close()


def test_a_log_that_is_over_is_removed(tmp_path: Path) -> None:
    log = opened(tmp_path / "a.results")
    log.remove()
    log.remove()
    log.close()
    assert list(tmp_path.iterdir()) == []


def test_its_mode_is_private(tmp_path: Path) -> None:
    opened(tmp_path / "a.results").close()
    assert (tmp_path / "a.results").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        ResultsLog.open(tmp_path / "none" / "a.results")
