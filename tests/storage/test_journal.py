"""The journal: what was recorded is read back, once, whatever happened to the process or the bytes."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from homeport.core.errors import JournalFull, StorageError
from homeport.storage.ingest import ingest
from homeport.storage.journal import HEADER, MAGIC, Journal, clear_unopened, frame_ends, read_frames, segments
from homeport.storage.reserve import Reserve
from homeport.storage.tables import journal_offsets, requests
from tests.storage.events import finished


def count(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(requests)).scalar_one()


def recorded(folder: Path, ids: list[str], segment_bytes: int = 1 << 20) -> Path:
    journal = Journal(folder, segment_bytes=segment_bytes)
    for name in ids:
        journal.record(finished(name))
    journal.close()
    return folder


def test_rows_are_the_events(tmp_path: Path, engine: Engine) -> None:
    recorded(tmp_path / "journal", ["a", "b"])
    done = ingest(engine, tmp_path / "journal")
    assert (done.rows, done.segments, done.lost_bytes) == (2, 1, 0)
    with engine.connect() as connection:
        row = connection.execute(select(requests).where(requests.c.request_id == "a")).mappings().one()
        assert connection.execute(select(func.count()).select_from(journal_offsets)).scalar_one() == 0
    assert (row["cost"], row["outcome"], row["tier"], row["local"]) == (7, "completed", "local", True)
    assert row["attempts"] == '[{"target":"smollm2","error":"","started_ns":0,"ended_ns":9,"cost":0}]'
    assert segments(tmp_path / "journal") == []


def test_an_open_segment_is_read_as_far_as_it_goes_and_kept(tmp_path: Path, engine: Engine) -> None:
    journal = Journal(tmp_path / "journal")
    for name in ("a", "b"):
        journal.record(finished(name))
        assert ingest(engine, tmp_path / "journal").rows == 1
    assert len(segments(tmp_path / "journal")) == 1
    journal.close()
    assert ingest(engine, tmp_path / "journal").segments == 1
    assert count(engine) == 2


def test_a_crash_between_commit_and_removal_does_not_double_rows(tmp_path: Path, engine: Engine) -> None:
    recorded(tmp_path / "journal", ["a", "b"])
    (segment,) = segments(tmp_path / "journal")
    before = segment.read_bytes()
    ingest(engine, tmp_path / "journal")
    segment.write_bytes(before)  # as if the removal had not reached the disk
    ingest(engine, tmp_path / "journal")
    assert count(engine) == 2


def test_segments_rotate(tmp_path: Path, engine: Engine) -> None:
    folder = recorded(tmp_path / "journal", [f"r{n}" for n in range(50)], segment_bytes=1000)
    assert len(segments(folder)) > 5
    ingest(engine, folder)
    assert count(engine) == 50


def test_the_bound_refuses_before_the_record_is_lost(tmp_path: Path, engine: Engine) -> None:
    folder = tmp_path / "journal"
    journal = Journal(folder, max_bytes=70_000, segment_bytes=1000)
    journal.check_room()
    for n in range(40):
        journal.record(finished(f"r{n}"))
    with pytest.raises(JournalFull) as caught:
        journal.check_room()
    assert caught.value.code == "journal_full"
    assert "homeport jobs" in caught.value.hint
    ingest(engine, folder)
    time.sleep(0.6)
    journal.check_room()


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.record(finished("a"))
    full = os.open("/dev/full", os.O_WRONLY)
    journal.close()
    journal._descriptor = full
    with pytest.raises(JournalFull, match="no space left"):
        journal.record(finished("b"))


def test_nothing_is_begun_on_a_full_disk(tmp_path: Path) -> None:
    """Or an upstream is paid for an answer that cannot be recorded, and so is not given."""
    journal = Journal(tmp_path / "journal")
    journal.check_room()
    journal._descriptor = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(JournalFull):
        journal.record(finished("a"))
    with pytest.raises(JournalFull, match="no space left"):
        journal.check_room()
    os.close(journal._descriptor)
    journal._descriptor = -1
    with pytest.raises(JournalFull):  # who was refused for it does not take the room of who was not
        journal.record(msgspec.structs.replace(finished("refused"), attempts=()))
    journal.record(finished("under way"))
    time.sleep(0.6)
    journal.check_room()
    journal.record(finished("b"))
    journal.close()


def test_what_is_under_way_when_the_disk_gets_full_is_recorded(tmp_path: Path, engine: Engine) -> None:
    folder = tmp_path / "journal"
    journal = Journal(folder)

    class Disk(Reserve):
        """Full until the reserve is given back, and then again."""

        def free(self) -> bool:
            os.close(journal._descriptor)
            journal._descriptor = -1
            return super().free()

    journal._reserve = Disk(folder)
    journal.check_room()
    journal._descriptor = os.open("/dev/full", os.O_WRONLY)
    for name in ("a", "b"):
        journal.record(finished(name))
    with pytest.raises(JournalFull):
        journal.check_room()
    journal._reserve = Reserve(folder)
    journal.close()
    assert ingest(engine, folder).rows == 2


def test_a_reserve_takes_its_space_and_gives_it_back(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, 100_000)
    assert not reserve.free()
    reserve.hold()
    taken = reserve._descriptor
    assert os.fstat(taken).st_size == 100_000
    reserve.hold()
    assert reserve._descriptor == taken
    assert not list(tmp_path.iterdir()), "a killed process leaves nothing behind"
    assert reserve.free()
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(taken)


def test_a_folder_that_is_gone_is_said_before_anything_is_begun(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    (tmp_path / "journal").rmdir()
    with pytest.raises(StorageError) as caught:
        journal.check_room()
    assert caught.value.code == "journal_unwritable"


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    (tmp_path / "journal").rmdir()
    with pytest.raises(StorageError) as caught:
        journal.record(finished("a"))
    assert caught.value.code == "journal_unwritable"


def test_kill_9_loses_nothing_that_record_returned_for(tmp_path: Path, engine: Engine) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom homeport.storage.journal import Journal\n"
        "from tests.storage.events import finished\njournal = Journal(Path(sys.argv[1]), segment_bytes=20_000)\n"
        "n = 0\nwhile True:\n    journal.record(finished(f'r{n}'))\n    print(n, flush=True)\n    n += 1\n"
    )
    folder = tmp_path / "journal"
    for round_number in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(folder / str(round_number))], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        seen = [int(child.stdout.readline()) for _ in range(200)]
        ingest(engine, folder / str(round_number))  # while it writes
        child.send_signal(signal.SIGKILL)
        seen += [int(line) for line in child.stdout.read().split()]
        child.wait()
        child.stdout.close()
        ingest(engine, folder / str(round_number))
        with engine.connect() as connection:
            names = set(connection.execute(select(requests.c.request_id)).scalars())
        assert {f"r{n}" for n in seen} <= names
        assert segments(folder / str(round_number)) == []


def test_two_processes_may_ingest_at_once(tmp_path: Path, engine: Engine) -> None:
    folder = recorded(tmp_path / "journal", [f"r{n}" for n in range(300)], segment_bytes=2000)
    program = (
        "import sys\nfrom pathlib import Path\nfrom homeport.storage.db import open_database\n"
        "from homeport.storage.ingest import ingest\ningest(open_database(sys.argv[1]), Path(sys.argv[2]))\n"
    )
    argv = [sys.executable, "-c", program, engine.url.render_as_string(hide_password=False), str(folder)]
    children = [subprocess.Popen(argv) for _ in range(3)]
    assert [child.wait() for child in children] == [0, 0, 0]
    assert count(engine) == 300


def test_an_unopened_segment_of_a_dead_process_is_removed(tmp_path: Path, engine: Engine) -> None:
    folder = recorded(tmp_path / "journal", ["a"])
    (folder / "00000000000000000001-1.journal.opening").write_bytes(b"")
    ingest(engine, folder)
    assert list(folder.iterdir()) == []


def frames(tmp_path: Path, ids: list[str]) -> bytes:
    (segment,) = segments(recorded(tmp_path, ids))
    data = segment.read_bytes()
    segment.unlink()
    return data


def test_a_torn_tail_waits_for_its_writer(tmp_path: Path) -> None:
    data = frames(tmp_path, ["a", "b"])
    events, done, lost = read_frames(data[:-1], abandoned=False)
    assert ([event.request_id for event in events], done, lost) == (["a"], len(data) // 2, 0)
    events, done, lost = read_frames(data[:-1], abandoned=True)
    assert ([event.request_id for event in events], done) == (["a"], len(data) - 1)
    assert lost == len(data) // 2 - 1


@settings(max_examples=200, deadline=None)
@given(position=st.integers(min_value=0), flip=st.integers(min_value=1, max_value=255))
def test_one_bad_byte_costs_one_record(tmp_path_factory: pytest.TempPathFactory, position: int, flip: int) -> None:
    data = bytearray(frames(tmp_path_factory.mktemp("journal"), ["a", "b", "c"]))
    frame = len(data) // 3
    position %= len(data)
    data[position] ^= flip
    events, done, lost = read_frames(bytes(data), abandoned=True)
    assert done == len(data)
    assert lost == frame
    assert [event.request_id for event in events] == [n for i, n in enumerate("abc") if i != position // frame]


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=2000), abandoned=st.booleans(), claim=st.integers(0, 2**32 - 1))
def test_any_bytes_are_read_without_an_error(data: bytes, abandoned: bool, claim: int) -> None:
    for hostile in (data, HEADER.pack(MAGIC, claim, 0) + data):
        events, done, lost = read_frames(hostile, abandoned=abandoned)
        assert events == []
        assert done == lost == (len(hostile) if abandoned else 0)


def test_frames_are_counted_without_being_decoded(tmp_path: Path) -> None:
    data = frames(tmp_path, ["a", "b", "c"])
    ends = frame_ends(data)
    assert ends[-1] == len(data)
    assert [len(read_frames(data[:end], abandoned=False)[0]) for end in ends] == [1, 2, 3]
    assert frame_ends(data[:-1]) == ends[:2]
    assert frame_ends(data + b"HPJ1" + b"\xff" * 8) == ends


@given(data=st.binary(max_size=200), claim=st.integers(0, 2**32 - 1))
def test_any_bytes_are_counted_without_an_error(data: bytes, claim: int) -> None:
    for hostile in (data, HEADER.pack(MAGIC, claim, 0) + data):
        ends = frame_ends(hostile)
        assert ends == sorted(set(ends))
        assert all(HEADER.size <= end <= len(hostile) for end in ends)


def test_a_segment_that_is_cleared_before_it_is_locked_is_made_again(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, lock = tmp_path / "journal", fcntl.flock
    cleared: list[int] = []

    def be_late(file: int, how: int) -> None:
        if not cleared:
            cleared.append(1)
            clear_unopened(folder)
        lock(file, how)

    journal = Journal(folder)
    monkeypatch.setattr("homeport.storage.journal.fcntl.flock", be_late)
    for name in ("a", "b"):
        journal.record(finished(name))
    journal.close()
    assert ingest(engine, folder).rows == 2


def test_a_segment_that_gets_its_name_while_it_is_looked_at_is_no_error(tmp_path: Path) -> None:
    gone = tmp_path / "1-1.journal.opening"
    gone.symlink_to(tmp_path / "none")  # listed, and not there when it is opened
    clear_unopened(tmp_path)
    assert gone.is_symlink()


def test_a_segment_that_cannot_be_made_is_said_each_time(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    (tmp_path / "journal").rmdir()
    for name in ("a", "b"):
        with pytest.raises(StorageError):
            journal.record(finished(name))
