"""Children are kept running, end when told to, and leave nothing behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from homeport.core.errors import ConfigError, EngineError
from homeport.engines.supervisor import Child, ChildSpec
from tests.engines.children import SERVE, STUBBORN, UP, descriptors, is_running, spec


@asynccontextmanager
async def running(child: Child) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(child.run())
    try:
        await said(child, "up", task)
        yield task
    finally:
        await child.stop()
        await task


async def said(child: Child, line: str, task: asyncio.Task[None]) -> None:
    await until(lambda: line in child.last_lines, task)


async def restarted(child: Child, times: int, task: asyncio.Task[None]) -> None:
    await until(lambda: child.restarts == times and child.pid is not None, task)


async def until(true: Callable[[], object], task: asyncio.Task[None]) -> None:
    """Poll, for what happens in another process; the suite's timeout bounds it."""
    while not true():
        assert not task.done(), task
        await asyncio.sleep(0.005)


async def test_it_reads_its_launch_and_prints_to_its_log(tmp_path: Path) -> None:
    program = f"import sys; print('got', sys.stdin.readline().strip()); print('err', file=sys.stderr); {SERVE}"
    child = Child(spec(tmp_path, program, stdin=b'{"port": 1}\n'))
    async with running(child):
        assert set(child.last_lines) == {'got {"port": 1}', "err", "up"}
        pid = child.pid
        assert pid is not None
        assert is_running(pid)
    assert (child.pid, child.restarts) == (None, 0)
    assert set((tmp_path / "child.log").read_text().split("\n")) == {'got {"port": 1}', "err", "up", ""}


async def test_killed_it_starts_again_and_waits_longer_each_time(tmp_path: Path) -> None:
    exits: list[tuple[str, int, float]] = []
    child = Child(spec(tmp_path, SERVE), on_exit=lambda *exit: exits.append(exit))
    pids = set()
    async with running(child) as task:
        for kills in range(1, 4):
            assert child.pid is not None
            pids.add(child.pid)
            os.kill(child.pid, signal.SIGKILL)
            await restarted(child, kills, task)
    assert exits == [("child", -signal.SIGKILL, 0.1), ("child", -signal.SIGKILL, 0.2), ("child", -signal.SIGKILL, 0.4)]
    assert len(pids) == child.restarts == 3
    assert not any(is_running(pid) for pid in pids)


async def test_an_exit_by_itself_is_told_with_its_code(tmp_path: Path) -> None:
    exits: list[int] = []
    child = Child(spec(tmp_path, f"{UP}; raise SystemExit(7)"), on_exit=lambda _, code, __: exits.append(code))
    async with running(child) as task:
        await until(lambda: exits, task)
    assert exits[0] == 7


async def test_stopping_asks_first(tmp_path: Path) -> None:
    marker = tmp_path / "asked"
    program = (
        "import signal, pathlib, sys, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path({str(marker)!r}).touch(), sys.exit(0)))\n"
        f"{UP}\ntime.sleep(600)"
    )
    async with running(Child(spec(tmp_path, program))):
        pass
    assert marker.exists()


async def test_stopping_kills_what_does_not_listen(tmp_path: Path) -> None:
    child = Child(spec(tmp_path, STUBBORN, grace=0.05))
    async with running(child) as task:
        pid = child.pid
        assert pid is not None
        await child.stop()
        await task
        assert not is_running(pid)
        await child.stop()


async def test_stopping_before_the_start(tmp_path: Path) -> None:
    child = Child(spec(tmp_path, SERVE))
    await child.stop()
    await child.run()
    assert not (tmp_path / "child.log").exists()


async def test_stopping_during_the_start(tmp_path: Path) -> None:
    """A stop between two starts must not be lost, or the supervisor would wait for ever."""
    preparing, go_on = asyncio.Event(), asyncio.Event()

    async def prepare() -> None:
        preparing.set()
        await go_on.wait()

    child = Child(spec(tmp_path, STUBBORN), before_start=prepare)
    task = asyncio.create_task(child.run())
    await preparing.wait()
    await child.stop()
    go_on.set()
    await task
    assert child.pid is None


async def test_stopping_between_two_starts(tmp_path: Path) -> None:
    child = Child(spec(tmp_path, UP))
    task = asyncio.create_task(child.run())
    await until(lambda: child.restarts == 2, task)
    await child.stop()
    await task
    assert child.pid is None


async def test_what_cannot_be_started(tmp_path: Path) -> None:
    before = descriptors()
    child = Child(ChildSpec(name="gone", argv=(str(tmp_path / "nothing"),), stdin=b"", log=tmp_path / "child.log"))
    with pytest.raises(EngineError, match="gone cannot be started") as caught:
        await child.run()
    assert caught.value.hint
    assert descriptors() == before


async def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(EngineError):
        await Child(spec(tmp_path / "no folder", SERVE)).run()


async def test_what_is_done_before_a_start_can_end_it(tmp_path: Path) -> None:
    async def refuse() -> None:
        raise ConfigError("the package is broken")

    with pytest.raises(ConfigError):
        await Child(spec(tmp_path, SERVE), before_start=refuse).run()
    assert not (tmp_path / "child.log").exists()


async def test_it_is_done_before_each_start(tmp_path: Path) -> None:
    starts: list[int] = []

    async def note() -> None:
        starts.append(1)

    child = Child(spec(tmp_path, UP), before_start=note)
    task = asyncio.create_task(child.run())
    await until(lambda: child.restarts == 2, task)
    await child.stop()
    await task
    assert len(starts) in {2, 3}


async def test_very_long_and_odd_lines(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "out = sys.stdout.buffer\n"
        "out.write(b'x' * 1_000_000 + b'\\n\\n \\n')\n"
        "out.write(b'\\xff\\xfe broken %s {} text\\r\\n')\n"
        "out.write(b'y' * 65536 + b'\\n')\n"
        "out.write(b' 0%\\r 50%\\r100%\\n')\n"
        "out.flush()\n" + SERVE
    )
    child = Child(spec(tmp_path, program))
    async with running(child):
        assert all(line.strip() for line in child.last_lines)
        assert "\ufffd\ufffd broken %s {} text" in child.last_lines
        assert "100%" in child.last_lines
    lines = (tmp_path / "child.log").read_text().splitlines()
    assert sum(len(line) for line in lines if set(line) == {"x"}) == 1_000_000
    assert sum(len(line) for line in lines if set(line) == {"y"}) == 65_536


async def test_the_log_is_bounded(tmp_path: Path) -> None:
    program = f"import sys\nfor n in range(450): sys.stdout.write('z' * 60_000 + chr(10))\nsys.stdout.flush()\n{SERVE}"
    async with running(Child(spec(tmp_path, program))):
        pass
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {"child.log", "child.log.1"}
    assert all(0 < size <= 8 << 20 for size in sizes.values())


async def test_what_a_child_started_dies_with_it(tmp_path: Path) -> None:
    """Otherwise it keeps the output open, and nobody notices that the child is gone."""
    reading, writing = os.pipe()
    program = (
        "import subprocess, sys, time\n"
        "argv = [sys.executable, '-S', '-c', 'import time; time.sleep(600)']\n"
        f"subprocess.Popen(argv, pass_fds=({writing},)); {UP}; time.sleep(600)"
    )
    exits: list[int] = []
    child = Child(spec(tmp_path, program, pass_fds=(writing,)), on_exit=lambda _, code, __: exits.append(code))
    with os.fdopen(reading, "rb") as pipe:
        async with running(child) as task:
            pid = child.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await until(lambda: exits, task)
        os.close(writing)
        assert pipe.read() == b""


async def test_cancelling_the_supervision_kills_the_child(tmp_path: Path) -> None:
    child = Child(spec(tmp_path, STUBBORN))
    task = asyncio.create_task(child.run())
    await said(child, "up", task)
    pid = child.pid
    assert pid is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_running(pid)


async def test_nothing_is_left(tmp_path: Path) -> None:
    async def once() -> None:
        async with running(Child(spec(tmp_path, SERVE))):
            pass

    await once()  # The first child makes the event loop open what it keeps.
    before = descriptors()
    await once()
    await asyncio.sleep(0)
    assert descriptors() == before
    assert asyncio.all_tasks() == {asyncio.current_task()}


_PARENT = """
import asyncio, os, sys
from pathlib import Path
from homeport.engines.supervisor import Child, ChildSpec

argv = (sys.executable, "-S", "-c", "import sys; print('up', flush=True); sys.stdin.buffer.read()")
spec = ChildSpec(name="c", argv=argv, stdin=b"", log=Path(sys.argv[1]), pass_fds=(int(sys.argv[2]),))

async def main():
    child = Child(spec)
    task = asyncio.create_task(child.run())
    while "up" not in child.last_lines:
        await asyncio.sleep(0.005)
    print("ready", flush=True)
    await task

asyncio.run(main())
"""


async def test_a_child_notices_that_its_supervisor_was_killed(tmp_path: Path) -> None:
    """It holds the end of a pipe; end of file there means that the child is gone too."""
    reading, writing = os.pipe()
    argv = [sys.executable, "-c", _PARENT, str(tmp_path / "child.log"), str(writing)]
    with (
        subprocess.Popen(argv, stdout=subprocess.PIPE, pass_fds=(writing,)) as parent,
        os.fdopen(reading, "rb") as pipe,
    ):
        os.close(writing)
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        parent.kill()
        assert pipe.read() == b""
