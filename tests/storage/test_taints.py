"""What is remembered of private conversations: by every process, for its time, whatever happens to the files."""

import fcntl
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import StorageError
from homeport.core.privacy import Action
from homeport.storage.taints import RECORD, TaintStore
from tests.fakes.clock import ManualClock

DAY_NS = 86_400 * 1_000_000_000
A, B, C = b"a" * 16, b"b" * 16, b"c" * 16
REDACT, LOCAL = Action.REDACT_AND_RESTORE, Action.LOCAL_ONLY


def opened(folder: Path, clock: ManualClock | None = None, *, days: int = 30, secret: bytes = b"s" * 32) -> TaintStore:
    return TaintStore(folder / "taints", secret=secret, days=days, wall_ns=(clock or ManualClock()).wall_ns)


def files(folder: Path) -> list[Path]:
    return sorted((folder / "taints").glob("*"))


def test_other_processes_and_later_ones_know(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    assert other.of([A]) is Action.ALLOW
    one.remember([A, B], LOCAL)
    for store in (one, other, opened(tmp_path)):
        assert [store.of([each]) for each in (A, B, C)] == [LOCAL, LOCAL, Action.ALLOW]
        assert store.of([C, A]) is LOCAL
        assert store.of([]) is Action.ALLOW


def test_the_strictest_sticks(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    one.remember([A], REDACT)
    other.remember([A], LOCAL)
    one.remember([A], REDACT)
    assert one.of([A]) is other.of([A]) is opened(tmp_path).of([A]) is LOCAL
    assert files(tmp_path)[0].stat().st_size == 2 * RECORD


def test_a_conversation_is_kept_once(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.remember([A], LOCAL)
    store.remember([B], LOCAL, unless=[A, B])
    assert store.of([B]) is Action.ALLOW
    store.remember([C], Action.BLOCK, unless=[A])
    assert store.of([C]) is Action.BLOCK


def test_it_is_forgotten_in_time_and_not_before(tmp_path: Path) -> None:
    clock = ManualClock()
    store = opened(tmp_path, clock, days=2)
    store.remember([A], LOCAL)
    clock.advance(2 * DAY_NS - 1)
    assert store.of([A]) is opened(tmp_path, clock, days=2).of([A]) is LOCAL
    clock.advance(DAY_NS)
    assert store.of([A]) is opened(tmp_path, clock, days=2).of([A]) is Action.ALLOW
    clock.advance(DAY_NS)
    store.of([A])
    assert files(tmp_path) == []


def test_a_conversation_that_goes_on_is_remembered_on(tmp_path: Path) -> None:
    clock = ManualClock()
    store = opened(tmp_path, clock, days=4)
    for _ in range(6):
        store.remember([A], LOCAL)
        store.remember([A], LOCAL)
        clock.advance(3 * DAY_NS)
        assert opened(tmp_path, clock, days=4).of([A]) is LOCAL


def test_what_was_torn_is_passed_over(tmp_path: Path) -> None:
    opened(tmp_path).remember([A, B], LOCAL)
    [path] = files(tmp_path)
    whole = path.read_bytes()
    for left in range(1, RECORD):
        path.write_bytes(whole[: RECORD + left])
        again = opened(tmp_path)
        assert [again.of([A]), again.of([B])] == [LOCAL, Action.ALLOW]
        again.remember([C], LOCAL)
        assert opened(tmp_path).of([C]) is LOCAL


@given(st.binary(max_size=5 * RECORD))
def test_whatever_is_in_the_file(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    folder = tmp_path_factory.mktemp("junk")
    store = opened(folder)
    store.remember([A], LOCAL)
    [path] = files(folder)
    path.write_bytes(path.read_bytes() + junk)
    again = opened(folder)
    assert [again.of([A]), again.of([B])] == [LOCAL, Action.ALLOW]
    again.remember([B], REDACT)
    assert store.of([B]) is opened(folder).of([B]) is REDACT


def test_another_file_in_its_place_is_read_from_its_beginning(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.remember([A, B], LOCAL)
    [path] = files(tmp_path)
    path.unlink()
    opened(tmp_path).remember([C], LOCAL)
    assert store.of([C]) is store.of([A]) is LOCAL


def test_nobody_can_look_for_a_text_in_a_copy(tmp_path: Path) -> None:
    opened(tmp_path).remember([A], LOCAL)
    [path] = files(tmp_path)
    assert A not in path.read_bytes()
    assert opened(tmp_path, secret=b"t" * 32).of([A]) is Action.ALLOW
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_what_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "taints").write_text("no folder")
    store = opened(tmp_path)
    with pytest.raises(StorageError) as caught:
        store.of([A])
    assert caught.value.code == "taints_unusable"
    with pytest.raises(StorageError):
        store.remember([A], LOCAL)


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.of([A])
    (tmp_path / "taints").rmdir()
    with pytest.raises(StorageError):
        store.remember([A], LOCAL)
    assert store.of([A]) is Action.ALLOW  # Nothing was remembered that could be kept.


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path)
    store.of([A])
    monkeypatch.setattr(os, "write", lambda file, data: len(data) - 1)
    with pytest.raises(StorageError):
        store.remember([A], LOCAL)
    monkeypatch.undo()
    store.remember([A], LOCAL)
    assert opened(tmp_path).of([A]) is LOCAL


def test_whoever_holds_the_lock_too_long_is_told(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.remember([A], LOCAL)
    [path] = files(tmp_path)
    file = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StorageError):
            store.remember([B], LOCAL)
        assert store.of([A]) is LOCAL
    finally:
        os.close(file)
