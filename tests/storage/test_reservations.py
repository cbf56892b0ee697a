"""What is held for requests in flight, in a file that outlives its process."""

import errno
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import StorageError
from homeport.storage.reservations import RECORD, Reservations, name_of, read_reservations


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "reserved" / "one"
    notes = Reservations(path)
    records = [notes.open_record(f"bud_{number}", "ann" if number % 2 else "") for number in range(300)]
    for number, record in enumerate(records):
        notes.write(record, number)
    held = read_reservations(path)
    assert held == {(f"bud_{number}", "ann" if number % 2 else ""): number for number in range(1, 300)}
    notes.close_record(records[7])
    assert ("bud_7", "ann") not in read_reservations(path)
    assert notes.open_record("bud_new", "") == records[7], "it is used again"


def test_the_format(tmp_path: Path) -> None:
    notes = Reservations(tmp_path / "one")
    notes.write(notes.open_record("bud_1", "é"), 258)
    data = (tmp_path / "one").read_bytes()
    assert len(data) % RECORD == 0
    [record] = [data[at : at + RECORD] for at in range(0, len(data), RECORD) if data[at : at + 8] != bytes(8)]
    assert record == struct.pack("<q120s", 258, b"bud_1\0\xc3\xa9")


@given(instance=st.text(max_size=300))
def test_a_name_fits(instance: str) -> None:
    assert len(name_of("bud_0123456789abcdef", instance)) <= 120


def test_closing_leaves_only_what_is_held(tmp_path: Path) -> None:
    notes = Reservations(tmp_path / "one")
    record = notes.open_record("bud_1", "")
    notes.write(record, 5)
    notes.write(record, 0)
    notes.close()
    assert not (tmp_path / "one").exists()
    notes = Reservations(tmp_path / "two")
    notes.write(notes.open_record("bud_1", ""), 5)
    notes.close()
    assert read_reservations(tmp_path / "two") == {("bud_1", ""): 5}


def test_no_file_holds_nothing(tmp_path: Path) -> None:
    assert read_reservations(tmp_path / "none") == {}


@given(data=st.binary(max_size=600))
def test_any_bytes_can_be_read(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(data)
    assert all(amount > 0 for amount in read_reservations(path).values())


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = Reservations(tmp_path / "one")
    record = notes.open_record("bud_0", "")
    notes.write(record, 9)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    while notes._free:
        notes.open_record("bud_0", "")
    with pytest.raises(StorageError, match="No space left"):
        notes.open_record("bud_1", "")
    assert read_reservations(tmp_path / "one") == {("bud_0", ""): 9}
    with pytest.raises(StorageError):
        Reservations(tmp_path / "two")


@pytest.mark.slow
def test_it_survives_a_kill(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from homeport.storage.reservations import Reservations\n"
        "notes = Reservations(Path(sys.argv[1])); notes.write(notes.open_record('bud_1', 'ann'), 77)\n"
        "print('held', flush=True); time.sleep(60)"
    )
    path = tmp_path / "one"
    process = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert read_reservations(path) == {("bud_1", "ann"): 77}
