"""Conversations in a mapped file: found again, shared, forgotten in time, never in the way."""

import hashlib
import multiprocessing
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.storage.sessions import ROWS, SessionTable

DAY = 86_400 * 10**9


class Clock:
    def __init__(self) -> None:
        self.now = 10 * DAY

    def __call__(self) -> int:
        return self.now


def of(number: int) -> bytes:
    return hashlib.blake2b(number.to_bytes(8, "big"), digest_size=16).digest()


def test_what_was_noted_is_found_by_every_process_for_a_day(tmp_path: Path) -> None:
    clock = Clock()
    one, other = SessionTable(tmp_path / "s", clock), SessionTable(tmp_path / "s", clock)
    assert one.find(of(1)) == 0
    one.note(of(1), 7)
    one.note(of(2), 2**32 - 1)
    one.note(of(1), 9)
    assert (other.find(of(1)), other.find(of(2)), other.find(of(3))) == (9, 2**32 - 1, 0)
    clock.now += DAY
    assert other.find(of(1)) == 9
    clock.now += 10**9
    assert other.find(of(1)) == 0
    one.close()
    other.close()


def test_it_is_as_large_as_it_was_and_the_oldest_give_way(tmp_path: Path) -> None:
    clock = Clock()
    table = SessionTable(tmp_path / "s", clock)
    for number in range(3 * ROWS // 2):
        clock.now += 10**6
        table.note(os.urandom(16) if number % 100 else of(number), 1)
    assert (tmp_path / "s").stat().st_size == 16 * ROWS
    last = [of(number) for number in range(3 * ROWS // 2 - 1000, 3 * ROWS // 2) if not number % 100]
    assert all(table.find(fingerprint) for fingerprint in last)


def test_a_file_that_cannot_be_used_leaves_each_process_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "folder").mkdir()
    table = SessionTable(tmp_path / "folder", Clock())
    table.note(of(1), 7)
    assert table.find(of(1)) == 7
    assert "cannot be used" in caplog.text


@settings(max_examples=20)
@given(st.binary(max_size=4096), st.lists(st.binary(min_size=16, max_size=16), max_size=20))
def test_whatever_is_in_the_file_nothing_fails(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, asked: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("sessions") / "s"
    path.write_bytes(junk)
    table = SessionTable(path, Clock())
    for fingerprint in asked:
        table.find(fingerprint)
        table.note(fingerprint, 5)
        assert table.find(fingerprint) == 5
    table.close()


def write(path: Path, start: int) -> None:
    table = SessionTable(path, Clock())
    for number in range(start, start + 2_000):
        table.note(of(number % 512), number % 7 + 1)


def test_processes_that_write_at_once_leave_what_one_of_them_wrote(tmp_path: Path) -> None:
    path = tmp_path / "s"
    spawn = multiprocessing.get_context("fork")
    writers = [spawn.Process(target=write, args=(path, start)) for start in (0, 1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    table = SessionTable(path, Clock())
    assert {table.find(of(number)) for number in range(512)} <= set(range(8))
