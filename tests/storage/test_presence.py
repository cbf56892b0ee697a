"""What processes say of themselves is added up while they live."""

import multiprocessing
import os
from multiprocessing.connection import Connection
from pathlib import Path

from homeport.storage.presence import Presence, total


def live(folder: Path, number: int, pipe: Connection) -> None:
    with Presence(folder) as presence:
        presence.say(number)
        pipe.send("said")
        pipe.recv()


def test_the_living_are_added_up_and_the_dead_are_not(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    assert total(tmp_path / "missing") == 0
    processes = []
    for number in (3, 4):
        here, there = context.Pipe()
        process = context.Process(target=live, args=(tmp_path, number, there))
        process.start()
        assert here.recv() == "said"
        processes.append((process, here))
    assert total(tmp_path) == 7
    processes[0][0].kill()
    processes[0][0].join()
    assert total(tmp_path) == 4
    assert len(list(tmp_path.iterdir())) == 1
    processes[1][1].send("go")
    processes[1][0].join()
    assert total(tmp_path) == 0
    for process, pipe in processes:
        process.close()
        pipe.close()


def test_who_has_said_nothing_yet_counts_nothing_and_is_not_removed(tmp_path: Path) -> None:
    with Presence(tmp_path) as presence:
        assert total(tmp_path) == 0
        presence.say(5)
        presence.say(5)
        assert total(tmp_path) == 5
        presence.say(2)
        assert total(tmp_path) == 2
    assert total(tmp_path) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_was_taken_by_a_dead_process_is_taken_again(tmp_path: Path) -> None:
    (tmp_path / str(os.getpid())).write_bytes((9).to_bytes(8, "big"))
    with Presence(tmp_path):
        assert total(tmp_path) == 0
