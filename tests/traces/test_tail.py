"""Requests are told as they end, whoever answered them, and a slow watcher holds nobody up."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from homeport.core.errors import CapacityError
from homeport.storage.journal import Journal
from homeport.storage.request_filter import RequestFilter
from homeport.traces import tail as tail_module
from homeport.traces.tail import JournalEnds, Tail, Watcher
from tests.storage.events import finished

WRITER = """
import sys
from pathlib import Path
from homeport.storage.journal import Journal
from tests.storage.events import finished
journal = Journal(Path(sys.argv[1]))
print("ready", flush=True)
for line in sys.stdin:
    journal.record(finished(line.strip()))
"""


async def ids(watcher: Watcher, count: int) -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            found += [row.request_id for row in await watcher.next(0.2) or ()]
    return found


async def test_what_ends_from_now_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.record(finished("before"))
    tail = Tail(tmp_path, every_s=0.01)
    async with tail.watch() as one, tail.watch(RequestFilter(key_id="nobody")) as other:
        journal.record(finished("r1"))
        journal.record(finished("r2"))
        assert await ids(one, 2) == ["r1", "r2"]
        assert await other.next(0.05) == []
    async with tail.watch() as again:
        journal.record(finished("r3"))
        assert await ids(again, 1) == ["r3"]
    journal.close()


async def test_all_processes_are_told_of(tmp_path: Path) -> None:
    tail = Tail(tmp_path, every_s=0.01)
    own = Journal(tmp_path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    async with tail.watch() as watcher:
        with subprocess.Popen(
            (sys.executable, "-c", WRITER, str(tmp_path)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        ) as other:
            assert other.stdin is not None
            assert other.stdout is not None
            assert await asyncio.to_thread(other.stdout.readline) == "ready\n"
            other.stdin.write("theirs\n")
            other.stdin.flush()
            own.record(finished("ours"))
            assert sorted(await ids(watcher, 2)) == ["ours", "theirs"]
            other.stdin.close()
    own.close()


async def test_a_segment_that_is_ingested_meanwhile_is_read_to_its_end(tmp_path: Path) -> None:
    reader = JournalEnds(tmp_path)
    journal = Journal(tmp_path)
    journal.record(finished("r0"))
    reader.skip()
    journal.record(finished("r1"))
    journal.close()
    for path in tmp_path.glob("*.journal"):
        path.unlink()
    assert [event.request_id for event in reader.read()[0]] == ["r1"]
    assert reader.read() == ([], 0)
    reader.close()


async def test_a_torn_frame_waits_for_its_end(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "whole")
    journal.record(finished("r1"))
    journal.close()
    [segment] = (tmp_path / "whole").glob("*.journal")
    data, torn = segment.read_bytes(), tmp_path / "torn"
    torn.mkdir()
    reader = JournalEnds(torn)
    with (torn / segment.name).open("wb", buffering=0) as file:
        file.write(data[:20])
        assert reader.read() == ([], 0)
        file.write(data[20:] + b"\x00rubbish")
        assert [event.request_id for event in reader.read()[0]] == ["r1"]
        file.write(data)
        assert [event.request_id for event in reader.read()[0]] == ["r1"]
    reader.close()


async def test_a_watcher_that_does_not_look_loses_and_is_told_how_many(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    tail = Tail(tmp_path, every_s=0.01, most_waiting=10)
    async with tail.watch() as slow, tail.watch() as quick:
        seen: list[str] = []
        for number in range(40):
            journal.record(finished(f"r{number}"))
            if number % 8 == 7:
                seen += await ids(quick, 8)
        assert len(seen) == 40
        rows = await slow.next(1)
        assert rows is not None
        assert (len(rows), slow.dropped, quick.dropped) == (10, 30, 0)
    journal.close()


async def test_of_what_is_too_much_the_latest_is_read_and_the_rest_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_module, "_READ_BYTES", 3_000)
    reader = JournalEnds(tmp_path)
    journal = Journal(tmp_path)
    reader.skip()
    for number in range(50):
        journal.record(finished(f"r{number}"))
    events, passed = reader.read(1)
    assert (len(events), passed) == (1, 49)
    for number in range(3):
        journal.record(finished(f"s{number}"))
    events, passed = reader.read(2)
    assert ([event.request_id for event in events], passed) == (["s1", "s2"], 1)
    journal.record(finished("unread"))
    assert reader.read(0) == ([], 1)
    journal.record(finished("last"))
    assert [event.request_id for event in reader.read()[0]] == ["last"]
    journal.close()
    reader.close()


async def test_megabytes_that_no_frame_explains_are_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_module, "_READ_BYTES", 3_000)
    journal = Journal(tmp_path)
    journal.record(finished("r0"))
    reader = JournalEnds(tmp_path)
    reader.skip()
    [segment] = tmp_path.glob("*.journal")
    with segment.open("ab") as file:
        file.write(b"x" * 9_000)
    assert reader.read() == ([], 0)
    journal.record(finished("r1"))
    assert [event.request_id for event in reader.read()[0]] == ["r1"]
    journal.close()
    reader.close()


async def test_no_more_is_told_than_anybody_can_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "_READ_PER_S", 1)
    journal = Journal(tmp_path)
    tail = Tail(tmp_path, every_s=0.01, most_waiting=2_000)
    async with tail.watch() as watcher:
        for number in range(2_500):
            journal.record(finished(f"r{number}"))
        came: list[str] = []
        async with asyncio.timeout(10):
            while len(came) + watcher.dropped < 2_500:
                came += [row.request_id for row in await watcher.next(0.2) or ()]
    assert len(came) < 100
    assert watcher.dropped == 2_500 - len(came)
    journal.close()


async def test_what_comes_at_once_after_a_pause_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "_READ_PER_S", 1_000)
    journal = Journal(tmp_path)
    tail = Tail(tmp_path, every_s=0.01, most_waiting=2_000)
    async with tail.watch() as watcher:
        await asyncio.sleep(1.5)
        for number in range(2_000):
            journal.record(finished(f"r{number}"))
        assert len(await ids(watcher, 2_000)) == 2_000
        assert watcher.dropped == 0
    journal.close()


async def test_where_not_all_can_be_told_few_are_and_all_again_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_module, "_READ_PER_S", 400)
    monkeypatch.setattr(tail_module, "_SAMPLED_PER_S", 20)
    journal = Journal(tmp_path)
    tail = Tail(tmp_path, every_s=0.01, most_waiting=2_000)
    clock = asyncio.get_running_loop().time
    async with tail.watch() as watcher:
        begun = clock()
        for number in range(3_000):
            journal.record(finished(f"r{number}"))
            if number % 30 == 29:
                await asyncio.sleep(0.005)
        told = 0
        while told + watcher.dropped < 3_000:
            told += len(await watcher.next(0.5) or ())
        assert watcher.dropped > 0
        assert told < 400 + 100 * (clock() - begun), "a quarter of what is told where all can be"
        watcher.dropped = 0
        await asyncio.sleep(0.5)
        for number in range(20):
            journal.record(finished(f"s{number}"))
            await asyncio.sleep(0.01)
        assert await ids(watcher, 20) == [f"s{number}" for number in range(20)]
        assert watcher.dropped == 0
    journal.close()


async def test_nobody_reads_while_nobody_watches(tmp_path: Path) -> None:
    tail = Tail(tmp_path, every_s=0.01)
    async with tail.watch():
        await asyncio.sleep(0.02)
    before = len(asyncio.all_tasks())
    await asyncio.sleep(0.1)
    assert len(asyncio.all_tasks()) < before + 1
    assert [task.get_coro() for task in asyncio.all_tasks() if "_follow" in repr(task)] == []


async def test_the_end_of_the_process_ends_watching(tmp_path: Path) -> None:
    tail = Tail(tmp_path, every_s=0.01)
    async with tail.watch() as watcher:
        tail.close()
        assert await watcher.next(5) is None
    with pytest.raises(CapacityError):
        async with tail.watch():
            pass


async def test_there_are_not_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "_MOST_WATCHERS", 1)
    tail = Tail(tmp_path, every_s=0.01)
    async with tail.watch():
        with pytest.raises(CapacityError) as refused:
            async with tail.watch():
                pass
        assert refused.value.code == "tail_full"
