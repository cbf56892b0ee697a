"""What is kept of requests is written off the path: bounded, each once, and the last ones too."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.fakes.configured_engines import SETTINGS as OFF
from tests.storage.test_bodies import captured

from homeport.bootstrap import capture
from homeport.bootstrap.behind import write_behind
from homeport.bootstrap.capture import Scribe, body_store
from homeport.config.capture import CaptureSettings
from homeport.config.home import Home
from homeport.core.captured import Captured
from homeport.storage.bodies import BodyStore

SETTINGS = OFF.model_copy(update={"capture": CaptureSettings(enabled=True)})


class Meeting(bytes):
    """A body; whoever asks for its length is met by another request."""

    meet: Callable[[], None]

    def __len__(self) -> int:
        self.meet()
        return 1


def scribe(folder: Path) -> Scribe:
    return Scribe(SETTINGS, Home(folder))


def kept(folder: Path, *names: str) -> list[bool]:
    store = body_store(SETTINGS, Home(folder))
    return [store.get(name) is not None for name in names]


def sized(name: str, size: int) -> Captured:
    return msgspec.structs.replace(captured(name), body=b"x" * size, answer=b"")


def test_nothing_is_kept_where_it_is_off(tmp_path: Path) -> None:
    assert scribe(tmp_path).stage(OFF) is None
    assert scribe(tmp_path).stage(SETTINGS) is not None


def test_what_waits_is_bounded_in_bytes_and_in_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(capture, "_MOST_BYTES", 100)
    monkeypatch.setattr(capture, "_MOST", 3)
    one = scribe(tmp_path)
    for name, size in (("a", 60), ("b", 60), ("c", 40), ("d", 0), ("e", 0)):
        one.keep(sized(name, size))
    one.flush()
    assert kept(tmp_path, *"abcde") == [True, False, True, True, False]
    assert "2 requests were not kept" in caplog.text
    one.keep(sized("f", 100))
    one.flush()
    assert kept(tmp_path, "f") == [True], "there is room again"


def test_what_comes_while_another_is_written_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(capture, "_MOST_BYTES", 100)
    monkeypatch.setattr(BodyStore, "put", lambda _, one: written.append(one.request_id))
    one, calls = scribe(tmp_path), iter([None, lambda: one.keep(sized("b", 80))])

    def meet() -> None:
        if (come := next(calls, None)) is not None:
            come()

    body = Meeting(b"x")
    body.meet = meet
    one.keep(msgspec.structs.replace(captured("a"), body=body, answer=b""))
    one.flush()
    for name in ("c", "d"):
        one.keep(sized(name, 60))
    one.flush()
    assert written == ["a", "b", "c"]


def test_what_cannot_be_written_is_given_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Home(tmp_path).captured.write_text("a file in its place")
    one = scribe(tmp_path)
    one.keep(captured("a"))
    one.flush()
    assert "request a was not kept" in caplog.text


async def test_what_still_waits_at_the_end_is_written(tmp_path: Path) -> None:
    one = scribe(tmp_path)
    task = asyncio.create_task(one.run())
    await asyncio.sleep(0)
    one.keep(captured("a"))
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert kept(tmp_path, "a") == [True]


async def test_the_end_waits_for_what_is_being_written() -> None:
    """Two that write at once would take from each other what waits."""
    began, go_on = threading.Event(), threading.Event()
    writing: list[int] = []
    most: list[int] = []

    def flush() -> None:
        writing.append(1)
        most.append(len(writing))
        if len(most) == 1:
            began.set()
            go_on.wait(5)
        writing.pop()

    task = asyncio.create_task(write_behind([1], flush, 0.0))
    await asyncio.to_thread(began.wait, 5)
    task.cancel()
    asyncio.get_running_loop().call_soon(threading.Timer(0.05, go_on.set).start)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert most == [1, 1]
