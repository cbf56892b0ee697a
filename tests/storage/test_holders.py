"""A holder lives while its process does, and its name says whose it is."""

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from homeport.core.errors import StorageError
from homeport.storage.holders import Holder, LivingHolder, dead_holders, forget_holder, read_home_id

HOME = "0123456789ab"


def hold(folder: Path, pipe: Connection) -> None:
    holder = LivingHolder(folder, HOME)
    pipe.send(holder.name)
    pipe.recv()


def test_a_holder_is_dead_once_its_process_is_killed(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=hold, args=(tmp_path, there))
    process.start()
    name = here.recv()
    own = LivingHolder(tmp_path, HOME)
    assert dead_holders(tmp_path) == []
    process.kill()
    process.join()
    process.close()
    (dead,) = dead_holders(tmp_path)
    assert dead.name == name
    assert dead_holders(tmp_path) == [dead], "looking at it is not reconciling it"
    forget_holder(tmp_path, dead)
    forget_holder(tmp_path, dead)
    assert dead_holders(tmp_path) == []
    own.close()
    assert dead_holders(tmp_path) == [own.holder]
    for end in (here, there):
        end.close()


def test_names_are_read_back_and_strangers_are_left_alone(tmp_path: Path) -> None:
    holder = Holder(HOME, "f" * 16)
    assert Holder.parse(holder.name) == holder
    assert len(holder.name) <= 40
    for name in ("", "1234", f"{HOME}-", f"{HOME}-{'F' * 16}", f"{holder.name}\n", f"../{holder.name}"):
        assert Holder.parse(name) is None
    (tmp_path / "0-stranger").touch()
    assert dead_holders(tmp_path) == []
    assert dead_holders(tmp_path / "missing") == []


def test_a_state_folder_keeps_its_id(tmp_path: Path) -> None:
    path = tmp_path / "home.id"
    made = read_home_id(path)
    assert (read_home_id(path), len(made)) == (made, 12)
    assert read_home_id(tmp_path / "other.id") != made
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "other.id"]


@pytest.mark.parametrize("written", ["", "0123456789AB", "0123456789abcd", "\udcff"])
def test_what_is_not_an_id_is_refused(tmp_path: Path, written: str) -> None:
    path = tmp_path / "home.id"
    path.write_bytes(written.encode("utf-8", "surrogateescape"))
    with pytest.raises(StorageError) as caught:
        read_home_id(path)
    assert caught.value.code == "home_id_invalid"


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for attempt in (lambda: LivingHolder(tmp_path / "file", HOME), lambda: read_home_id(tmp_path / "no" / "home.id")):
        with pytest.raises(StorageError) as caught:
            attempt()
        assert caught.value.code == "budget_unavailable"
