"""Requests that were kept whole: found again, readable by their owner alone, never too many."""

import zlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.captured import Captured
from homeport.core.errors import StorageError
from homeport.core.types import DataClass, Surface
from homeport.storage.bodies import BodyStore

DAY_NS = 86_400 * 1_000_000_000
NOW = 20_000 * DAY_NS + 5


def captured(request_id: str = "req_1", *, at: int = NOW, body: bytes = b"{}") -> Captured:
    return Captured(
        request_id=request_id,
        at=at,
        key_id="key",
        project="acme",
        trace_id="",
        data_class=DataClass.OPEN,
        surface=Surface.CHAT,
        body=body,
        target="own",
        upstream="pool",
        model="own",
        local=True,
        revision="r",
        answered=Surface.CHAT,
        stream=False,
        status=200,
        answer=b"{}",
    )


def store(folder: Path, *, keep_days: int = 7, most_bytes: int = 1 << 30) -> BodyStore:
    return BodyStore(folder / "captured", keep_days=keep_days, most_bytes=most_bytes)


def files(folder: Path) -> list[Path]:
    """Bodies, and not the notes of what is new."""
    return sorted(path for path in (folder / "captured").glob("[0-9]*/*") if path.is_file())


def test_what_was_put_is_found_by_its_id(tmp_path: Path) -> None:
    one = captured()
    store(tmp_path).put(one)
    assert store(tmp_path).get("req_1") == one
    assert store(tmp_path).get("req_2") is None


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    store(tmp_path).put(captured())
    (path,) = files(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.parents[1].stat().st_mode & 0o777 == 0o700


@given(st.text())
def test_an_id_never_leaves_the_folder(tmp_path_factory: pytest.TempPathFactory, word: str) -> None:
    folder = tmp_path_factory.mktemp("house")
    kept = store(folder)
    for request_id in (word, f"../{word}", f"{word}/x"):
        kept.put(captured(request_id))
        assert kept.get(request_id) in (None, captured(request_id))
    assert {path.name for path in folder.iterdir()} <= {"captured"}
    assert not any(path.stem == "x" for path in files(folder))


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    kept = store(tmp_path, keep_days=2)
    for age in range(5):
        kept.put(captured(f"req_{age}", at=NOW - age * DAY_NS))
    assert kept.tidy(NOW) == 2
    assert kept.since() == NOW - 5 - 2 * DAY_NS
    assert [kept.get(f"req_{age}") is not None for age in range(5)] == [True, True, True, False, False]
    assert kept.tidy(NOW + 30 * DAY_NS) == 3
    assert kept.since() == 0
    assert [path.name for path in (tmp_path / "captured").iterdir()] == ["new"]


def test_a_folder_that_fills_up_is_tidied_by_the_one_who_writes(tmp_path: Path) -> None:
    kept = store(tmp_path, most_bytes=100_000)
    for number in range(60):
        kept.put(captured(f"req_{number}", body=b"x" * 5_000))
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 120_000
    assert kept.get("req_59") is not None


def test_a_file_that_was_cut_off_is_said_to_be(tmp_path: Path) -> None:
    store(tmp_path).put(captured())
    (path,) = files(tmp_path)
    wrong = msgspec.msgpack.encode({"request_id": 3})
    for data in (path.read_bytes()[:-3], b"", b"\xc1", wrong, zlib.compress(wrong), zlib.compress(b"")):
        path.write_bytes(data)
        with pytest.raises(StorageError) as refused:
            store(tmp_path).get("req_1")
        assert refused.value.code == "captured_unreadable"


def test_what_an_earlier_release_kept_is_read(tmp_path: Path) -> None:
    one = captured("req_old")
    day = tmp_path / "captured" / str(NOW // DAY_NS)
    day.mkdir(parents=True)
    (day / "req_old.msgpack").write_bytes(msgspec.msgpack.encode(one))
    assert store(tmp_path).get("req_old") == one
    store(tmp_path).renew()
    assert store(tmp_path).new(5) == ["req_old"]
    assert store(tmp_path).has("req_old", NOW)
    assert store(tmp_path).remove("req_old")
    assert not store(tmp_path).has("req_old", NOW)


def test_it_takes_less_room_than_it_says(tmp_path: Path) -> None:
    one = captured(body=b'{"messages":[{"role":"user","content":"the same words again"}]}' * 100)
    store(tmp_path).put(one)
    (path,) = files(tmp_path)
    assert path.stat().st_size < len(one.body) / 10


def test_what_is_new_is_told_until_it_was_seen(tmp_path: Path) -> None:
    kept = store(tmp_path)
    assert kept.new(10) == []
    kept.seen(["req_0"])
    for number in range(3):
        kept.put(captured(f"req_{number}"))
    assert sorted(kept.new(10)) == ["req_0", "req_1", "req_2"]
    assert len(kept.new(2)) == 2
    kept.seen(["req_0", "req_2", "req_9"])
    assert kept.new(10) == ["req_1"]
    kept.renew()
    assert sorted(kept.new(10)) == ["req_0", "req_1", "req_2"]


def test_one_is_forgotten(tmp_path: Path) -> None:
    kept = store(tmp_path)
    kept.put(captured("req_1"))
    kept.put(captured("req_2"))
    assert kept.has("req_1", NOW)
    assert not kept.has("req_1", NOW - DAY_NS)
    assert kept.remove("req_1")
    assert not kept.remove("req_1")
    assert not kept.remove("../req_2")
    assert not kept.has("../req_2", NOW)
    assert (kept.get("req_1"), kept.get("req_2")) == (None, captured("req_2"))


def test_a_folder_that_cannot_be_written_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "captured").write_text("a file")
    with pytest.raises(StorageError) as refused:
        store(tmp_path).put(captured())
    assert refused.value.code == "captured_unusable"


def test_nothing_kept_is_nothing_found(tmp_path: Path) -> None:
    assert store(tmp_path).get("req_1") is None
    assert store(tmp_path).tidy(NOW) == 0
