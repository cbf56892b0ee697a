"""The table of numbers between processes: what a crash leaves behind, and what a full table does."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from homeport.core.errors import RateLimited, StorageError
from homeport.core.types import Key, RateLimits
from homeport.storage import shared
from homeport.storage.ratelimits import SharedLimiter
from homeport.storage.shared import NUMBERS, PLACES, SharedTable

ENTRIES = 1200
LIMITED = Key(id="key_k", name="k", limits=RateLimits(requests_per_minute=600))
TWO_AT_ONCE = Key(id="key_c", name="c", limits=RateLimits(concurrent_requests=2))
spawned = multiprocessing.get_context("spawn")


class Child:
    """Another process that runs a function of this module; it says when it is there, and goes on when told to."""

    def __init__(self, work: Callable[[Path, Connection], None], folder: Path) -> None:
        self.line, theirs = spawned.Pipe()
        self.process = spawned.Process(target=work, args=(folder, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def kill(self) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


def ask_much(folder: Path, line: Connection) -> None:
    limiter = SharedLimiter(folder)
    line.send("ready")
    line.recv()
    admitted = 0
    for _ in range(ENTRIES):
        try:
            limiter.enter(LIMITED)
        except RateLimited:
            continue
        admitted += 1
    line.send(admitted)


def hold_two(folder: Path, line: Connection) -> None:
    limiter = SharedLimiter(folder)
    limiter.enter(TWO_AT_ONCE)
    limiter.enter(TWO_AT_ONCE)
    line.send("ready")
    line.recv()


def hold_the_lock(folder: Path, line: Connection) -> None:
    with SharedTable(folder):
        line.send("ready")
        line.recv()


@pytest.mark.slow
def test_processes_together_get_one_limit(tmp_path: Path) -> None:
    children = [Child(ask_much, tmp_path) for _ in range(4)]
    for child in children:
        assert child.line.recv() == "ready"
    table = SharedTable(tmp_path)
    began = time.monotonic_ns()
    for child in children:
        child.line.send("go")
    admitted = sum(child.line.recv() for child in children)
    earned = (time.monotonic_ns() - began) * 600 // 60_000_000_000
    assert 600 <= admitted <= 600 + earned
    for child in children:
        child.process.join()
        assert child.process.exitcode == 0
    table.close()


def test_requests_of_a_process_that_died_are_not_in_progress(tmp_path: Path) -> None:
    child = Child(hold_two, tmp_path)
    assert child.line.recv() == "ready"
    limiter = SharedLimiter(tmp_path)
    with pytest.raises(RateLimited):
        limiter.enter(TWO_AT_ONCE)
    child.kill()
    limiter._looked_at = 0
    limiter.enter(TWO_AT_ONCE)
    limiter.enter(TWO_AT_ONCE)
    with pytest.raises(RateLimited):
        limiter.enter(TWO_AT_ONCE)
    limiter.close()


def test_a_process_that_died_leaves_no_lock(tmp_path: Path) -> None:
    child = Child(hold_the_lock, tmp_path)
    assert child.line.recv() == "ready"
    child.kill()
    table = SharedTable(tmp_path)
    with table:
        assert table.find("k")
    table.close()


def test_a_lock_that_is_not_let_go_is_an_error_and_not_a_standstill(tmp_path: Path) -> None:
    limiter, table = SharedLimiter(tmp_path), SharedTable(tmp_path)
    ticket = limiter.enter(TWO_AT_ONCE)
    limiter.enter(TWO_AT_ONCE)
    with table:
        with pytest.raises(StorageError) as caught:
            limiter.enter(TWO_AT_ONCE)
        assert caught.value.code == "rate_limits_unavailable"
        ticket.leave(0)
    limiter.enter(TWO_AT_ONCE)
    with pytest.raises(RateLimited):
        limiter.enter(TWO_AT_ONCE)
    limiter.close()
    table.close()


def test_a_place_is_taken_over_with_nothing_in_it(tmp_path: Path) -> None:
    first = SharedTable(tmp_path)
    with first:
        row = first.find("k")
        first.cells[row + NUMBERS + first.place] = 7
        first.cells[row] = 5
    second = SharedTable(tmp_path)
    assert second.place != first.place
    assert second.living(first.place)
    first.close()
    assert not second.living(first.place)
    third = SharedTable(tmp_path)
    assert third.place == first.place
    with third:
        assert third.find("k") == row
        assert (third.cells[row + NUMBERS + third.place], third.cells[row]) == (0, 5)
    second.close()
    third.close()


def test_there_is_an_end_of_places(tmp_path: Path) -> None:
    tables = [SharedTable(tmp_path) for _ in range(PLACES)]
    with pytest.raises(StorageError) as caught:
        SharedTable(tmp_path)
    assert caught.value.code == "rate_limits_unavailable"
    for table in tables:
        table.close()


def test_a_table_of_the_machine_s_last_start_is_empty(tmp_path: Path) -> None:
    before = SharedTable(tmp_path, boot="one")
    with before:
        before.cells[before.find("k")] = 5
    before.close()
    for boot, kept in (("one", 5), ("two", 0)):
        table = SharedTable(tmp_path, boot=boot)
        with table:
            assert table.cells[table.find("k")] == kept
        table.close()


@pytest.mark.parametrize("damage", [b"", b"x", b"x" * 5_000_000])
def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "table").write_bytes(damage)
    table = SharedTable(tmp_path)
    with table:
        assert table.cells[table.find("k")] == 0
    table.close()


def test_a_full_table_uses_idle_rows_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = SharedTable(tmp_path)
    monkeypatch.setattr(shared, "_ROWS", 3)
    with table:
        rows = {name: table.find(name) for name in "abc"}
        for name in "ab":
            table.cells[rows[name] + NUMBERS + table.place] = 1
        assert table.find("d") == rows["c"]
        assert not table.belongs(rows["c"], shared.tag_of("c"))
        table.cells[rows["c"]] = 2**62
        with pytest.raises(StorageError) as caught:
            table.find("e")
        assert caught.value.code == "rate_limits_unavailable"
        assert [table.find(name) for name in "abd"] == list(rows.values())
    table.close()


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught:
        SharedTable(tmp_path / "file")
    assert caught.value.code == "rate_limits_unavailable"


def test_its_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    table = SharedTable(tmp_path / "limits")
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "limits").iterdir()} == {0o600}
    table.close()
